// Package cgroup finds the control groups that account for the memory of a process, in either version of the kernel's
// interface (cgroups(7)), and the files in which the kernel tells of them. It reads; it makes no group and changes none.
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Group is a control group whose kernel interface for memory can be seen.
type Group struct {
	Version   int    // 1 or 2
	Directory string // of the group's files
	top       string // the directory of the farthest group above it that can be seen, or its own
}

// Of lists the groups of a process. What cannot be read names none, as on another system.
func Of(pid int) []Group {
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	return Parse(string(groups), string(mounts))
}

// Parse is Of on the texts of /proc/PID/cgroup and /proc/self/mountinfo, in the order of the former.
func Parse(cgroups, mountinfo string) (groups []Group) {
	mounts := parseMounts(mountinfo)
	add := func(version int, path string) {
		for _, m := range mounts {
			if m.version != version {
				continue
			}
			if directory, visible := m.directory(path); visible {
				groups = append(groups, Group{version, directory, m.point})
			}
		}
	}
	for line := range strings.Lines(cgroups) {
		fields := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3) // hierarchy, controllers, path
		switch {
		case len(fields) < 3:
		case fields[0] == "0" && fields[1] == "":
			add(2, fields[2])
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			add(1, fields[2])
		}
	}
	return groups
}

// mount is a mounted tree of groups that accounts for memory.
type mount struct {
	root, point string // what of the tree is mounted, and where
	version     int
}

// parseMounts reads the text of mountinfo, see proc_pid_mountinfo(5). A line that is not as described there is none.
func parseMounts(text string) (mounts []mount) {
	for line := range strings.Lines(text) {
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 6 || len(right) < 3 {
			continue
		}
		m := mount{root: unescape(left[3]), point: unescape(left[4])}
		switch kind, options := right[0], strings.Split(right[2], ","); {
		case kind == "cgroup2":
			m.version = 2
		case kind == "cgroup" && slices.Contains(options, "memory"):
			m.version = 1
		default:
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// unescape undoes mountinfo's octal escapes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// directory is where a mount shows the group at path, if it shows it: a container often sees a part only.
func (m mount) directory(path string) (string, bool) {
	below, is := strings.CutPrefix(path, strings.TrimSuffix(m.root, "/"))
	switch {
	case !is:
		return "", false
	case strings.Trim(below, "/") == "":
		return m.point, true
	case below[0] != '/' || !filepath.IsLocal(strings.TrimLeft(below, "/")):
		return "", false
	}
	return filepath.Join(m.point, below), true
}
