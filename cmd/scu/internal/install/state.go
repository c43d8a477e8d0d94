package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shannon-labs/scu/trainer/durable"
)

// State is whether an installed file is the one expected.
type State string

// The states of a file.
const (
	Ready   State = "ready"
	Missing State = "missing"
	Altered State = "altered" // something else stands in its place
)

// Path is where p stands, or will stand, under home.
func (p Package) Path(home string) string {
	return filepath.Join(home, filepath.FromSlash(p.Destination))
}

// Check says whether p is installed under home. It trusts the marker of an earlier check as long as the file has kept
// its size and time of change; else it reads and hashes the whole file and writes the marker anew.
func Check(ctx context.Context, home string, p Package) (State, error) {
	path := p.Path(home)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Missing, nil
	case err != nil:
		return "", fmt.Errorf("look at the %s: %w", p.Title, err)
	case !info.Mode().IsRegular() || info.Size() != p.MemberBytes:
		return Altered, nil
	}
	want := marker{SHA256: p.MemberSHA256, Bytes: info.Size(), ModifiedNanoseconds: info.ModTime().UnixNano()}
	if found, err := readMarker(home, p); err == nil && found == want {
		return Ready, nil
	}
	_, sum, err := hashFile(ctx, path)
	if err != nil {
		return "", fmt.Errorf("check the %s: %w", p.Title, err)
	}
	if sum != p.MemberSHA256 {
		return Altered, nil
	}
	// A home that cannot be written, as in a read-only image, only costs the hash again next time.
	_ = writeMarker(home, p, want)
	return Ready, nil
}

// marker is what was known about an installed file when its hash was last taken.
type marker struct {
	SHA256              string `json:"sha256"`
	Bytes               int64  `json:"bytes"`
	ModifiedNanoseconds int64  `json:"modified_nanoseconds"`
}

func markerPath(home string, p Package) string {
	return filepath.Join(home, "cache", "installed", p.Name+".json")
}

func readMarker(home string, p Package) (marker, error) {
	var m marker
	text, err := os.ReadFile(markerPath(home, p))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(text, &m)
}

func writeMarker(home string, p Package, m marker) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := markerPath(home, p)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteBytes(path, append(text, '\n'))
}
