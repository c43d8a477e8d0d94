package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// File is one local file of a data set.
type File struct {
	Path        string // where it is on this machine
	Name        string // what messages call it: its path, its address, or hf://…
	Format      Format
	Compression Compression
	Size        int64 // bytes, as stored
	Modified    time.Time
}

// Options says how files from the network are fetched. The zero value is enough
// for local files.
type Options struct {
	// CacheDir is where fetched files are kept; it is made if need be.
	CacheDir string
	// MaximumSize bounds one file, in bytes; 0 is DefaultMaximumSize.
	MaximumSize int64
	// HubEndpoint is the Hub's address; "" is $HF_ENDPOINT, or huggingface.co.
	HubEndpoint string
	// HubToken authorizes at the Hub; "" is $HF_TOKEN, or none.
	HubToken string
	// Progress is told as what is fetched arrives: how many bytes are here, of how
	// many. Of a file whose length the server does not give nothing is told. nil
	// tells nobody.
	Progress func(done, total int64)
	// Client sends the requests; nil is one with limits for redirects and waiting.
	Client *http.Client

	pause, stall time.Duration // for tests: shorter waits; see fetcher
}

// DefaultMaximumSize bounds one fetched file unless Options say otherwise.
const DefaultMaximumSize = 32 << 30

// Found is what a data set was resolved to: at least one file.
type Found struct {
	Files    []File
	Warnings []string
}

// Resolve finds the files of the data set that spec names.
func Resolve(ctx context.Context, spec string, options Options) (Found, error) {
	switch {
	case strings.HasPrefix(spec, "https://"), strings.HasPrefix(spec, "http://"):
		return resolveAddress(ctx, spec, options)
	case strings.HasPrefix(spec, hubScheme):
		return resolveHub(ctx, spec, options)
	case strings.Contains(spec, "://"):
		scheme, _, _ := strings.Cut(spec, "://")
		return Found{}, fmt.Errorf("data set %s: the scheme %q is not supported; accepted: a path, https://, hf://datasets/", shown(spec), scheme)
	default:
		return resolveLocal(ctx, spec)
	}
}

// IsRemote reports whether what names a data set is an address, which may have to
// be fetched, and not a path on this machine.
func IsRemote(spec string) bool { return strings.Contains(spec, "://") }

// Open opens the file, which must be a regular one: what else bears the name,
// such as a pipe, could make the reader wait for ever.
func (f File) Open() (*os.File, error) {
	file, err := os.OpenFile(f.Path, os.O_RDONLY|unix.O_NONBLOCK, 0) // NONBLOCK: do not wait for the other end of a pipe
	if err != nil {
		return nil, cannotOpen(f.Name, err)
	}
	info, err := file.Stat()
	if err == nil {
		err = regular(f.Name, info)
	}
	if err != nil {
		file.Close() // the error at hand is the one to tell
		return nil, err
	}
	return file, nil
}

func cannotOpen(name string, err error) error {
	hint := "check the path"
	if errors.Is(err, fs.ErrPermission) {
		hint = "check its permissions"
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err // the path is said already
	}
	return fmt.Errorf("data file %s cannot be read: %w; %s", name, err, hint)
}

// regular refuses what is not a regular file by what it is.
func regular(name string, info fs.FileInfo) error {
	kind := "not a regular file"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Errorf("data file %s is %s, not a regular file; rows are read more than once, so write them to a file first", name, kind)
}
