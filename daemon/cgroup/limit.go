package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// limitFiles are the files in which each version says how much memory a group may take. Beyond memory.high a group is not
// refused memory but held up so much that it is as good as refused.
var limitFiles = map[int][]string{1: {"memory.limit_in_bytes"}, 2: {"memory.max", "memory.high"}}

// MemoryLimit is how much memory the processes of the group may take together, in bytes: the least of what is set for the
// group and for those above it that can be seen. limited is false when nothing is set.
func (g Group) MemoryLimit() (bytes int64, limited bool) {
	for directory := g.Directory; ; directory = filepath.Dir(directory) {
		for _, name := range limitFiles[g.Version] {
			text, err := os.ReadFile(filepath.Join(directory, name))
			if err != nil {
				continue // the root of the whole tree has none
			}
			if limit, set := parseLimit(string(text)); set && (!limited || limit < bytes) {
				bytes, limited = limit, true
			}
		}
		if directory == g.top || directory == filepath.Dir(directory) {
			return bytes, limited
		}
	}
}

// unlimited is where version 1 begins to mean that nothing is set: it has no word for that, and shows the largest whole
// number of pages instead.
const unlimited = 1 << 62

// parseLimit reads "max" or a number of bytes.
func parseLimit(text string) (bytes int64, set bool) {
	bytes, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return bytes, err == nil && bytes < unlimited
}
