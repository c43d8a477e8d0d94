package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Entry is a checkpoint as its name and the sizes of its files show it.
type Entry struct {
	Step     int    // optimizer steps done
	Path     string // its directory
	Complete bool   // its files are there with the sizes they were written with; what is in them is not looked at
}

const stepPrefix = "step-"

func entryName(step int) string { return fmt.Sprintf("%s%08d", stepPrefix, step) }

// List returns the checkpoints of a job's directory, the oldest first. A directory that is not there has none.
func List(directory string) ([]Entry, error) {
	found, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	var entries []Entry
	for _, entry := range found {
		digits, named := strings.CutPrefix(entry.Name(), stepPrefix)
		step, err := strconv.Atoi(digits)
		if !named || err != nil || entryName(step) != entry.Name() || !entry.IsDir() {
			continue
		}
		path := filepath.Join(directory, entry.Name())
		entries = append(entries, Entry{Step: step, Path: path, Complete: complete(path)})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Step, b.Step) })
	return entries, nil
}

func complete(path string) bool {
	m, err := readManifest(path)
	return err == nil && m.checkSizes(path) == nil
}

// Latest returns the complete checkpoint with the most steps, and whether there is one.
func Latest(directory string) (Entry, bool, error) {
	entries, err := List(directory)
	if err != nil {
		return Entry{}, false, err
	}
	for _, entry := range slices.Backward(entries) {
		if entry.Complete {
			return entry, true, nil
		}
	}
	return Entry{}, false, nil
}
