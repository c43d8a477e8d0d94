package model

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gomlx/compute"
)

// testBackend opens XLA's CPU device once for the whole test program. It fails, rather than skips, without the plugin.
var testBackend = sync.OnceValues(func() (compute.Backend, error) {
	home := os.Getenv("SCU_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		home = filepath.Join(user, ".scu")
	}
	path, err := FindPlugin("cpu", filepath.Join(home, "pjrt"))
	if err != nil {
		return nil, err
	}
	return OpenDevice(path)
})

func openTestBackend(t testing.TB) compute.Backend {
	t.Helper()
	backend, err := testBackend()
	if err != nil {
		t.Fatal(err)
	}
	return backend
}

func TestFindPluginRefusesWhatIsNotThere(t *testing.T) {
	t.Setenv(PluginVariable, "")
	if _, err := FindPlugin("cpu", t.TempDir()); err == nil {
		t.Error("a plugin was found in an empty directory")
	}
	if _, err := FindPlugin("tpu", t.TempDir()); err == nil {
		t.Error("the device tpu was accepted")
	}
}

func TestFindPluginSearchesTheVariableFirst(t *testing.T) {
	named, usual := t.TempDir(), t.TempDir()
	for _, directory := range []string{named, usual} {
		if err := os.WriteFile(filepath.Join(directory, "pjrt_c_api_cpu_plugin.so"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(PluginVariable, named)
	if path, err := FindPlugin("cpu", usual); err != nil || filepath.Dir(path) != named {
		t.Errorf("found %s (%v), want the one in %s", path, err, named)
	}
	t.Setenv(PluginVariable, t.TempDir())
	if path, err := FindPlugin("cpu", usual); err != nil || filepath.Dir(path) != usual {
		t.Errorf("found %s (%v), want the one in %s", path, err, usual)
	}
}

func TestOpenDeviceRefusesAFileThatIsNoPlugin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(path, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDevice(path); err == nil {
		t.Error("it was opened")
	}
}

func TestSomeonesOwnFlagsAreKept(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"":                            concurrencyScheduler + "false",
		"--xla_dump_to=/tmp/x":        "--xla_dump_to=/tmp/x " + concurrencyScheduler + "false",
		concurrencyScheduler + "true": concurrencyScheduler + "true",
	} {
		if got := leanFlags(flags); got != want {
			t.Errorf("%q gave %q, want %q", flags, got, want)
		}
	}
}
