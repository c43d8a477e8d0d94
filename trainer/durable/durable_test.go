package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFileIsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := filepath.Join(directory, "file")
	write := func(text string, failure error) error {
		return WriteFile(path, func(file *os.File) error {
			if _, err := file.WriteString(text); err != nil {
				return err
			}
			return failure
		})
	}
	if err := write("first", nil); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := write("second, which is not finished", refused); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "first" {
		t.Errorf("after a failure the file holds %q, %v", text, err)
	}
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := WriteBytes(filepath.Join(directory, "missing", "file"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a directory that is not there: %v", err)
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	from, to := filepath.Join(directory, "from"), filepath.Join(directory, "to")
	if err := os.Mkdir(from, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(to); err != nil {
		t.Error(err)
	}
	if err := Rename(from, to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}
