package rpc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHome(t *testing.T) {
	t.Setenv("HOME", "/somewhere/me")
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string]string{
		"":            "/somewhere/me/.scu",
		"/data/scu/":  "/data/scu",
		"relative/it": filepath.Join(directory, "relative/it"),
	} {
		t.Setenv(homeVariable, set)
		if got, err := Home(); err != nil || got != want {
			t.Errorf("SCU_HOME=%q: got %q, %v; want %q", set, got, err, want)
		}
	}
}

func TestHomeWithoutAny(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv(homeVariable, "")
	if _, err := Home(); err == nil || !strings.Contains(err.Error(), homeVariable) {
		t.Errorf("got %v, want an error that says to set %s", err, homeVariable)
	}
}

func TestEnsureHome(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(base, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o770); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(base, "a", "b")
	if err := EnsureHome(good); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(good)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the home was made with mode %v, %v; want 0700", info.Mode().Perm(), err)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ home, want string }{
		{good, ""},
		{link, ""},
		{file, "is not a directory"},
		{filepath.Join(file, "below"), "not a directory"},
		{open, "can be written by others (mode 0770)"},
	} {
		err := EnsureHome(test.home)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("EnsureHome(%s) = %v, want %q", test.home, err, test.want)
		}
	}
}

func TestDirectoryOfAnotherUser(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	info, err := os.Stat(directory)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkPrivate(directory, info, os.Geteuid()); err != nil {
		t.Errorf("the own directory: %v", err)
	}
	if err := checkPrivate(directory, info, os.Geteuid()+1); err == nil || !strings.Contains(err.Error(), "belongs to the user") {
		t.Errorf("another user's directory: got %v", err)
	}
}

func TestSocketDirectoryFollowsNoLink(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if err := ensureSocketDirectory(link); err == nil || !strings.Contains(err.Error(), "is not a directory") {
		t.Errorf("got %v, want a refusal of the link", err)
	}
}

func TestSocketPath(t *testing.T) {
	t.Setenv("HOME", "/me")
	t.Setenv("TMPDIR", "/temporary")
	long := "/" + strings.Repeat("x", 95)
	longest := "/" + strings.Repeat("x", 94)
	for _, test := range []struct{ runtime, home, want string }{
		{"", "/me/.scu", "/me/.scu/daemon.sock"},
		{"/run/user/1", "/me/.scu", "/run/user/1/scu/daemon.sock"},
		{"/run/user/1", "/me/.scu/", "/run/user/1/scu/daemon.sock"},
		{"relative", "/me/.scu", "/me/.scu/daemon.sock"},
		{"/run/user/1", "/elsewhere", "/elsewhere/daemon.sock"},
		{"", longest, longest + "/daemon.sock"},
	} {
		t.Setenv("XDG_RUNTIME_DIR", test.runtime)
		if got := SocketPath(test.home); got != test.want {
			t.Errorf("XDG_RUNTIME_DIR=%q: SocketPath(%q) = %q, want %q", test.runtime, test.home, got, test.want)
		}
	}
	got := SocketPath(long)
	if len(got) > maxSocketPath || !strings.HasPrefix(got, "/temporary/scu-") || len(filepath.Base(got)) != len("0123456789abcdef.sock") {
		t.Errorf("the short path is %q", got)
	}
	if got == SocketPath(long+"y") {
		t.Error("two long homes share a socket")
	}
}
