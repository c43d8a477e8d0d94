package model

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

// PluginVariable names directories, apart at colons, that are searched for the XLA plugin before the usual one.
const PluginVariable = "PJRT_PLUGIN_LIBRARY_PATH"

// FindPlugin returns the path of the XLA plugin for a device ("cpu" or "cuda"): in the directories of PluginVariable,
// then in directory.
func FindPlugin(device, directory string) (string, error) {
	if device != "cpu" && device != "cuda" {
		return "", fmt.Errorf("there is no device %q; use cpu or cuda", device)
	}
	name := "pjrt_c_api_" + device + "_plugin.so"
	searched := append(strings.Split(os.Getenv(PluginVariable), ":"), directory)
	for _, candidate := range searched {
		if candidate == "" {
			continue
		}
		path, err := filepath.Abs(filepath.Join(candidate, name))
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the XLA plugin %s is not installed in %s", name, directory)
}

// flagsVariable holds XLA's own settings, which it reads as the plugin is loaded.
const flagsVariable = "XLA_FLAGS"

// concurrencyScheduler is the setting of XLA's CPU compiler that orders a program for concurrency. Its order keeps more
// temporaries alive at once: a worker took 8 to 15 % more memory with it, and was no quicker on two cores.
const concurrencyScheduler = "--xla_cpu_enable_concurrency_optimized_scheduler="

// leanFlags turns the scheduler off, unless someone has set it.
func leanFlags(flags string) string {
	if strings.Contains(flags, concurrencyScheduler) {
		return flags
	}
	return strings.TrimSpace(flags + " " + concurrencyScheduler + "false")
}

// OpenDevice loads the plugin at path and opens its device. It lasts as long as the process.
func OpenDevice(path string) (compute.Backend, error) {
	xla.EnableAutoInstall(false) // what is missing is installed by "scu setup", never behind the user's back
	if err := os.Setenv(flagsVariable, leanFlags(os.Getenv(flagsVariable))); err != nil {
		return nil, fmt.Errorf("set %s: %w", flagsVariable, err)
	}
	backend, err := xla.New(path)
	if err != nil {
		return nil, fmt.Errorf("open the device of %s: %w", path, err)
	}
	return backend, nil
}
