package powercut

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed preload
var sources embed.FS

// Build compiles the library into a directory, with the C compiler gcc, and returns its path.
func Build(ctx context.Context, directory string) (string, error) {
	if err := os.CopyFS(directory, sources); err != nil {
		return "", fmt.Errorf("unpack the library's sources: %w", err)
	}
	library := filepath.Join(directory, "powercut.so")
	from := filepath.Join(directory, "preload")
	compile := exec.CommandContext(ctx, "gcc", "-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-o", library,
		filepath.Join(from, "image.c"), filepath.Join(from, "calls.c"), "-ldl", "-lpthread")
	if output, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the library that watches the job store (%w):\n%s", err, output)
	}
	return library, nil
}

// Machine is the computer whose power can be cut: one database, and what its disk holds for certain.
type Machine struct {
	Library  string // from Build
	Database string // absolute path of the database
	State    string // absolute path of a directory that is there and of no other use

	// IgnoreSync makes the disk lie: a sync is answered and makes nothing durable. It is how to see that a check of what was
	// acknowledged would notice.
	IgnoreSync bool
}

// Environment is what a process that opens the database must have in its environment, as KEY=value.
func (m *Machine) Environment() []string {
	variables := []string{"LD_PRELOAD=" + m.Library, "POWERCUT_STATE=" + m.State, "POWERCUT_DATABASE=" + m.Database}
	if m.IgnoreSync {
		variables = append(variables, "POWERCUT_IGNORE_SYNC=1")
	}
	return variables
}

// Unwatched are variables that keep the children of such a process from being watched too.
func Unwatched() []string {
	return []string{"LD_PRELOAD=", "POWERCUT_STATE=", "POWERCUT_DATABASE="}
}

// Watched returns an error unless the library has seen the database being opened.
func (m *Machine) Watched() error {
	_, err := os.Stat(m.pendingPath(""))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the library has seen nobody open %s: is the program linked statically, or is SQLite not called through the C library?", m.Database)
	}
	return err
}

// suffixes of the database's files that are watched.
var suffixes = []string{"", "-wal", "-journal"}

func (m *Machine) imagePath(suffix string) string {
	return filepath.Join(m.State, filepath.Base(m.Database)+suffix+".image")
}

func (m *Machine) pendingPath(suffix string) string {
	return filepath.Join(m.State, filepath.Base(m.Database)+suffix+".pending")
}
