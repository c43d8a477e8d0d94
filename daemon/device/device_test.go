package device

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/protocol"
)

const twoGPUs = `0, GPU-5a3c1c2e-0f5e-4d2b-9f8e-1a2b3c4d5e6f, 81559
1, GPU-77e0a0b1-9c1d-4c55-8a44-0badc0ffee00, 24564
`

// installNvidia puts a program called nvidia-smi first on the PATH. Tests that use it are not parallel.
func installNvidia(t *testing.T, script string) {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "nvidia-smi"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", directory+":"+os.Getenv("PATH"))
}

func printing(text string) string { return "cat <<'EOF'\n" + text + "EOF\n" }

func TestDevicesAreFoundInTheOrderInWhichTheyAreWanted(t *testing.T) {
	installNvidia(t, printing(twoGPUs))
	found, err := Find(t.Context(), []Wanted{{Name: "cuda:1", Memory: 20 << 30}, {Name: "cuda:0"}, {Name: "cpu", Memory: 5 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	want := []schedule.Device{
		{Name: "cuda:1", Kind: "cuda", Memory: 20 << 30}, {Name: "cuda:0", Kind: "cuda", Memory: 81559 << 20}, {Name: "cpu", Kind: "cpu", Memory: 5 << 30},
	}
	if !slices.Equal(found, want) {
		t.Errorf("%+v", found)
	}
}

func TestOnlyWhatTheDaemonMaySeeIsThere(t *testing.T) {
	installNvidia(t, printing(twoGPUs))
	t.Setenv(visibleVariable, "1")
	if _, err := Find(t.Context(), []Wanted{{Name: "cuda:1"}}); err != nil {
		t.Error(err)
	}
	_, err := Find(t.Context(), []Wanted{{Name: "cuda:0"}})
	checkNotFound(t, err, `"cuda:0"`, "there are cpu, cuda:1;")
}

func TestWithoutADriverThereIsNoGPU(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Find(t.Context(), []Wanted{{Name: "cuda:0"}})
	checkNotFound(t, err, "nvidia-smi is not installed", "there are cpu;")
	if found, err := Find(t.Context(), nil); err != nil || len(found) != 1 || found[0].Name != CPU || found[0].Memory < 1<<26 {
		t.Errorf("by default there is %+v (%v)", found, err)
	}
}

func TestADriverThatDoesNotAnswerIsNamed(t *testing.T) {
	installNvidia(t, "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'\nexit 9\n")
	_, err := Find(t.Context(), []Wanted{{Name: "cuda:0"}})
	checkNotFound(t, err, "could not communicate with the NVIDIA driver", "there are cpu;")
}

func TestUnknownAndRepeatedDevicesAreRefused(t *testing.T) {
	t.Parallel()
	_, err := Find(t.Context(), []Wanted{{Name: "tpu"}})
	checkNotFound(t, err, `"tpu"`, "cpu, or cuda:N")
	_, err = Find(t.Context(), []Wanted{{Name: "cpu"}, {Name: "cpu"}})
	var refused *protocol.Error
	if !errors.As(err, &refused) || refused.Code != protocol.CodeInvalidConfig || !strings.Contains(refused.Message, "twice") {
		t.Errorf("%v", err)
	}
}

func checkNotFound(t *testing.T, err error, message, hint string) {
	t.Helper()
	var refused *protocol.Error
	if !errors.As(err, &refused) || refused.Code != protocol.CodeDeviceNotFound || !strings.Contains(refused.Message, message) || !strings.Contains(refused.Hint, hint) {
		t.Errorf("%v, want an error with %q and the hint %q", err, message, hint)
	}
}

func TestAWorkerSeesItsDeviceAlone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"cpu": nil, "cuda:0": {"CUDA_DEVICE_ORDER=PCI_BUS_ID", "CUDA_VISIBLE_DEVICES=0"}, "cuda:12": {"CUDA_DEVICE_ORDER=PCI_BUS_ID", "CUDA_VISIBLE_DEVICES=12"},
	} {
		if got := Environment(name); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
		if kind, _, _ := strings.Cut(name, ":"); KindOf(name) != kind {
			t.Errorf("%s is of the kind %s", name, KindOf(name))
		}
	}
}

func TestMemoryIsLeftToOthers(t *testing.T) {
	t.Parallel()
	const gib, none = int64(1) << 30, int64(math.MaxInt64)
	for name, c := range map[string]struct{ machine, limit, want int64 }{
		"a large machine":       {100 * gib, none, 90 * gib},
		"a small machine":       {8 * gib, none, 7 * gib},
		"a tiny machine":        {2 * gib, none, gib + gib/2},
		"a group within it":     {100 * gib, 16 * gib, 16*gib - 128<<20},
		"a group as large":      {8 * gib, 8 * gib, 7 * gib},
		"a group beyond it":     {8 * gib, 64 * gib, 7 * gib},
		"a group of next to no": {8 * gib, 64 << 20, 48 << 20},
	} {
		if got := jobMemory(c.machine, c.limit); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestWhatNvidiaSays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "lists no GPU",
		"No devices were found\n":      "not an index",
		"0, GPU-1, [N/A]\n":            "how much memory",
		"0, GPU-1, 0\n":                "how much memory",
		"0, GPU-1\n":                   "not an index",
		"x, GPU-1, 100\n":              "how much memory",
		"0, GPU-1, 99999999999999\n":   "how much memory",
		"0, GPU-1, 1024\n1, [Unknown]": "not an index",
	} {
		if _, err := parseGPUs(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCUDAsOwnListOfVisibleGPUs(t *testing.T) {
	t.Parallel()
	gpus, err := parseGPUs(twoGPUs)
	if err != nil {
		t.Fatal(err)
	}
	for visible, want := range map[string][]int{
		"0": {0}, "1": {1}, "1,0": {1, 0}, " 1 , 0 ": {1, 0}, "0,-1,1": {0}, "1,7,0": {1}, "GPU-77": {1},
		"GPU-5a3c1c2e-0f5e-4d2b-9f8e-1a2b3c4d5e6f": {0}, "": nil, "-1": nil, "7": nil, "GPU-8": nil, "MIG-1": nil,
	} {
		named, err := visibleGPUs(gpus, visible)
		var indices []int
		for _, g := range named {
			indices = append(indices, g.index)
		}
		if !slices.Equal(indices, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v (%v)", visible, indices, err)
		}
	}
}

func FuzzParseGPUs(f *testing.F) {
	f.Add(twoGPUs)
	f.Add("0, GPU-1, [N/A]\n")
	f.Fuzz(func(t *testing.T, text string) {
		gpus, err := parseGPUs(text)
		if (err == nil) != (len(gpus) > 0) {
			t.Errorf("%d GPUs, %v", len(gpus), err)
		}
		for _, g := range gpus {
			if g.index < 0 || g.memory <= 0 {
				t.Errorf("%+v", g)
			}
		}
	})
}
