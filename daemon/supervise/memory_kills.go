package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shannon-labs/scu/daemon/cgroup"
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

// killFilesOf lists where the kernel may count its kills about a process, the best first. The count of a process's own
// group is exact; that of a group with those beneath it, and that of the machine, take in more.
func killFilesOf(pid int) []string { return killFiles(cgroup.Of(pid)) }

func killFiles(groups []cgroup.Group) []string {
	var files []string
	for _, group := range groups {
		names := []string{"memory.oom_control"}
		if group.Version == 2 {
			names = []string{"memory.events.local", "memory.events"}
		}
		for _, name := range names {
			files = append(files, filepath.Join(group.Directory, name))
		}
	}
	return append(files, "/proc/vmstat")
}
