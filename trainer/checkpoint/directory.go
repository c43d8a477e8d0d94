package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/trainer/durable"
)

// Checkpoint is a run's state whole.
type Checkpoint struct {
	State   State
	Vectors Vectors
}

const damagedPrefix = "damaged-"

// Directory is a job's directory of checkpoints. One process uses it at a time.
type Directory struct {
	FreeBytes func(directory string) (int64, error) // of its file system; [Open] sets it to [durable.FreeBytes]

	path string
}

// Open makes the directory where it is not there, and removes what a killed process left half-written.
func Open(path string) (*Directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open checkpoints: %w", err)
	}
	leftovers, err := filepath.Glob(filepath.Join(path, durable.TemporaryPrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("open checkpoints: %w", err)
	}
	for _, leftover := range leftovers {
		if err := os.RemoveAll(leftover); err != nil {
			return nil, fmt.Errorf("open checkpoints: %w", err)
		}
	}
	return &Directory{path: path, FreeBytes: durable.FreeBytes}, nil
}

// WriteFile makes content the file name beside the checkpoints, whole or not at all.
func (d *Directory) WriteFile(name string, content []byte) error {
	return durable.WriteBytes(filepath.Join(d.path, name), content)
}

// Path is where the checkpoints lie.
func (d *Directory) Path() string { return d.path }

// Write makes a checkpoint durable and then removes older ones, so that keep are left. After an error those from before
// are as they were; a full disk gives a *[durable.NoRoomError].
func (d *Directory) Write(c *Checkpoint, keep int) error {
	err := durable.WithRoom(d.path, c.Vectors.bytes(), d.FreeBytes, func() error { return d.write(c) })
	if err != nil {
		return fmt.Errorf("write the checkpoint of step %d: %w", c.State.Step, err)
	}
	if err := d.prune(max(keep, 1)); err != nil {
		return fmt.Errorf("remove old checkpoints: %w", err)
	}
	return nil
}

func (d *Directory) write(c *Checkpoint) (err error) {
	c.State.Format = Format
	if err := c.State.validate(); err != nil {
		return err
	}
	name := entryName(c.State.Step)
	temporary, err := os.MkdirTemp(d.path, durable.TemporaryPrefix+name+"-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temporary) // if this fails too, Open does it
		}
	}()
	if err := c.Vectors.write(filepath.Join(temporary, vectorsFile)); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(temporary, stateFile), &c.State); err != nil {
		return err
	}
	m, err := digestFiles(temporary)
	if err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(temporary, manifestFile), m); err != nil {
		return err
	}
	if err := durable.Sync(temporary); err != nil {
		return err
	}
	return d.publish(temporary, filepath.Join(d.path, name))
}

// publish gives a whole checkpoint its name. One of the same step, from before the run went back to an earlier one, changes
// names with it, so that at no moment neither is there, and is removed.
func (d *Directory) publish(temporary, final string) error {
	if _, err := os.Lstat(final); errors.Is(err, fs.ErrNotExist) {
		return durable.Rename(temporary, final)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, temporary, unix.AT_FDCWD, final, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("put %s in the place of the one before: %w", filepath.Base(final), err)
	}
	if err := durable.Sync(d.path); err != nil {
		return err
	}
	return os.RemoveAll(temporary)
}

func (d *Directory) prune(keep int) error {
	entries, err := List(d.path)
	if err != nil {
		return err
	}
	for _, entry := range entries[:max(0, len(entries)-keep)] {
		// Under another name first: what is half-removed must not look like a checkpoint.
		doomed := filepath.Join(d.path, durable.TemporaryPrefix+filepath.Base(entry.Path))
		if err := os.Rename(entry.Path, doomed); err != nil {
			return err
		}
		if err := os.RemoveAll(doomed); err != nil {
			return err
		}
	}
	return nil
}

// Damaged is a checkpoint that did not agree with its manifest.
type Damaged struct {
	Step   int
	Path   string // where it lies now
	Reason error
}

func (d Damaged) String() string {
	return fmt.Sprintf("the checkpoint of step %d is damaged and is not used: %v (it lies in %s)", d.Step, d.Reason, d.Path)
}

// Newest reads the checkpoint with the most steps that is undamaged, nil where there is none. Damaged ones are set aside.
// A checkpoint of another format gives [ErrFormat], and is left alone.
func (d *Directory) Newest() (*Checkpoint, []Damaged, error) {
	entries, err := List(d.path)
	if err != nil {
		return nil, nil, err
	}
	var damaged []Damaged
	for _, entry := range slices.Backward(entries) {
		c, err := load(entry.Path)
		switch {
		case err == nil && c.State.Step == entry.Step:
			return c, damaged, nil
		case err == nil:
			err = fmt.Errorf("it is called %s, but holds step %d", filepath.Base(entry.Path), c.State.Step)
		case errors.Is(err, ErrFormat), errors.Is(err, fs.ErrPermission):
			return nil, damaged, fmt.Errorf("read the checkpoint %s: %w", entry.Path, err)
		}
		aside, renameErr := d.setAside(entry.Path)
		if renameErr != nil {
			return nil, damaged, fmt.Errorf("set the damaged checkpoint %s aside: %w", entry.Path, renameErr)
		}
		damaged = append(damaged, Damaged{entry.Step, aside, err})
	}
	return nil, damaged, nil
}

// setAside renames a damaged checkpoint, in place of one of the same step that was set aside before.
func (d *Directory) setAside(path string) (string, error) {
	aside := filepath.Join(d.path, damagedPrefix+filepath.Base(path))
	if err := os.RemoveAll(aside); err != nil {
		return "", err
	}
	if err := os.Rename(path, aside); err != nil {
		return "", err
	}
	return aside, durable.Sync(d.path)
}

// load reads a checkpoint and holds it against its manifest.
func load(path string) (*Checkpoint, error) {
	m, err := readManifest(path)
	if err != nil {
		return nil, err
	}
	if err := m.check(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(path, stateFile))
	if err != nil {
		return nil, err
	}
	state, err := ParseState(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stateFile, err)
	}
	vectors, err := readVectors(filepath.Join(path, vectorsFile))
	if err != nil {
		return nil, err
	}
	return &Checkpoint{State: *state, Vectors: *vectors}, nil
}

func writeJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteBytes(path, append(text, '\n'))
}
