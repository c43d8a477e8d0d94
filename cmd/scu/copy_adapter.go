package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/durable"
)

// weightsFile is the file of an adapter whose SHA-256 its AdapterArtifact tells.
const weightsFile = "adapter_model.safetensors"

// copyAdapter copies an adapter's files to directory. They are written beside it first, synced and checked; then the
// whole directory appears by one rename, or, when force lets it go into a directory in use, each file by its own.
func copyAdapter(ctx context.Context, adapter *protocol.AdapterArtifact, directory string, force bool) error {
	inUse, err := holdsFiles(directory)
	if err != nil {
		return err
	}
	if inUse && !force {
		return protocol.NewError(protocol.CodeConflict, "%s is not empty", directory).
			WithHint("name another directory, or add --force to write into this one")
	}
	parent := filepath.Dir(directory)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return writeFailure(directory, err)
	}
	temporary, err := os.MkdirTemp(parent, ".scu-download-*")
	if err != nil {
		return writeFailure(directory, err)
	}
	defer os.RemoveAll(temporary) // after the rename there is nothing to remove
	if err := copyFiles(ctx, adapter, temporary); err != nil {
		return err
	}
	if inUse {
		err = moveEach(adapter.AdapterFiles, temporary, directory)
	} else if err = os.Chmod(temporary, 0o755); err == nil {
		err = syscall.Rename(temporary, directory) // unlike os.Rename, over an empty directory too
	}
	if err == nil {
		err = durable.Sync(parent)
	}
	if err != nil {
		return writeFailure(directory, err)
	}
	return nil
}

// holdsFiles says whether there is anything in a directory; what does not exist holds nothing.
func holdsFiles(directory string) (bool, error) {
	entries, err := os.ReadDir(directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, syscall.ENOTDIR):
		return false, protocol.NewError(protocol.CodeConflict, "%s is not a directory", directory).WithHint("name another with --output")
	case err != nil:
		return false, fmt.Errorf("look into %s: %w", directory, err)
	}
	return len(entries) > 0, nil
}

func copyFiles(ctx context.Context, adapter *protocol.AdapterArtifact, to string) error {
	for _, name := range adapter.AdapterFiles {
		if name != filepath.Base(name) || !filepath.IsLocal(name) {
			return protocol.NewError(protocol.CodeInternal, "adapter %s lists a file %q outside its directory", adapter.Name, name)
		}
		sum, err := copyFile(ctx, filepath.Join(adapter.LocalPath, name), filepath.Join(to, name))
		if errors.Is(err, fs.ErrNotExist) {
			return protocol.NewError(protocol.CodeNotFound, "adapter %s has lost its file %s", adapter.Name, filepath.Join(adapter.LocalPath, name)).
				WithHint("train it again")
		}
		if err != nil {
			return writeFailure(to, err)
		}
		if name == weightsFile && adapter.SHA256 != "" && sum != adapter.SHA256 {
			return protocol.NewError(protocol.CodeInternal, "%s has SHA-256 %s but was saved with %s: it has been altered since",
				filepath.Join(adapter.LocalPath, name), sum, adapter.SHA256).WithHint("train it again")
		}
	}
	return durable.Sync(to)
}

// copyFile copies one regular file, synced, and returns its SHA-256 in hexadecimal.
func copyFile(ctx context.Context, from, to string) (sum string, err error) {
	source, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(target, hash), source); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), target.Sync()
}

func moveEach(names []string, from, to string) error {
	for _, name := range names {
		if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return durable.Sync(to)
}

func writeFailure(directory string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return protocol.NewError(protocol.CodeOutOfDisk, "copy to %s: the disk is full", directory).WithHint("make room or name a directory on another disk")
	}
	return fmt.Errorf("copy to %s: %w", directory, err)
}
