package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the CUDA runtime reads: how GPUs are numbered, and which it may see.
const (
	orderVariable   = "CUDA_DEVICE_ORDER"
	visibleVariable = "CUDA_VISIBLE_DEVICES"
)

// nvidiaTimeout is how long nvidia-smi may take. It takes up to some seconds where the driver has to be woken, and hangs
// where the driver does.
const nvidiaTimeout = 20 * time.Second

// gpu is what nvidia-smi tells of a GPU.
type gpu struct {
	index  int
	uuid   string
	memory int64 // bytes
}

func (g gpu) name() string { return fmt.Sprintf("%s:%d", CUDA, g.index) }

// listGPUs asks nvidia-smi. That there is none of either is an error.
func listGPUs(ctx context.Context) ([]gpu, error) {
	ctx, cancel := context.WithTimeout(ctx, nvidiaTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits")
	command.WaitDelay = time.Second // a child of its own may hold the pipe
	var output, complaints bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaints
	err := command.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("nvidia-smi is not installed, so there is no NVIDIA driver")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("nvidia-smi gave no answer: %w", ctx.Err())
	case err != nil:
		said := strings.TrimSpace(output.String() + complaints.String()) // it complains on either
		return nil, fmt.Errorf("nvidia-smi failed: %w: %s", err, said)
	}
	return parseGPUs(output.String())
}

// parseGPUs reads lines such as "0, GPU-5a3c…, 81559", the last in MiB.
func parseGPUs(text string) ([]gpu, error) {
	var gpus []gpu
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		fields := strings.Split(line, ",")
		if len(fields) != 3 {
			return nil, fmt.Errorf("nvidia-smi says %q, which is not an index, a UUID and a size", line)
		}
		index, indexErr := strconv.ParseUint(strings.TrimSpace(fields[0]), 10, 16)
		mebibytes, sizeErr := strconv.ParseUint(strings.TrimSpace(fields[2]), 10, 32)
		if indexErr != nil || sizeErr != nil || mebibytes == 0 { // such as [N/A]
			return nil, fmt.Errorf("nvidia-smi says %q, which does not tell how much memory the GPU has", line)
		}
		gpus = append(gpus, gpu{int(index), strings.TrimSpace(fields[1]), int64(mebibytes) << 20})
	}
	if len(gpus) == 0 {
		return nil, errors.New("nvidia-smi lists no GPU")
	}
	return gpus, nil
}

// visibleGPUs are those that CUDA_VISIBLE_DEVICES names, by number or by a UUID or its beginning. As for the CUDA runtime,
// the list ends at the first entry that names none.
func visibleGPUs(gpus []gpu, visible string) ([]gpu, error) {
	var named []gpu
	for entry := range strings.SplitSeq(visible, ",") {
		entry = strings.TrimSpace(entry)
		if strings.HasPrefix(entry, "MIG-") {
			return nil, fmt.Errorf("%s is %q, which names a part of a GPU; only whole GPUs are supported", visibleVariable, visible)
		}
		i := slices.IndexFunc(gpus, func(g gpu) bool {
			return entry == strconv.Itoa(g.index) || strings.HasPrefix(entry, "GPU-") && strings.HasPrefix(g.uuid, entry)
		})
		if i < 0 {
			break
		}
		named = append(named, gpus[i])
	}
	if len(named) == 0 {
		return nil, fmt.Errorf("%s is %q, which names none of the %d GPUs of this machine", visibleVariable, visible, len(gpus))
	}
	return named, nil
}
