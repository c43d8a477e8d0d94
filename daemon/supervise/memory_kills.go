package supervise

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// workerOOMScore is what is added to a worker's badness, in thousandths of the memory there is: where memory runs out the
// kernel takes the worker, which can go on, and not the daemon or what else its user has open.
const workerOOMScore = 800

// offerToKernel makes a worker the first to be killed for want of memory. Only ever to raise its score needs no
// privilege. Where that fails the kernel chooses as it would have, so nobody need be told.
func offerToKernel(pid int) {
	path := fmt.Sprintf("/proc/%d/oom_score_adj", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	if score, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && score < workerOOMScore {
		_ = os.WriteFile(path, []byte(strconv.Itoa(workerOOMScore)), 0)
	}
}

// killCount is a place where the kernel counts the processes that it has killed for want of memory.
type killCount struct {
	path   string // empty where none can be read
	before uint64
}

// watchKills notes how far the count stands that is nearest to a process. Files are looked at in the order of killFiles.
func watchKills(files []string) killCount {
	for _, path := range files {
		if text, err := os.ReadFile(path); err == nil {
			if count, found := parseKills(string(text)); found {
				return killCount{path, count}
			}
		}
	}
	return killCount{}
}

// rose reports whether the kernel has killed something since, and whether that is known.
func (k killCount) rose() (rose, known bool) {
	text, err := os.ReadFile(k.path)
	if err != nil {
		return false, false
	}
	count, found := parseKills(string(text))
	return count > k.before, found
}

// parseKills finds the count in memory.events, memory.oom_control or vmstat: a line "oom_kill N" in each.
func parseKills(text string) (count uint64, found bool) {
	for line := range strings.Lines(text) {
		if number, is := strings.CutPrefix(line, "oom_kill "); is {
			count, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
			return count, err == nil
		}
	}
	return 0, false
}

// killFilesOf lists where the kernel may count its kills about a process, the best first.
func killFilesOf(pid int) []string {
	// What cannot be read names no file, and the count of the whole machine remains.
	cgroups, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	return killFiles(string(cgroups), string(mounts))
}

// killFiles is killFilesOf on the texts of /proc/PID/cgroup and /proc/self/mountinfo. The count of a process's own group
// is exact; that of a group with those beneath it, and that of the machine, take in more.
func killFiles(cgroups, mountinfo string) []string {
	mounts := parseMounts(mountinfo)
	var files []string
	add := func(kind, path string, names ...string) {
		for _, m := range mounts {
			if m.kind != kind || kind == "cgroup" && !slices.Contains(m.options, "memory") {
				continue
			}
			if directory, visible := m.directory(path); visible {
				for _, name := range names {
					files = append(files, filepath.Join(directory, name))
				}
			}
		}
	}
	for line := range strings.Lines(cgroups) {
		fields := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3) // hierarchy, controllers, path
		switch {
		case len(fields) < 3:
		case fields[0] == "0" && fields[1] == "":
			add("cgroup2", fields[2], "memory.events.local", "memory.events")
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			add("cgroup", fields[2], "memory.oom_control")
		}
	}
	return append(files, "/proc/vmstat")
}

// mount is a line of mountinfo.
type mount struct {
	root, point string // what of the file system is mounted, and where
	kind        string
	options     []string // of the file system
}

// parseMounts reads the text of mountinfo, see proc_pid_mountinfo(5). A line that is not as described there is none.
func parseMounts(text string) (mounts []mount) {
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		before, after, _ := strings.Cut(scanner.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) >= 6 && len(right) >= 3 {
			mounts = append(mounts, mount{unescape(left[3]), unescape(left[4]), right[0], strings.Split(right[2], ",")})
		}
	}
	return mounts
}

// unescape undoes mountinfo's octal escapes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// directory is where a mount shows the group at path, if it shows it: a container often sees a part only.
func (m mount) directory(path string) (string, bool) {
	below, is := strings.CutPrefix(path, strings.TrimSuffix(m.root, "/"))
	if !is || below != "" && !strings.HasPrefix(below, "/") || strings.HasPrefix(below, "/..") {
		return "", false
	}
	return filepath.Join(m.point, below), true
}
