// Package durable makes files and directories appear whole or not at all, also through a power cut: what is new is
// written under another name beside its place, synced, renamed, and then the directory around it is synced.
//
// It does not lock, and of two that write the same name at once the later one stays. A process that is killed leaves a
// file whose name begins with [TemporaryPrefix]; who owns the directory removes those.
//
// What is large is written with [WithRoom], so that a full file system is seen before and told in one way.
package durable

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// TemporaryPrefix begins the names of what is not whole yet.
const TemporaryPrefix = ".tmp-"

// WriteFile makes what write writes the content of path. Where that fails, path is as it was.
func WriteFile(path string, write func(*os.File) error) error {
	file, err := create(path)
	if err != nil {
		return err
	}
	if err = write(file); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return Sync(filepath.Dir(path))
}

// WriteBytes is WriteFile of what is at hand already.
func WriteBytes(path string, content []byte) error {
	return WriteFile(path, func(file *os.File) error {
		_, err := file.Write(content)
		return err
	})
}

// create makes a new file beside path. Its mode is left to the umask, unlike that of os.CreateTemp, since the rename
// keeps it.
func create(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), TemporaryPrefix+filepath.Base(path)+"-"+rand.Text())
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

// Rename gives a file or a directory that is synced already its name for good.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return Sync(filepath.Dir(to))
}

// Sync brings a file's content, or a directory's names, to the disk.
func Sync(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
