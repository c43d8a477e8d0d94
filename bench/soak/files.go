package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/trainer/durable"
)

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// temporaries are the paths in a directory, and in those inside it, that are not whole.
func temporaries(directory string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(directory, func(path string, _ fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // nobody has made it yet
		case err != nil:
			return err
		case strings.HasPrefix(filepath.Base(path), durable.TemporaryPrefix):
			found = append(found, path)
			return fs.SkipDir
		}
		return nil
	})
	return found, err
}

// loseFiles takes from the home what a power cut may have taken of the files that the job store's library does not watch. What is not
// whole yet loses files, or ends of them. What has its name, and of which no worker has written down that it was synced, may
// be gone; where workers keep no journals, names stay.
func (g *ground) loseFiles(random *rand.Rand, journals bool, t *tally) error {
	certain, err := g.certain()
	if err != nil {
		return err
	}
	for _, pattern := range []string{filepath.Join(g.adapters(), "*"), filepath.Join(g.checkpoints(), "*", "*")} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range paths {
			if strings.HasPrefix(filepath.Base(path), durable.TemporaryPrefix) {
				t.one("files torn by a power cut")
				err = tear(random, path)
			} else if journals && !certain[path] && chance(random, 50) {
				t.one("names lost by a power cut")
				err = os.RemoveAll(path)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// certain are the paths of the adapters and checkpoints that workers know to be synced.
func (g *ground) certain() (map[string]bool, error) {
	journals, err := filepath.Glob(journalPath(g.journals, "*"))
	if err != nil {
		return nil, err
	}
	paths := map[string]bool{}
	for _, journal := range journals {
		jobID := strings.TrimSuffix(filepath.Base(journal), journalSuffix)
		lines, err := readJournal(g.journals, jobID)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			switch l.word {
			case wordSaved:
				paths[filepath.Join(g.adapters(), l.value)] = true
			case wordCheckpoint:
				paths[filepath.Join(g.checkpoints(), jobID, fmt.Sprintf("step-%08s", l.value))] = true
			}
		}
	}
	return paths, nil
}

// tear cuts files off or removes them.
func tear(random *rand.Rand, path string) error {
	return filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if chance(random, 30) {
			return os.Remove(path)
		}
		return os.Truncate(path, random.Int64N(info.Size()+1))
	})
}

// checkStore holds a copy of the job store against the store's own rules, while no daemon has it open.
func (s *soak) checkStore() error {
	directory, err := os.MkdirTemp(s.ground.directory, "copy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	copied := filepath.Join(directory, filepath.Base(s.ground.database()))
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(s.ground.database()+suffix, copied+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if !exists(copied) {
		return nil // no daemon has come so far
	}
	problems, err := store.Check(context.Background(), copied)
	if err != nil {
		s.faults.add("the job store of a dead daemon: it cannot be checked: %v", err)
	}
	for _, problem := range problems {
		s.faults.add("the job store of a dead daemon: %s", problem)
	}
	s.tally.one("job store checked between two daemons")
	return nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
