package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/shannon-labs/scu/trainer/durable"
)

// ErrNoManager says that no systemd manages this user's services.
var ErrNoManager = errors.New("no systemd user manager answers")

// Directory is where the user's own units are: below $XDG_CONFIG_HOME, or ~/.config where that is not set.
func Directory() (string, error) {
	configuration, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the directory of your unit files: %w", err)
	}
	return filepath.Join(configuration, "systemd", "user"), nil
}

// Install writes the units where they are not as they should be, and lets the manager know and start them at every login.
// With start it also starts them now. It returns the files that it has written. An error that is an [ErrNoManager] comes
// before anything is written.
func Install(ctx context.Context, s Service, start bool) (written []string, err error) {
	files, err := s.Files()
	if err != nil {
		return nil, err
	}
	if err := findManager(ctx); err != nil {
		return nil, err
	}
	directory, err := Directory()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of your unit files: %w", err)
	}
	for _, name := range []string{ServiceUnit, SocketUnit} {
		path := filepath.Join(directory, name)
		there, err := os.ReadFile(path)
		if err == nil && string(there) == files[name] {
			continue
		}
		if err := durable.WriteBytes(path, []byte(files[name])); err != nil {
			return written, fmt.Errorf("write the unit file: %w", err)
		}
		written = append(written, path)
	}
	if err := systemctl(ctx, "daemon-reload"); err != nil {
		return written, err
	}
	if err := systemctl(ctx, "enable", SocketUnit, ServiceUnit); err != nil || !start {
		return written, err
	}
	// The socket first: a service that is started without it would open one of its own.
	if err := systemctl(ctx, "start", SocketUnit); err != nil {
		return written, err
	}
	return written, systemctl(ctx, "start", ServiceUnit)
}

// Uninstall stops and disables the units and removes their files. It returns those that it has removed, none when the
// units were not installed.
func Uninstall(ctx context.Context) (removed []string, err error) {
	directory, err := Directory()
	if err != nil {
		return nil, err
	}
	paths := []string{filepath.Join(directory, SocketUnit), filepath.Join(directory, ServiceUnit)}
	paths = slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Lstat(path)
		return errors.Is(err, fs.ErrNotExist)
	})
	if len(paths) == 0 {
		return nil, nil
	}
	if err := findManager(ctx); err != nil {
		return nil, err
	}
	units := make([]string, len(paths))
	for n, path := range paths {
		units[n] = filepath.Base(path)
	}
	if err := systemctl(ctx, append([]string{"disable", "--now"}, units...)...); err != nil {
		return nil, err
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			return removed, fmt.Errorf("remove the unit file: %w", err)
		}
		removed = append(removed, path)
	}
	return removed, systemctl(ctx, "daemon-reload")
}

// MainPID is the process of the service, or 0 when it does not run or there is no manager to ask.
func MainPID(ctx context.Context) int {
	answer, err := exec.CommandContext(ctx, "systemctl", "--user", "show", "--property=MainPID", "--value", ServiceUnit).Output()
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(answer)))
	if err != nil {
		return 0
	}
	return pid
}

// findManager asks for something that every manager knows.
func findManager(ctx context.Context) error {
	if _, err := exec.LookPath("systemctl"); err != nil {
		return fmt.Errorf("%w: there is no systemctl here", ErrNoManager)
	}
	answer, err := exec.CommandContext(ctx, "systemctl", "--user", "show", "--property=Version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", ErrNoManager, said(answer, err))
	}
	return nil
}

func systemctl(ctx context.Context, arguments ...string) error {
	answer, err := exec.CommandContext(ctx, "systemctl", append([]string{"--user"}, arguments...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl --user %s: %s", strings.Join(arguments, " "), said(answer, err))
	}
	return nil
}

// said is what a command printed before it failed, or how it failed when it printed nothing.
func said(output []byte, err error) string {
	if text := strings.TrimSpace(string(output)); text != "" {
		return text
	}
	return err.Error()
}
