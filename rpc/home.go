package rpc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// homeVariable is the environment variable that moves the daemon's home.
const homeVariable = "SCU_HOME"

// Home returns the absolute path of the directory that holds everything the daemon keeps: $SCU_HOME, or ~/.scu when
// that is not set. It does not look whether the directory exists; see [EnsureHome].
func Home() (string, error) {
	home := os.Getenv(homeVariable)
	if home == "" {
		return defaultHome()
	}
	absolute, err := filepath.Abs(home)
	if err != nil {
		return "", fmt.Errorf("make %s=%s absolute: %w", homeVariable, home, err)
	}
	return absolute, nil
}

func defaultHome() (string, error) {
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find your home directory: %w; set %s to a directory of yours", err, homeVariable)
	}
	return filepath.Abs(filepath.Join(user, ".scu"))
}

// EnsureHome makes home with mode 0700 when it is not there. A home that is there is refused when it is not a directory,
// belongs to another user, or can be written by others: whoever writes there could replace models, adapters or the
// socket. A symbolic link to a good directory is accepted.
func EnsureHome(home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("make the home directory %s: %w; set %s to a directory that you can write", home, err, homeVariable)
	}
	info, err := os.Stat(home)
	if err != nil {
		return fmt.Errorf("look at the home directory %s: %w; set %s to another directory", home, err, homeVariable)
	}
	if err := checkPrivate(home, info, os.Geteuid()); err != nil {
		return fmt.Errorf("%w, or set %s to another directory", err, homeVariable)
	}
	return nil
}

// ensureSocketDirectory makes the directory of a socket. It follows no link: the directory may lie in a place where
// everybody can write, and a link there could be anybody's.
func ensureSocketDirectory(directory string) error {
	if err := os.Mkdir(directory, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the directory of the daemon's socket: %w; set %s to a directory of yours, and the socket lies there", err, homeVariable)
	}
	info, err := os.Lstat(directory)
	if err != nil {
		return fmt.Errorf("look at the directory of the daemon's socket: %w", err)
	}
	return checkPrivate(directory, info, os.Geteuid())
}

// checkPrivate refuses what is not a directory of this user that only the user can write.
func checkPrivate(path string, info fs.FileInfo, uid int) error {
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory (%s): move it away", path, info.Mode().Type())
	}
	if status, ok := info.Sys().(*syscall.Stat_t); ok && int(status.Uid) != uid {
		return fmt.Errorf("%s belongs to the user with uid %d and you are %d: use a directory of your own", path, status.Uid, uid)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%s can be written by others (mode %04o): run `chmod go-w %s`", path, mode, path)
	}
	return nil
}
