// Package device finds the devices of this machine that jobs may run on, says how much of their memory jobs may take, and
// how a worker is confined to one of them. It opens no device: what it knows of GPUs it has from nvidia-smi, which comes
// with their driver.
//
// A device is "cpu" or "cuda:N", where N is the number that nvidia-smi shows. A program would number GPUs by their speed
// unless told to go by their place on the bus, as nvidia-smi does; [Environment] tells workers so. Where the daemon itself
// is confined by CUDA_VISIBLE_DEVICES, the GPUs that it names are there and no others, under the same numbers.
package device

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/protocol"
)

// The kinds of device.
const (
	CPU  = "cpu"
	CUDA = "cuda"
)

// Wanted is a device as the configuration has it.
type Wanted struct {
	Name   string // cpu or cuda:N
	Memory int64  // bytes that jobs may take of it in all; 0 means what it has, less a reserve
}

// KindOf is the kind of a device of this name: what is before the colon.
func KindOf(name string) string {
	kind, _, _ := strings.Cut(name, ":")
	return kind
}

// Environment is what a worker's environment must have, as KEY=value, for the worker to see this device and no other of
// its kind.
func Environment(name string) []string {
	kind, number, _ := strings.Cut(name, ":")
	if kind != CUDA {
		return nil
	}
	return []string{orderVariable + "=PCI_BUS_ID", visibleVariable + "=" + number}
}

// Find looks for the devices that are wanted, in their order, and says how much memory jobs may take of each. Without any,
// the CPU is meant. What is not there is a *[protocol.Error] that names what is.
func Find(ctx context.Context, wanted []Wanted) ([]schedule.Device, error) {
	if len(wanted) == 0 {
		wanted = []Wanted{{Name: CPU}}
	}
	there := []schedule.Device{}
	if slices.ContainsFunc(wanted, func(w Wanted) bool { return KindOf(w.Name) == CPU }) {
		memory, err := hostMemory()
		if err != nil {
			return nil, err
		}
		there = append(there, schedule.Device{Name: CPU, Kind: CPU, Memory: memory})
	}
	var whyNone error // why no GPU was found
	if slices.ContainsFunc(wanted, func(w Wanted) bool { return KindOf(w.Name) == CUDA }) {
		var gpus []gpu
		if gpus, whyNone = listGPUs(ctx); whyNone == nil {
			visible, restricted := os.LookupEnv(visibleVariable)
			if restricted {
				gpus, whyNone = visibleGPUs(gpus, visible)
			}
		}
		for _, g := range gpus {
			there = append(there, schedule.Device{Name: g.name(), Kind: CUDA, Memory: g.memory})
		}
	}
	return choose(wanted, there, whyNone)
}

// choose takes the devices that are wanted out of those that are there.
func choose(wanted []Wanted, there []schedule.Device, whyNone error) ([]schedule.Device, error) {
	var chosen []schedule.Device
	for _, w := range wanted {
		i := slices.IndexFunc(there, func(d schedule.Device) bool { return d.Name == w.Name })
		if i < 0 {
			return nil, notFound(w.Name, there, whyNone)
		}
		if slices.ContainsFunc(chosen, func(d schedule.Device) bool { return d.Name == w.Name }) {
			return nil, protocol.NewError(protocol.CodeInvalidConfig, "the device %s is named twice", w.Name).
				WithHint("name each device once; several jobs run on one device when its memory holds them")
		}
		device := there[i]
		if w.Memory > 0 {
			device.Memory = w.Memory
		}
		chosen = append(chosen, device)
	}
	return chosen, nil
}

func notFound(name string, there []schedule.Device, whyNone error) error {
	names := []string{CPU} // is always there, though nobody may have asked
	for _, d := range there {
		if d.Name != CPU {
			names = append(names, d.Name)
		}
	}
	text := fmt.Sprintf("there is no device %q", name)
	if KindOf(name) == CUDA && whyNone != nil {
		text += ": " + whyNone.Error()
	}
	return protocol.NewError(protocol.CodeDeviceNotFound, "%s", text).
		WithHint("there are %s; a device is cpu, or cuda:N with a number that nvidia-smi shows", strings.Join(names, ", "))
}
