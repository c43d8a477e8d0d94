package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestFetchWithRealPip(t *testing.T) {
	t.Parallel()
	wheels, home := t.TempDir(), t.TempDir()
	p := makeWheel(t, wheels, "the payload")
	installer := searching(t, home, wheels)
	result, err := installer.Fetch(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(result.Path); err != nil || string(content) != "the payload" {
		t.Fatalf("installed %q, %v", content, err)
	}
	if !result.Fetched || result.Path != filepath.Join(home, "models", "payload", "payload.bin") {
		t.Errorf("result is %+v", result)
	}
	assertNoLeftovers(t, home)

	// The second time needs no pip at all.
	installer.python = "/nonexistent/python3"
	if again, err := installer.Fetch(t.Context(), p); err != nil || again.Fetched {
		t.Errorf("second fetch: %+v, %v", again, err)
	}
}

func TestFetchReplacesAnAlteredFile(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"other size": "short", "same size": "THE PAYLOAD"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wheels, home := t.TempDir(), t.TempDir()
			p := makeWheel(t, wheels, "the payload")
			var notes strings.Builder
			installer := searching(t, home, wheels)
			installer.Notes = &notes
			path := p.Path(home)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
				t.Fatal(err)
			}
			if result, err := installer.Fetch(t.Context(), p); err != nil || !result.Fetched {
				t.Fatalf("%+v, %v", result, err)
			}
			if got, _ := os.ReadFile(path); string(got) != "the payload" {
				t.Errorf("the file holds %q", got)
			}
			if !strings.Contains(notes.String(), "is not the expected file") {
				t.Errorf("the notes do not say that a file was replaced: %s", notes.String())
			}
		})
	}
}

func TestFetchRefusesWhatHasAnotherHash(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		alter func(*Package)
		want  string
	}{
		"wheel":       {func(p *Package) { p.WheelSHA256 = strings.Repeat("0", 64) }, "another SHA-256"},
		"wheel size":  {func(p *Package) { p.WheelBytes++ }, "the wheel of scu-test-payload"},
		"member":      {func(p *Package) { p.MemberSHA256 = strings.Repeat("0", 64) }, "the member"},
		"member long": {func(p *Package) { p.MemberBytes-- }, "the member"},
		"no member":   {func(p *Package) { p.Member = "other.bin" }, "no member other.bin"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wheels, home := t.TempDir(), t.TempDir()
			p := makeWheel(t, wheels, "the payload")
			c.alter(&p)
			_, err := searching(t, home, wheels).Fetch(t.Context(), p)
			assertFailure(t, err, CodeInstallFailed, c.want)
			if _, err := os.Stat(p.Path(home)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something stands at the destination: %v", err)
			}
			assertNoLeftovers(t, home)
		})
	}
}

func TestFetchAtTheSameTime(t *testing.T) {
	t.Parallel()
	wheels, home := t.TempDir(), t.TempDir()
	p := makeWheel(t, wheels, "the payload")
	fetched := make([]bool, 4)
	var all sync.WaitGroup
	for n := range fetched {
		installer := searching(t, home, wheels)
		all.Go(func() {
			result, err := installer.Fetch(t.Context(), p)
			if err != nil {
				t.Errorf("fetch %d: %v", n, err)
			}
			fetched[n] = result.Fetched
		})
	}
	all.Wait()
	count := 0
	for _, f := range fetched {
		if f {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d of %d fetched; exactly one should have", count, len(fetched))
	}
}

func TestFetchExplainsPip(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		script string
		code   protocol.ErrorCode
		want   string
	}{
		"no pip":      {`echo "$0: No module named pip" >&2; exit 1`, CodeInstallFailed, "has no pip"},
		"no network":  {`echo "WARNING: Retrying ... NewConnectionError" >&2; echo "ERROR: No matching distribution found" >&2; exit 1`, CodeInstallFailed, "cannot be reached"},
		"not offered": {`echo "ERROR: No matching distribution found" >&2; exit 1`, CodeInstallFailed, "no such file for this machine"},
		"disk full":   {`echo "ERROR: [Errno 28] No space left on device" >&2; exit 1`, protocol.CodeOutOfDisk, "disk is full"},
		"other":       {`echo "something odd" >&2; exit 7`, CodeInstallFailed, "exit status 7; pip's last words:\n    something odd"},
		"no wheel":    {`exit 0`, CodeInstallFailed, "left 0 wheels"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			installer := pretending(t, c.script)
			_, err := installer.Fetch(t.Context(), makeWheel(t, t.TempDir(), "x"))
			assertFailure(t, err, c.code, c.want)
			assertNoLeftovers(t, installer.Home)
		})
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	started := filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	installer := pretending(t, "echo > "+started+"; exec sleep 300")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(started) // returns when the script has written
		cancel()
	}()
	if _, err := installer.Fetch(ctx, makeWheel(t, t.TempDir(), "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	assertNoLeftovers(t, installer.Home)
}

func TestFetchWithoutRoomOrPlatform(t *testing.T) {
	t.Parallel()
	installer := pretending(t, "exit 1")
	large := makeWheel(t, t.TempDir(), "x")
	large.MemberBytes = 1 << 60
	_, err := installer.Fetch(t.Context(), large)
	assertFailure(t, err, protocol.CodeOutOfDisk, "are needed")

	foreign := makeWheel(t, t.TempDir(), "x")
	foreign.Platform = "plan9/mips"
	_, err = installer.Fetch(t.Context(), foreign)
	assertFailure(t, err, CodeInstallFailed, "made for plan9/mips")
}

func TestFetchRemovesWhatAKilledOneLeft(t *testing.T) {
	t.Parallel()
	wheels, home := t.TempDir(), t.TempDir()
	p := makeWheel(t, wheels, "the payload")
	leftover := filepath.Join(home, "cache", "setup-123")
	if err := os.MkdirAll(filepath.Join(leftover, "wheels"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := searching(t, home, wheels).Fetch(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	assertNoLeftovers(t, home)
}

func TestPythonMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Python()
	assertFailure(t, err, CodeInstallFailed, "python3 is not in PATH")
}

func assertFailure(t *testing.T, err error, code protocol.ErrorCode, want string) {
	t.Helper()
	var failed *protocol.Error
	if !errors.As(err, &failed) {
		t.Fatalf("error is %v, not a *protocol.Error", err)
	}
	if failed.Code != code || !strings.Contains(failed.Message, want) {
		t.Errorf("error is %s %q, want %s with %q", failed.Code, failed.Message, code, want)
	}
	if failed.Hint == "" {
		t.Errorf("%q has no hint", failed.Message)
	}
}

func assertNoLeftovers(t *testing.T, home string) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(home, "cache", "setup-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
