package main

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/shannon-labs/scu/daemon/supervise"
)

// withHugePages gives this process the environment in which XLA is quick. The C library reads it only when a process
// starts, so unless it is set already this process starts anew, with the same arguments, and does not return.
func withHugePages() error {
	environment := supervise.WorkerEnvironment(os.Environ(), nil)
	if slices.Equal(environment, os.Environ()) {
		return nil
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's own file: %w", err)
	}
	return syscall.Exec(executable, os.Args, environment)
}
