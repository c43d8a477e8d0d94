package logfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func open(t *testing.T, path string, o Options) *File {
	t.Helper()
	f, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, f *File, records ...string) {
	t.Helper()
	for _, record := range records {
		if n, err := f.Write([]byte(record)); err != nil || n != len(record) {
			t.Fatalf("writing %q gave %d, %v", record, n, err)
		}
	}
}

// contents reads the log and its old files, the newest first, until one is not there.
func contents(t *testing.T, path string) []string {
	t.Helper()
	var found []string
	for n := 0; ; n++ {
		name := path
		if n > 0 {
			name = fmt.Sprintf("%s.%d", path, n)
		}
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, string(text))
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		options Options
		records []string
		want    []string // the log, then its old files
	}{
		"fits exactly":               {Options{MaxBytes: 4, Keep: 2}, []string{"a\n", "b\n"}, []string{"a\nb\n"}},
		"one byte too many":          {Options{MaxBytes: 3, Keep: 2}, []string{"a\n", "b\n"}, []string{"b\n", "a\n"}},
		"the oldest is dropped":      {Options{MaxBytes: 2, Keep: 2}, []string{"a\n", "b\n", "c\n", "d\n"}, []string{"d\n", "c\n", "b\n"}},
		"one old file":               {Options{MaxBytes: 2, Keep: 1}, []string{"a\n", "b\n", "c\n"}, []string{"c\n", "b\n"}},
		"none":                       {Options{MaxBytes: 2, Keep: 0}, []string{"a\n", "b\n", "c\n"}, []string{"c\n"}},
		"a large record stays whole": {Options{MaxBytes: 2, Keep: 2}, []string{"a\n", "larger\n", "b\n"}, []string{"b\n", "larger\n", "a\n"}},
		"a large record first":       {Options{MaxBytes: 2, Keep: 2}, []string{"larger\n"}, []string{"larger\n"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "log")
			f := open(t, path, c.options)
			write(t, f, c.records...)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if found := contents(t, path); !slices.Equal(found, c.want) {
				t.Errorf("the files are %q, want %q", found, c.want)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}

func TestOpenGoesOnAtTheEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	for _, record := range []string{"a\n", "b\n", "c\n"} {
		f := open(t, path, Options{MaxBytes: 4, Keep: 1})
		write(t, f, record)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found, want := contents(t, path), []string{"c\n", "a\nb\n"}; !slices.Equal(found, want) {
		t.Errorf("the files are %q, want %q", found, want)
	}
}

// Records of many writers are whole, and none is missing from the files that are kept.
func TestConcurrentWrites(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 50
	path := filepath.Join(t.TempDir(), "log")
	f := open(t, path, Options{MaxBytes: 500, Keep: 100})
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range each {
				if _, err := fmt.Fprintf(f, "writer %d record %d\n", w, n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	files := contents(t, path)
	if len(files) < 2 {
		t.Errorf("%d records are in one file", writers*each)
	}
	slices.Reverse(files)
	next := map[int]int{}
	for line := range strings.Lines(strings.Join(files, "")) {
		var w, n int
		if _, err := fmt.Sscanf(line, "writer %d record %d\n", &w, &n); err != nil || n != next[w] {
			t.Fatalf("%q: %v; the next of this writer is %d", line, err, next[w])
		}
		next[w]++
	}
	for w := range writers {
		if next[w] != each {
			t.Errorf("%d records of writer %d are there, want %d", next[w], w, each)
		}
	}
}

// A rotation that fails loses a record and not the log: when the cause is gone, it goes on, and Close tells.
func TestFailedRotationIsTriedAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	f := open(t, path, Options{MaxBytes: 2, Keep: 1})
	write(t, f, "a\n")
	if err := os.MkdirAll(filepath.Join(path+".1", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := f.Write([]byte("lost\n")); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a write with a directory in the way of the old file gave %v", err)
		}
	}
	if err := os.RemoveAll(path + ".1"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "b\n")
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), path+".1") {
		t.Errorf("close gave %v, want the first failure", err)
	}
	if found, want := contents(t, path), []string{"b\n", "a\n"}; !slices.Equal(found, want) {
		t.Errorf("the files are %q, want %q", found, want)
	}
}

// What was cut off by a full file system does not run into the next record.
func TestRecordAfterATornOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	f := open(t, path, Options{MaxBytes: 100, Keep: 1})
	write(t, f, "cut o")
	f.torn = true
	write(t, f, "whole\n", "next\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if found, want := contents(t, path), []string{"cut o\nwhole\nnext\n"}; !slices.Equal(found, want) {
		t.Errorf("the file is %q, want %q", found, want)
	}
}

func TestFullFileSystem(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full:", err)
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	f := open(t, path, Options{MaxBytes: 100, Keep: 1})
	if _, err := f.Write([]byte("a\n")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full file system gave %v", err)
	}
	if err := f.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("close gave %v", err)
	}
}

func TestOpenedIsToldOfEveryFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	var opened []*os.File
	f := open(t, path, Options{MaxBytes: 2, Keep: 1, Opened: func(file *os.File) error {
		opened = append(opened, file)
		return nil
	}})
	write(t, f, "a\n", "b\n")
	if len(opened) != 2 || opened[0] == opened[1] {
		t.Errorf("%d files were told of", len(opened))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	_, err := Open(path, Options{MaxBytes: 2, Opened: func(*os.File) error { return refused }})
	if !errors.Is(err, refused) {
		t.Errorf("a follower that cannot follow gave %v", err)
	}
}

func TestClosedAndMissing(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "log"), Options{MaxBytes: 100})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("late\n")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a write after Close gave %v", err)
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Close does not tell of the write that failed: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing", "log"), Options{MaxBytes: 100}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing directory gave %v", err)
	}
}
