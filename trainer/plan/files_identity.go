package plan

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// filesIdentity tells whether some files are those that they were, without reading them: by where each is, its size and
// when it was changed. A change of content always sets the time of change, which programs cannot set back as they can
// the time of modification. Two identities can be compared.
type filesIdentity struct {
	digest  string
	changed time.Time // when the file that was changed last was
}

// identify looks at files. One that is not there is as good as any other state, until it is there.
func identify(paths ...string) (filesIdentity, error) {
	digest := sha256.New()
	var latest int64
	for _, path := range paths {
		var stat unix.Stat_t
		err := unix.Stat(path, &stat)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return filesIdentity{}, fmt.Errorf("look at %s: %w", path, err)
		}
		fmt.Fprintf(digest, "%q %d %d %d %d %d\n", path, stat.Dev, stat.Ino, stat.Size, stat.Mtim.Nano(), stat.Ctim.Nano())
		latest = max(latest, stat.Ctim.Nano())
	}
	return filesIdentity{string(digest.Sum(nil)), time.Unix(0, latest)}, nil
}

// identifyTree looks at a file, or at a directory and what is directly in it.
func identifyTree(path string) (filesIdentity, error) {
	paths := []string{path}
	info, err := os.Stat(path)
	if err != nil {
		return filesIdentity{}, err
	}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return filesIdentity{}, err
		}
		for _, entry := range entries {
			paths = append(paths, filepath.Join(path, entry.Name()))
		}
	}
	return identify(paths...)
}
