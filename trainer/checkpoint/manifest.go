package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of a checkpoint.
const (
	vectorsFile  = "vectors.safetensors"
	stateFile    = "state.json"
	manifestFile = "manifest.json"
)

var contentFiles = []string{vectorsFile, stateFile}

// manifest says what the files of a checkpoint must be.
type manifest struct {
	Format int                   `json:"format"`
	Files  map[string]fileDigest `json:"files"`
}

type fileDigest struct {
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// digestFiles computes the manifest of the files in a directory.
func digestFiles(directory string) (*manifest, error) {
	m := &manifest{Format: Format, Files: map[string]fileDigest{}}
	for _, name := range contentFiles {
		digest, err := digestFile(filepath.Join(directory, name))
		if err != nil {
			return nil, err
		}
		m.Files[name] = digest
	}
	return m, nil
}

func digestFile(path string) (fileDigest, error) {
	file, err := os.Open(path)
	if err != nil {
		return fileDigest{}, err
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err != nil {
		return fileDigest{}, fmt.Errorf("read %s: %w", path, err)
	}
	return fileDigest{size, hex.EncodeToString(hash.Sum(nil))}, nil
}

func readManifest(directory string) (*manifest, error) {
	text, err := os.ReadFile(filepath.Join(directory, manifestFile))
	if err != nil {
		return nil, err
	}
	return parseManifest(text)
}

func parseManifest(text []byte) (*manifest, error) {
	m := &manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("%w: it is %d, and this program reads %d", ErrFormat, m.Format, Format)
	}
	for _, name := range contentFiles {
		if _, found := m.Files[name]; !found {
			return nil, fmt.Errorf("%s does not name %s", manifestFile, name)
		}
	}
	return m, nil
}

// checkSizes looks whether the files are there with the sizes that the manifest gives.
func (m *manifest) checkSizes(directory string) error {
	for _, name := range contentFiles {
		info, err := os.Stat(filepath.Join(directory, name))
		if err != nil {
			return err
		}
		if want := m.Files[name].Size; info.Size() != want {
			return fmt.Errorf("%s has %d bytes; it was written with %d", name, info.Size(), want)
		}
	}
	return nil
}

// check holds the files, whole, against the manifest.
func (m *manifest) check(directory string) error {
	if err := m.checkSizes(directory); err != nil {
		return err
	}
	found, err := digestFiles(directory)
	if err != nil {
		return err
	}
	for _, name := range contentFiles {
		if found.Files[name] != m.Files[name] {
			return fmt.Errorf("the SHA-256 of %s is not the one it was written with", name)
		}
	}
	return nil
}
