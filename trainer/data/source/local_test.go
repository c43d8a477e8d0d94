package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// tree makes files, directories (names with a slash at the end) and symbolic links
// (link -> target) in a new directory.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		link, target, isLink := strings.Cut(name, " -> ")
		path := filepath.Join(root, link)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		switch {
		case err != nil:
		case isLink:
			err = os.Symlink(target, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o700)
		default:
			err = os.WriteFile(path, []byte(name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestResolveLocal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files   []string
		spec    string // below the directory
		want    []string
		warning string
	}{
		"one file":           {[]string{"a.jsonl"}, "a.jsonl", []string{"a.jsonl"}, ""},
		"directory":          {[]string{"b.jsonl.gz", "a.csv", "sub/c.parquet", "B.TXT"}, "", []string{"B.TXT", "a.csv", "b.jsonl.gz", "sub/c.parquet"}, ""},
		"hidden":             {[]string{"a.txt", ".b.txt", ".git/c.txt"}, "", []string{"a.txt"}, ""},
		"left out":           {[]string{"a.txt", "README.md", "sub/x.png"}, "", []string{"a.txt"}, "2 files of"},
		"pattern":            {[]string{"2.jsonl", "1.jsonl", "3.txt", ".0.jsonl"}, "*.jsonl", []string{"1.jsonl", "2.jsonl"}, ""},
		"pattern of hidden":  {[]string{"1.jsonl", ".0.jsonl"}, ".*.jsonl", []string{".0.jsonl"}, ""},
		"pattern of folders": {[]string{"a/1.txt", "b/2.txt", "c.txt"}, "[ab]", []string{"a/1.txt", "b/2.txt"}, ""},
		"name like pattern":  {[]string{"a[1].jsonl", "a1.jsonl"}, "a[1].jsonl", []string{"a[1].jsonl"}, ""},
		"links":              {[]string{"real/a.txt", "x/a.txt -> ../real/a.txt", "x/sub -> ../real"}, "x", []string{"x/a.txt", "x/sub/a.txt"}, ""},
	} {
		root := tree(t, c.files...)
		found, err := Resolve(context.Background(), filepath.Join(root, c.spec), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, file := range found.Files {
			below, err := filepath.Rel(root, file.Path)
			if err != nil || file.Name != file.Path || file.Size == 0 || file.Modified.IsZero() {
				t.Errorf("%s: %+v, %v", name, file, err)
			}
			got = append(got, below)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if warned := strings.Join(found.Warnings, "\n"); (warned == "") != (c.warning == "") || !strings.Contains(warned, c.warning) {
			t.Errorf("%s: warnings %q, want %q", name, warned, c.warning)
		}
	}
}

func TestResolveLocalErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files []string
		spec  string
		want  string
	}{
		"missing":            {nil, "none.jsonl", "check the path"},
		"no match":           {[]string{"a.txt"}, "*.jsonl", "no file matches the pattern"},
		"only hidden match":  {[]string{".a.jsonl"}, "*.jsonl", "no file matches the pattern"},
		"two stars":          {[]string{"a/b.txt"}, "**/b.txt", "holds **, which is not supported"},
		"malformed":          {nil, "[", "malformed"},
		"extension":          {[]string{"a.xlsx"}, "a.xlsx", `the extension ".xlsx" is not known; accepted: .jsonl`},
		"no extension":       {[]string{"data"}, "data", `the extension "" is not known`},
		"archive":            {[]string{"a.zip"}, "a.zip", "unpack it"},
		"compressed archive": {[]string{"a.tar.gz"}, "a.tar.gz", "unpack it"},
		"compressed Parquet": {[]string{"a.parquet.gz"}, "a.parquet.gz", "a compressed Parquet file"},
		"empty directory":    {[]string{"d/"}, "d", "holds no files"},
		"no data":            {[]string{"a.md", "b.png", "c.md", "d.md", "e.md", "f.md", "g.md"}, "", "and 2 more; accepted"},
		"link to nowhere":    {[]string{"d/a.txt", "d/b.txt -> none"}, "d", "b.txt cannot be read: no such file"},
		"link to itself":     {[]string{"d/a.txt -> a.txt"}, "d", "too many levels"},
		"link upwards":       {[]string{"d/a.txt", "d/e/up -> .."}, "d", "symbolic link to one that it is in"},
		"scheme":             {nil, "s3://bucket/a.jsonl", `the scheme "s3" is not supported`},
	} {
		root := tree(t, c.files...)
		spec := filepath.Join(root, c.spec)
		if strings.Contains(c.spec, "://") {
			spec = c.spec
		}
		found, err := Resolve(context.Background(), spec, Options{})
		if err == nil {
			t.Errorf("%s: no error, %+v", name, found)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, want %q", name, err, c.want)
		}
	}
}

func TestResolveStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Resolve(ctx, tree(t, "a.txt"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestPipesAreRefused must not wait for the other end of a pipe, neither when it is
// there from the start nor when it takes the place of a file.
func TestPipesAreRefused(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := filepath.Join(directory, "a.jsonl")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{path, directory} {
		if _, err := Resolve(context.Background(), spec, Options{}); err == nil || !strings.Contains(err.Error(), "named pipe") {
			t.Errorf("%s: got %v", spec, err)
		}
	}
	if _, err := (File{Path: path, Name: path}).Open(); err == nil || !strings.Contains(err.Error(), "named pipe") {
		t.Errorf("opened: got %v", err)
	}
	if _, err := (File{Path: "/dev/zero", Name: "/dev/zero"}).Open(); err == nil || !strings.Contains(err.Error(), "is a device") {
		t.Errorf("device: got %v", err)
	}
	if _, err := (File{Path: filepath.Join(directory, "none"), Name: "none"}).Open(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
}

func TestHubName(t *testing.T) {
	directory := tree(t, "tatsu-lab/alpaca/a.txt")
	t.Chdir(directory)
	for spec, want := range map[string]string{
		"databricks/dolly-15k": "hf://datasets/databricks/dolly-15k", "tatsu-lab/alpaca": "", "a/b.jsonl": "", "squad": "", "/a/b": "", "a/b/c": "", "./a": "", "a/*": "",
	} {
		if got, ok := HubName(spec); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", spec, got, ok)
		}
	}
}
