package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed requirements.txt
var requirements []byte

// ensureEnvironment returns the interpreter of a virtual environment with the pinned modules. It is made when it is not
// there or was made for other versions; the copy of requirements.txt in it is written last and says that it is whole.
//
// pip installs torch from the index that it is set up for. PyTorch's own index of CPU builds spares some gigabytes of
// CUDA libraries: name it in PIP_EXTRA_INDEX_URL.
func ensureEnvironment(ctx context.Context, directory string, log io.Writer) (string, error) {
	interpreter, made := filepath.Join(directory, "bin", "python"), filepath.Join(directory, "requirements.txt")
	if installed, err := os.ReadFile(made); err == nil && bytes.Equal(installed, requirements) {
		return interpreter, nil
	}
	fmt.Fprintf(log, "installing PyTorch, transformers and PEFT into %s, once\n", directory)
	if err := os.MkdirAll(filepath.Dir(directory), 0o700); err != nil {
		return "", err
	}
	if err := call(ctx, log, "python3", "-m", "venv", "--clear", directory); err != nil {
		return "", err
	}
	wanted := filepath.Join(directory, "wanted.txt")
	if err := os.WriteFile(wanted, requirements, 0o600); err != nil {
		return "", err
	}
	if err := call(ctx, log, interpreter, "-m", "pip", "install", "--quiet", "--requirement", wanted); err != nil {
		return "", fmt.Errorf("%w; or name an interpreter that has these modules with -python", err)
	}
	return interpreter, os.Rename(wanted, made)
}

func call(ctx context.Context, log io.Writer, program string, arguments ...string) error {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Stdout, command.Stderr = log, log
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}
