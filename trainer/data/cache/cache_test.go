package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/durable"
)

// entryFor makes an entry whose content tells its name, of files samples that take
// about tokens tokens.
func entryFor(name string, tokens int) *Entry {
	entry := &Entry{Details: []byte(name)}
	for i := range 3 {
		sample := data.Sample{Row: i, File: fmt.Sprintf("%s-%d.jsonl", name, i%2), Number: 10 + i}
		for t := range tokens/3 + i {
			sample.Tokens = append(sample.Tokens, int32(t*7-i))
			sample.Target = append(sample.Target, t%3 == 1)
		}
		entry.Train.Samples = append(entry.Train.Samples, sample)
	}
	entry.Val.Samples = []data.Sample{{Row: 1 << 40, File: name + "-1.jsonl", Number: 1, Tokens: []int32{-1, 1 << 30}, Target: []bool{false, true}}}
	entry.Train.Report = data.Report{Rows: 4, Samples: 3, WithoutTargets: 1, FirstWithoutTargets: []data.RowRef{{File: "a", Number: 3}}}
	entry.Val.Report = data.Report{Rows: 1, Samples: 1}
	return entry
}

func mustOpen(t testing.TB, directory string, options Options) *Cache {
	t.Helper()
	c, err := Open(directory, options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustKey(t testing.TB, of string) Key {
	t.Helper()
	key, err := NewKey(of)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// noWarning is for a test that meets nothing to warn of.
func noWarning(t testing.TB) Options {
	return Options{Warn: func(message string) { t.Errorf("warning: %s", message) }}
}

// load loads an entry that is built from name if need be.
func load(t testing.TB, c *Cache, name string, tokens int) (hit bool) {
	t.Helper()
	entry, hit, err := c.Load(t.Context(), mustKey(t, name), func(context.Context) (*Entry, error) { return entryFor(name, tokens), nil })
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(entry, entryFor(name, tokens)) {
		t.Fatalf("%s: got %+v", name, entry)
	}
	return hit
}

func TestEntryComesBackAsItWas(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, t.TempDir(), noWarning(t))
	for _, tokens := range []int{3, 8, 1000, bufferSize} { // also across the buffer's end
		name := fmt.Sprint(tokens)
		if load(t, c, name, tokens) {
			t.Errorf("%s was there before it was built", name)
		}
		if !load(t, mustOpen(t, c.directory, noWarning(t)), name, tokens) {
			t.Errorf("%s was built twice", name)
		}
	}
}

func TestEntryWithoutSamples(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, t.TempDir(), noWarning(t))
	key := mustKey(t, "empty")
	for _, want := range []bool{false, true} {
		entry, hit, err := c.Load(t.Context(), key, func(context.Context) (*Entry, error) { return &Entry{}, nil })
		if err != nil || hit != want || entry.Train.Samples != nil || entry.Val.Samples != nil {
			t.Errorf("hit %v, entry %+v, %v", hit, entry, err)
		}
	}
}

func TestDamagedEntryIsBuiltAnew(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "whole")
	load(t, mustOpen(t, whole, noWarning(t)), "x", 100)
	path := func(root string) string {
		return filepath.Join(root, entriesFolder, mustKey(t, "x").String()+entrySuffix)
	}
	content, err := os.ReadFile(path(whole))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		changed := append([]byte(nil), content...)
		changed[at] ^= 4
		return changed
	}
	for name, damaged := range map[string][]byte{
		"empty": {}, "only magic": content[:8], "in the header": content[:40], "in the tokens": content[:len(content)-100],
		"one byte short": content[:len(content)-1], "one byte more": append(content[:len(content):len(content)], 0),
		"magic": flip(0), "header length": flip(9), "header": flip(30), "token": flip(len(content) - 200), "checksum": flip(len(content) - 1),
	} {
		var warnings []string
		c := mustOpen(t, t.TempDir(), Options{Warn: func(message string) { warnings = append(warnings, message) }})
		if err := os.WriteFile(path(c.directory), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if load(t, c, "x", 100) {
			t.Errorf("%s: the damaged entry was used", name)
		}
		if len(warnings) != 1 || !strings.Contains(warnings[0], "is made anew") || !strings.Contains(warnings[0], path(c.directory)) {
			t.Errorf("%s: warnings %q", name, warnings)
		}
		if !load(t, c, "x", 100) {
			t.Errorf("%s: the entry was not kept", name)
		}
	}
}

// TestTwoJobsAtOnce: of several that want the same entry, one builds it.
func TestTwoJobsAtOnce(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	options := Options{Warn: func(message string) {
		if message != waiting {
			t.Errorf("warning: %s", message)
		}
	}}
	var built atomic.Int32
	started, finish := make(chan struct{}), make(chan struct{})
	var jobs sync.WaitGroup
	for range 4 {
		jobs.Go(func() {
			c := mustOpen(t, directory, options)
			entry, _, err := c.Load(context.Background(), mustKey(t, "x"), func(context.Context) (*Entry, error) {
				if built.Add(1) == 1 {
					close(started)
				}
				<-finish
				return entryFor("x", 50), nil
			})
			if err != nil || !reflect.DeepEqual(entry, entryFor("x", 50)) {
				t.Errorf("got %+v, %v", entry, err)
			}
		})
	}
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := mustOpen(t, directory, options).Load(ctx, mustKey(t, "x"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled job that waits: %v", err)
	}
	close(finish)
	jobs.Wait()
	if built.Load() != 1 {
		t.Errorf("built %d times", built.Load())
	}
}

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	size := func() (total int64) {
		c := mustOpen(t, directory, noWarning(t))
		entries, err := c.list(entriesFolder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			total += entry.size
		}
		return total
	}
	load(t, mustOpen(t, directory, noWarning(t)), "a", 10_000)
	options := noWarning(t)
	options.MaximumBytes = size()*5/2 + 1000 // two entries, not three
	c := mustOpen(t, directory, options)
	load(t, c, "b", 10_000)
	old := func(name string, age time.Duration) {
		at := time.Now().Add(-age)
		if err := os.Chtimes(c.entryPath(mustKey(t, name)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	old("a", 2*time.Hour)
	old("b", time.Hour)
	// A reader that has the oldest entry open reads on while it is removed.
	reader, err := os.Open(c.entryPath(mustKey(t, "b")))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	abandoned := filepath.Join(directory, entriesFolder, durable.TemporaryPrefix+"1")
	if err := os.WriteFile(abandoned, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(abandoned, time.Now(), time.Now().Add(-2*abandonedAfter)); err != nil {
		t.Fatal(err)
	}
	if !load(t, c, "a", 10_000) { // used now, so that b is the oldest
		t.Error("a is gone")
	}
	load(t, c, "c", 10_000)
	if size() > options.MaximumBytes {
		t.Errorf("the cache holds %d bytes of %d", size(), options.MaximumBytes)
	}
	if _, err := os.Stat(abandoned); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a crashed job left: %v", err)
	}
	info, err := reader.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if entry, err := parseEntry(reader, info.Size()); err != nil || !reflect.DeepEqual(entry, entryFor("b", 10_000)) {
		t.Errorf("the entry that was removed while it is read: %v", err)
	}
	if !load(t, c, "a", 10_000) || !load(t, c, "c", 10_000) {
		t.Error("an entry that was used lately is gone")
	}
	if load(t, c, "b", 10_000) {
		t.Error("the least recently used entry is still there")
	}
}

func TestEntryThatIsTooLargeIsNotKept(t *testing.T) {
	t.Parallel()
	var warnings []string
	c := mustOpen(t, t.TempDir(), Options{MaximumBytes: 1000, Warn: func(message string) { warnings = append(warnings, message) }})
	load(t, c, "x", 10_000)
	if len(warnings) != 1 || !strings.Contains(warnings[0], "more than the 1000 that the cache may hold") {
		t.Errorf("warnings %q", warnings)
	}
	if files, err := os.ReadDir(filepath.Join(c.directory, entriesFolder)); err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

// TestCacheThatFails: whatever is wrong with the directory, the entry is built.
func TestCacheThatFails(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(directory string) error{
		"entries gone": func(d string) error { return os.RemoveAll(filepath.Join(d, entriesFolder)) },
		"locks gone":   func(d string) error { return os.RemoveAll(filepath.Join(d, locksFolder)) },
		"all gone":     os.RemoveAll,
		"entry is a folder": func(d string) error {
			return os.MkdirAll(filepath.Join(d, entriesFolder, mustKey(t, "x").String()+entrySuffix, "inside"), 0o700)
		},
	} {
		var warnings []string
		c := mustOpen(t, t.TempDir(), Options{Warn: func(message string) { warnings = append(warnings, message) }})
		if err := harm(c.directory); err != nil {
			t.Fatal(err)
		}
		if load(t, c, "x", 10) {
			t.Errorf("%s: there was an entry", name)
		}
		if len(warnings) == 0 {
			t.Errorf("%s: nobody was told", name)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{}); err == nil {
		t.Error("a file was opened as a cache")
	}
}

func TestErrorsOfBuildingAreReturned(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, t.TempDir(), noWarning(t))
	wrong := errors.New("bad row")
	if _, _, err := c.Load(t.Context(), mustKey(t, "x"), func(context.Context) (*Entry, error) { return nil, wrong }); !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
	if load(t, c, "x", 10) {
		t.Error("a failure was kept")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	type of struct{ A, B string }
	seen := map[Key]any{}
	for _, description := range []any{of{"a", "b"}, of{"ab", ""}, of{"", "ab"}, "ab", 1, nil} {
		key, err := NewKey(description)
		if err != nil {
			t.Fatal(err)
		}
		if other, known := seen[key]; known {
			t.Errorf("%v and %v have one key", description, other)
		}
		seen[key] = description
	}
	if _, err := NewKey(func() {}); err == nil {
		t.Error("a function has a key")
	}
}

func TestDefaultMaximum(t *testing.T) {
	t.Parallel()
	if most := mustOpen(t, t.TempDir(), Options{}).options.MaximumBytes; most <= 0 || most > mostBytes {
		t.Errorf("the default is %d bytes", most)
	}
}
