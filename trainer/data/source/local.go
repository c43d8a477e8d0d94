package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// resolveLocal finds the files of a path or a pattern. A path that exists is never
// taken for a pattern, whatever characters it has.
func resolveLocal(ctx context.Context, spec string) (Found, error) {
	w := walker{ctx: ctx}
	info, err := os.Stat(spec)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(spec, "*?["):
		err = w.pattern(spec)
	case err != nil:
		err = cannotOpen(spec, err)
	case info.IsDir():
		err = w.directory(spec, info, nil)
	default:
		err = w.file(spec, info)
	}
	if err == nil && len(w.files) == 0 {
		err = w.nothing(spec)
	}
	if err != nil {
		return Found{}, err
	}
	return Found{Files: w.files, Warnings: w.warnings(spec)}, nil
}

// walker collects data files.
type walker struct {
	ctx     context.Context
	files   []File
	leftOut []string // files whose extension is not read
}

// file takes a file that was named by itself: its extension must be known.
func (w *walker) file(path string, info fs.FileInfo) error {
	if err := regular(path, info); err != nil {
		return err
	}
	format, compression, err := formatOf(path)
	if err != nil {
		return fmt.Errorf("data file %s: %w", path, err)
	}
	w.files = append(w.files, File{Path: path, Name: path, Format: format, Compression: compression, Size: info.Size(), Modified: info.ModTime()})
	return nil
}

// pattern takes what a pattern matches. Hidden files need a pattern that names
// their dot, as in a shell.
func (w *walker) pattern(spec string) error {
	if strings.Contains(spec, "**") {
		return fmt.Errorf("the pattern %s holds **, which is not supported; give the directory: all data files below it are read", spec)
	}
	matches, err := filepath.Glob(spec)
	if err != nil {
		return fmt.Errorf("the pattern %s is malformed: %w", spec, err)
	}
	slices.Sort(matches)
	taken := 0
	for _, match := range matches {
		if hidden(match) && !hidden(spec) {
			continue
		}
		taken++
		if err := w.member(match, nil); err != nil {
			return err
		}
	}
	if taken == 0 {
		return fmt.Errorf("no file matches the pattern %s; check the path", spec)
	}
	return nil
}

// directory takes the data files in a directory and below, in the order of their
// names. The directories that lead to it are above.
func (w *walker) directory(path string, info fs.FileInfo, above []fs.FileInfo) error {
	for _, one := range above {
		if os.SameFile(one, info) {
			return fmt.Errorf("directory %s is a symbolic link to one that it is in; remove the link", path)
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return cannotOpen(path, err)
	}
	inside := append(above[:len(above):len(above)], info)
	for _, entry := range entries {
		if hidden(entry.Name()) {
			continue
		}
		if err := w.member(filepath.Join(path, entry.Name()), inside); err != nil {
			return err
		}
	}
	return nil
}

// member takes a file or directory that was found, not named.
func (w *walker) member(path string, above []fs.FileInfo) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	info, err := os.Stat(path) // through symbolic links; one to nowhere or in a circle is an error
	if err != nil {
		return cannotOpen(path, err)
	}
	if info.IsDir() {
		return w.directory(path, info, above)
	}
	if _, _, err := formatOf(path); err != nil && info.Mode().IsRegular() {
		w.leftOut = append(w.leftOut, path)
		return nil
	}
	return w.file(path, info)
}

func hidden(path string) bool {
	base := filepath.Base(path)
	return strings.HasPrefix(base, ".") && base != "." && base != ".."
}

// shownFiles is how many files a message names.
const shownFiles = 5

func (w *walker) nothing(spec string) error {
	if len(w.leftOut) == 0 {
		return fmt.Errorf("%s holds no files; give a directory with data files", spec)
	}
	return fmt.Errorf("%s holds no data file, only %s; accepted: %s", spec, someOf(w.leftOut), accepted)
}

func (w *walker) warnings(spec string) []string {
	if len(w.leftOut) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d files of %s are left out, since their extensions are not read: %s", len(w.leftOut), spec, someOf(w.leftOut))}
}

func someOf(names []string) string {
	if len(names) <= shownFiles {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shownFiles], ", "), len(names)-shownFiles)
}
