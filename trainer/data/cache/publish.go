package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// temporaryPrefix begins the names of files that are being written.
const temporaryPrefix = ".new-"

// publish writes a file that has its name only when it is whole and on the disk.
func publish(path string, write func(*os.File) error) (err error) {
	folder := filepath.Dir(path)
	file, err := os.CreateTemp(folder, temporaryPrefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if left := os.Remove(file.Name()); left != nil && !errors.Is(left, fs.ErrNotExist) {
				err = errors.Join(err, left)
			}
		}
	}()
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
