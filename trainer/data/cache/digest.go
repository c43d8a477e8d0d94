package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/trainer/durable"
)

// identity tells whether a file is the one that it was. A change of content always
// sets the time of change, which programs cannot set back as they can the time of
// modification.
type identity struct {
	Device, Inode     uint64
	Size              int64
	Modified, Changed int64 // nanoseconds since 1970
}

// remembered is the digest of a file, in its own file.
type remembered struct {
	Path     string
	Identity identity
	SHA256   string
}

// settledAfter is how old a change must be before a digest is remembered: clocks of
// file systems tick coarsely, and a later change within the same tick would not
// show in the identity.
const settledAfter = 2 * time.Second

// Digest returns the SHA-256 of a file's content, in hexadecimal. A file that has
// not changed since the last time is not read again. A file that changes while it
// is read is an error, as are those of reading; that a digest cannot be remembered
// is a warning.
func (c *Cache) Digest(ctx context.Context, path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("digest of %s: %w", path, err)
	}
	file, err := os.Open(absolute)
	if err != nil {
		return "", fmt.Errorf("digest of a data file: %w", err)
	}
	defer file.Close() // opened for reading: a failure to close loses nothing
	before, err := identify(file)
	if err != nil {
		return "", err
	}
	name := sha256.Sum256([]byte(absolute))
	memo := filepath.Join(c.directory, digestsFolder, hex.EncodeToString(name[:])+".json")
	if known, ok := recall(memo); ok && known.Path == absolute && known.Identity == before {
		return known.SHA256, nil
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, &cancellable{ctx, file}); err != nil {
		return "", fmt.Errorf("digest of %s: %w", path, err)
	}
	after, err := identify(file)
	if err != nil {
		return "", err
	}
	if after != before {
		return "", fmt.Errorf("data file %s changes while it is read; wait until it is complete", path)
	}
	sum := hex.EncodeToString(digest.Sum(nil))
	if time.Since(time.Unix(0, before.Changed)) > c.settled {
		c.remember(memo, remembered{absolute, before, sum})
	}
	return sum, nil
}

func identify(file *os.File) (identity, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return identity{}, fmt.Errorf("digest of %s: %w", file.Name(), err)
	}
	return identity{
		Device: uint64(stat.Dev), Inode: stat.Ino, Size: stat.Size,
		Modified: stat.Mtim.Nano(), Changed: stat.Ctim.Nano(),
	}, nil
}

// recall reads a remembered digest. One that cannot be read is as good as none: the
// digest is made and remembered anew.
func recall(memo string) (remembered, bool) {
	text, err := os.ReadFile(memo)
	if err != nil {
		return remembered{}, false
	}
	var known remembered
	return known, json.Unmarshal(text, &known) == nil && len(known.SHA256) == 2*sha256.Size
}

func (c *Cache) remember(memo string, known remembered) {
	text, err := json.Marshal(known)
	if err == nil {
		err = durable.WriteBytes(memo, text)
	}
	if err != nil {
		c.options.Warn(fmt.Sprintf("the digest of %s is not remembered, so the file is read once more each time: %v", known.Path, err))
	}
}

// cancellable is a reader that ends when its context does.
type cancellable struct {
	ctx  context.Context
	from io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.from.Read(p)
}
