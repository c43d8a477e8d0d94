package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/trainer/durable"
)

const (
	mostBytes      = 10 << 30
	shareOfVolume  = 10 // the cache takes at most one part of so many
	abandonedAfter = 24 * time.Hour
	forgottenAfter = 90 * 24 * time.Hour
)

// defaultMaximum is 10 GiB, or a tenth of the file system where that is less.
func defaultMaximum(directory string) int64 {
	var volume unix.Statfs_t
	if err := unix.Statfs(directory, &volume); err != nil {
		return mostBytes // the bound is a courtesy; what cannot be written says so itself
	}
	return min(mostBytes, int64(volume.Blocks)*int64(volume.Bsize)/shareOfVolume)
}

// stored is a file of the cache.
type stored struct {
	path string
	size int64
	used time.Time
}

// evict removes the least recently used entries until the rest is within the
// bound, never the one at path keep, and what crashed jobs have left behind. A
// file that another job removes at the same time is no error.
func (c *Cache) evict(keep string) error {
	entries, err := c.list(entriesFolder)
	if err != nil {
		return err
	}
	digests, err := c.list(digestsFolder)
	if err != nil {
		return err
	}
	var gone []string
	total := int64(0)
	for _, entry := range entries {
		if strings.HasPrefix(filepath.Base(entry.path), durable.TemporaryPrefix) {
			if time.Since(entry.used) > abandonedAfter {
				gone = append(gone, entry.path)
			}
			continue
		}
		total += entry.size
	}
	slices.SortFunc(entries, func(a, b stored) int { return a.used.Compare(b.used) })
	for _, entry := range entries {
		if total > c.options.MaximumBytes && entry.path != keep && strings.HasSuffix(entry.path, entrySuffix) {
			gone = append(gone, entry.path)
			total -= entry.size
		}
	}
	for _, digest := range digests {
		if time.Since(digest.used) > forgottenAfter {
			gone = append(gone, digest.path)
		}
	}
	for _, path := range gone {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make room: %w", err)
		}
	}
	return nil
}

func (c *Cache) list(folder string) ([]stored, error) {
	files, err := os.ReadDir(filepath.Join(c.directory, folder))
	if err != nil {
		return nil, fmt.Errorf("list it: %w", err)
	}
	var all []stored
	for _, file := range files {
		info, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list it: %w", err)
		}
		all = append(all, stored{filepath.Join(c.directory, folder, file.Name()), info.Size(), info.ModTime()})
	}
	return all, nil
}
