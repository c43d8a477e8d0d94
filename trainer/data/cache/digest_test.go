package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// settle waits until the file's last change is old enough to be remembered.
func settle(t *testing.T, c *Cache, path string) {
	t.Helper()
	for {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		id, err := identify(file)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		left := c.settled - time.Since(time.Unix(0, id.Changed))
		if left < 0 {
			return
		}
		time.Sleep(left + time.Millisecond) // the file's own time is what is waited for
	}
}

func TestDigestFollowsTheContent(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, t.TempDir(), noWarning(t))
	c.settled = 100 * time.Millisecond
	path := filepath.Join(t.TempDir(), "a.jsonl")
	check := func(want string) {
		t.Helper()
		for range 2 {
			if got, err := c.Digest(t.Context(), path); err != nil || got != digestOf(want) {
				t.Fatalf("digest %s, %v; want that of %q", got, err, want)
			}
		}
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	check("one")
	write("two") // at once, with the same size
	check("two")
	settle(t, c, path)
	check("two")
	memos, err := c.list(digestsFolder)
	if err != nil || len(memos) != 1 {
		t.Fatalf("%d digests are remembered, %v", len(memos), err)
	}
	// A digest that was remembered is what comes back, without reading the file.
	text, err := os.ReadFile(memos[0].path)
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(text), digestOf("two"), digestOf("forged"), 1)
	if err := os.WriteFile(memos[0].path, []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	check("forged")
	// An edit that keeps the size and puts the time of modification back is seen.
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write("six")
	if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	check("six")
	// So is another file that takes the place of this one.
	other := filepath.Join(filepath.Dir(path), "b.jsonl")
	if err := os.WriteFile(other, []byte("ten"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chtimes(other, before.ModTime(), before.ModTime()), os.Rename(other, path)); err != nil {
		t.Fatal(err)
	}
	check("ten")
	// What is no digest is made anew.
	if err := os.WriteFile(memos[0].path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("ten")
}

func TestDigestErrors(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, t.TempDir(), noWarning(t))
	if _, err := c.Digest(t.Context(), filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Digest(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDigestThatCannotBeRemembered(t *testing.T) {
	t.Parallel()
	var warnings []string
	c := mustOpen(t, t.TempDir(), Options{Warn: func(message string) { warnings = append(warnings, message) }})
	c.settled = 100 * time.Millisecond
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	settle(t, c, path)
	if err := os.RemoveAll(filepath.Join(c.directory, digestsFolder)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Digest(t.Context(), path); err != nil || got != digestOf("a") {
		t.Errorf("digest %s, %v", got, err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "is not remembered") {
		t.Errorf("warnings %q", warnings)
	}
}
