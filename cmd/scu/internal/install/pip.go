package install

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// pipGrace is how long pip may take to end after it has been told to.
const pipGrace = 5 * time.Second

// Python finds the interpreter whose pip fetches the wheels.
func Python() (string, error) {
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", failure("python3 is not in PATH; its pip fetches the files that scu needs").
			WithHint("install it (on Debian and Ubuntu: apt-get install python3 python3-pip) and run `scu setup` again")
	}
	return path, nil
}

// PipVersion is what `python3 -m pip --version` says, for `scu doctor`.
func PipVersion(ctx context.Context, python string) (string, error) {
	output, err := exec.CommandContext(ctx, python, "-m", "pip", "--version").CombinedOutput()
	text := strings.TrimSpace(string(output))
	if err != nil {
		return "", fmt.Errorf("%s -m pip --version: %w: %s", python, err, text)
	}
	return text, nil
}

// download lets pip fetch the wheel of p into directory, and returns the wheel's path. On a terminal pip shows its own
// progress; elsewhere it is quiet, and its last words are in the error.
func (i *Installer) download(ctx context.Context, p Package, directory string) (string, error) {
	python := i.python
	if python == "" {
		var err error
		if python, err = Python(); err != nil {
			return "", err
		}
	}
	requirements := filepath.Join(directory, "requirements.txt")
	line := fmt.Sprintf("%s==%s --hash=sha256:%s\n", p.Name, p.Version, p.WheelSHA256)
	if err := os.WriteFile(requirements, []byte(line), 0o600); err != nil {
		return "", fileFailure("write "+requirements, err)
	}
	wheels := filepath.Join(directory, "wheels")
	command := exec.CommandContext(ctx, python, "-m", "pip", "download",
		"--no-deps", "--only-binary=:all:", "--require-hashes", "-r", requirements, "-d", wheels)
	command.Env = append(append(os.Environ(), i.environment...), "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = pipGrace

	var lastWords lastLines
	command.Stderr = &lastWords
	if i.Terminal != nil {
		// pip draws its bar only on a real terminal, so it gets the file itself for its ordinary output.
		command.Stdout = i.Terminal
		command.Stderr = io.MultiWriter(i.Terminal, &lastWords)
	} else {
		command.Args = append(command.Args, "--quiet")
		command.Stdout = &lastWords
	}
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", pipFailure(p, python, lastWords.String(), err)
	}
	found, err := filepath.Glob(filepath.Join(wheels, "*.whl"))
	if err != nil || len(found) != 1 {
		return "", failure("pip said that it fetched %s %s but left %d wheels in %s", p.Name, p.Version, len(found), wheels).
			WithHint("check that `python3 -m pip` is the real pip and run `scu setup` again")
	}
	return found[0], nil
}

// lastLines keeps the end of what is written to it.
type lastLines struct{ text []byte }

const (
	lastLinesKept = 12
	lastBytesKept = 4096
)

// Write keeps the last bytes of what came so far.
func (l *lastLines) Write(text []byte) (int, error) {
	l.text = append(l.text, text...)
	if surplus := len(l.text) - lastBytesKept; surplus > 0 {
		l.text = bytes.Clone(l.text[surplus:])
	}
	return len(text), nil
}

// String is the last lines, without the empty ones around them.
func (l *lastLines) String() string {
	lines := strings.Split(strings.TrimSpace(string(l.text)), "\n")
	return strings.Join(lines[max(0, len(lines)-lastLinesKept):], "\n")
}
