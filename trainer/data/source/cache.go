package source

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shannon-labs/scu/trainer/durable"
)

// cache is the directory of fetched files:
//
//	addresses/DIGEST.json  the entry of the address with this SHA-256
//	files/DIGEST.jsonl     content with this SHA-256
//	hub/OWNER/NAME/…       see hubStore
type cache struct{ directory string }

// entry is what the cache knows of an address. The address itself is not in it,
// since it may hold a secret.
type entry struct {
	ETag         string      `json:"etag,omitempty"`
	LastModified string      `json:"last_modified,omitempty"`
	Format       Format      `json:"format"`
	Compression  Compression `json:"compression,omitempty"`
	Digest       string      `json:"sha256"`
	Size         int64       `json:"size"`
}

func (c cache) files() string { return filepath.Join(c.directory, "files") }

// content is the path of an entry's content. The extension helps people who look
// into the cache.
func (c cache) content(e *entry) string {
	return filepath.Join(c.files(), e.Digest+"."+string(e.Format))
}

func (c cache) entryPath(address *url.URL) string {
	digest := sha256.Sum256([]byte(address.String()))
	return filepath.Join(c.directory, "addresses", hex.EncodeToString(digest[:])+".json")
}

// readEntry returns the entry of an address, or nil if there is none whose content
// is there.
func (c cache) readEntry(address *url.URL) (*entry, error) {
	e := new(entry)
	if found, err := readJSON(c.entryPath(address), e); !found || err != nil {
		return nil, err
	}
	info, err := os.Stat(c.content(e))
	if err != nil || info.Size() != e.Size {
		return nil, nil // removed by whoever emptied the cache: fetch it again
	}
	return e, nil
}

func (c cache) writeEntry(address *url.URL, e *entry) error {
	return writeJSON(c.entryPath(address), e)
}

// file describes the content of an entry. Its digest is its identity, so the time
// is of no account.
func (c cache) file(e *entry, name string) (File, error) {
	path := c.content(e)
	info, err := os.Stat(path)
	if err != nil {
		return File{}, cannotOpen(path, err)
	}
	return File{Path: path, Name: name, Format: e.Format, Compression: e.Compression, Size: info.Size(), Modified: info.ModTime()}, nil
}

// staleAfter is how long after its last write a temporary file is taken for one
// that a killed process left behind.
const staleAfter = 24 * time.Hour

// written is a file that is whole and synced but has no name yet.
type written struct {
	path   string
	size   int64
	sha256 string
	sha1   string // of the content as a git blob, if it has the size that was expected
}

// write copies a response into a temporary file of a directory. The size that is
// expected goes into the git object id, which begins with it.
func (c cache) write(directory string, response *http.Response, expected, maximum int64) (w written, err error) {
	if response.ContentLength > maximum {
		return w, tooLarge(maximum)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return w, fmt.Errorf("the cache: %w", err)
	}
	removeStale(directory)
	file, err := os.CreateTemp(directory, durable.TemporaryPrefix)
	if err != nil {
		return w, fmt.Errorf("the cache: %w", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			os.Remove(file.Name()) // nothing refers to it; a failure leaves a stale file
		}
	}()
	digest, blob := sha256.New(), sha1.New()
	fmt.Fprintf(blob, "blob %d\x00", expected)
	size, err := io.Copy(io.MultiWriter(file, digest, blob), io.LimitReader(response.Body, maximum+1))
	if err != nil {
		return w, fmt.Errorf("the transfer broke off after %d bytes: %w", size, err)
	}
	if size > maximum {
		return w, tooLarge(maximum)
	}
	w = written{path: file.Name(), size: size, sha256: hex.EncodeToString(digest.Sum(nil)), sha1: hex.EncodeToString(blob.Sum(nil))}
	return w, file.Sync()
}

func tooLarge(maximum int64) error {
	return fmt.Errorf("the file is larger than %d bytes, the most that is fetched; fetch it yourself and give the path", maximum)
}

// moveTo gives the file its name for good.
func (w written) moveTo(path string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = durable.Rename(w.path, path)
	}
	if err != nil {
		os.Remove(w.path) // nothing refers to it
		return fmt.Errorf("the cache: %w", err)
	}
	return nil
}

// removeStale removes what killed processes left behind. What cannot be removed
// stays: it only takes room.
func removeStale(directory string) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), durable.TemporaryPrefix) && time.Since(info.ModTime()) > staleAfter {
			os.Remove(filepath.Join(directory, e.Name()))
		}
	}
}

func readJSON(path string, into any) (found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the cache: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("the cache: %s is damaged: %w; remove it", path, err)
	}
	return true, nil
}

// writeJSON replaces a file whole.
func writeJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	directory := filepath.Dir(path)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("the cache: %w", err)
	}
	if err := durable.WriteBytes(path, text); err != nil {
		return fmt.Errorf("the cache: %w", err)
	}
	return nil
}
