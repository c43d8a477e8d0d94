package systemd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// pretendedSystemctl notes how it is called, and fails in the ways that the test asks for.
const pretendedSystemctl = `#!/bin/sh
echo "$*" >>"$SYSTEMCTL_CALLS"
case "$SYSTEMCTL_FAILS $*" in
"bus "*) echo "Failed to connect to bus: No medium found" >&2; exit 1 ;;
"start "*" start scu.service") echo "Job for scu.service failed" >&2; exit 1 ;;
*"--property=MainPID"*) echo 4711 ;;
esac
`

// pretend puts a systemctl that only notes its calls before all others, and returns where units go and how to read the
// calls since the last time. There is seldom a user manager where tests run; what it is told is what matters here.
func pretend(t *testing.T, fails string) (directory string, calls func() []string) {
	t.Helper()
	place := t.TempDir()
	if err := os.WriteFile(filepath.Join(place, "systemctl"), []byte(pretendedSystemctl), 0o700); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(place, "calls")
	t.Setenv("PATH", place+":"+os.Getenv("PATH"))
	t.Setenv("SYSTEMCTL_CALLS", log)
	t.Setenv("SYSTEMCTL_FAILS", fails)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(place, "configuration"))
	return filepath.Join(place, "configuration", "systemd", "user"), func() []string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(log, 0); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

var testService = Service{Executable: "/usr/bin/scu", Socket: "/run/user/1/scu/daemon.sock", StopTimeout: time.Minute}

func expectCalls(t *testing.T, got []string, want ...string) {
	t.Helper()
	for n, call := range want {
		want[n] = "--user " + call
	}
	if !slices.Equal(got, want) {
		t.Errorf("systemctl was called with %q, want %q", got, want)
	}
}

func TestInstallTwiceAndUninstallTwice(t *testing.T) {
	directory, calls := pretend(t, "")
	service, socket := filepath.Join(directory, ServiceUnit), filepath.Join(directory, SocketUnit)
	started := []string{"show --property=Version", "daemon-reload", "enable scu.socket scu.service", "start scu.socket", "start scu.service"}
	for _, want := range [][]string{{service, socket}, nil} {
		written, err := Install(context.Background(), testService, true)
		if err != nil || !slices.Equal(written, want) {
			t.Errorf("installing wrote %q, %v; want %q", written, err, want)
		}
		expectCalls(t, calls(), slices.Clone(started)...)
	}
	moved := testService
	moved.Executable = "/elsewhere/scu"
	written, err := Install(context.Background(), moved, false)
	if err != nil || !slices.Equal(written, []string{service}) {
		t.Errorf("after a move it wrote %q, %v", written, err)
	}
	expectCalls(t, calls(), "show --property=Version", "daemon-reload", "enable scu.socket scu.service")
	if text, err := os.ReadFile(service); err != nil || !strings.Contains(string(text), moved.Executable) {
		t.Errorf("the unit is %s, %v", text, err)
	}
	removed, err := Uninstall(context.Background())
	if err != nil || !slices.Equal(removed, []string{socket, service}) {
		t.Errorf("uninstalling removed %q, %v", removed, err)
	}
	expectCalls(t, calls(), "show --property=Version", "disable --now scu.socket scu.service", "daemon-reload")
	if left, err := os.ReadDir(directory); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if removed, err := Uninstall(context.Background()); err != nil || removed != nil {
		t.Errorf("uninstalling again removed %q, %v", removed, err)
	}
}

func TestNothingIsWrittenWithoutAManager(t *testing.T) {
	directory, _ := pretend(t, "bus")
	if _, err := Install(context.Background(), testService, true); !errors.Is(err, ErrNoManager) || !strings.Contains(err.Error(), "Failed to connect to bus") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory of the units: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Install(context.Background(), testService, true); !errors.Is(err, ErrNoManager) || !strings.Contains(err.Error(), "no systemctl") {
		t.Errorf("without systemctl got %v", err)
	}
	if pid := MainPID(context.Background()); pid != 0 {
		t.Errorf("without systemctl the service is process %d", pid)
	}
}

func TestAFailureOfSystemctlIsTold(t *testing.T) {
	_, _ = pretend(t, "start")
	written, err := Install(context.Background(), testService, true)
	if err == nil || !strings.Contains(err.Error(), "systemctl --user start scu.service: Job for scu.service failed") || len(written) != 2 {
		t.Errorf("wrote %q, %v", written, err)
	}
	if pid := MainPID(context.Background()); pid != 4711 {
		t.Errorf("the service is process %d", pid)
	}
}
