package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestWhereTheKernelCounts(t *testing.T) {
	t.Parallel()
	const (
		v2     = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		v1     = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
		cpu    = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
		hybrid = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
		// A container of version 1 sees its own group as the root of the mount, and its path as the host has it.
		docker = `900 890 0:32 /docker/0a1b /sys/fs/cgroup/my\040memory ro master:11 - cgroup cgroup rw,memory` + "\n"
	)
	for name, c := range map[string]struct {
		cgroups, mounts string
		want            []string
	}{
		"version 2":             {"0::/user.slice/a b\n", v2, []string{"/sys/fs/cgroup/user.slice/a b/memory.events.local", "/sys/fs/cgroup/user.slice/a b/memory.events"}},
		"version 2, the root":   {"0::/\n", v2, []string{"/sys/fs/cgroup/memory.events.local", "/sys/fs/cgroup/memory.events"}},
		"version 1":             {"5:cpu:/\n4:memory:/jobs/1\n", cpu + v1, []string{"/sys/fs/cgroup/memory/jobs/1/memory.oom_control"}},
		"both":                  {"4:hugetlb,memory:/x\n0::/y\n", v1 + hybrid, []string{"/sys/fs/cgroup/memory/x/memory.oom_control", "/sys/fs/cgroup/unified/y/memory.events.local", "/sys/fs/cgroup/unified/y/memory.events"}},
		"a colon in the path":   {"0::/a:b\n", v2, []string{"/sys/fs/cgroup/a:b/memory.events.local", "/sys/fs/cgroup/a:b/memory.events"}},
		"a container":           {"4:memory:/docker/0a1b/job\n", docker, []string{"/sys/fs/cgroup/my memory/job/memory.oom_control"}},
		"a container's own":     {"4:memory:/docker/0a1b\n", docker, []string{"/sys/fs/cgroup/my memory/memory.oom_control"}},
		"another container":     {"4:memory:/docker/0a1bc\n", docker, nil},
		"outside the namespace": {"0::/../other\n", v2, nil},
		"no memory controller":  {"5:cpu:/x\n", cpu, nil},
		"no mounts":             {"0::/x\n", "", nil},
		"nonsense":              {"x\n::\n\n", "a b - c\n1 2 3\n", nil},
	} {
		if got := killFiles(c.cgroups, c.mounts); !slices.Equal(got, append(c.want, "/proc/vmstat")) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTheKernelsCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		count uint64
		found bool
	}{
		"memory.events":             {"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n", 2, true},
		"memory.oom_control":        {"oom_kill_disable 0\nunder_oom 1\noom_kill 7\n", 7, true},
		"memory.oom_control of old": {"oom_kill_disable 0\nunder_oom 0\n", 0, false},
		"vmstat":                    {"pgfault 88\noom_kill 41\nnuma_hit 5\n", 41, true},
		"no line end":               {"oom_kill 9", 9, true},
		"not a number":              {"oom_kill many\n", 0, false},
		"empty":                     {"", 0, false},
	} {
		if count, found := parseKills(c.text); count != c.count || found != c.found {
			t.Errorf("%s: %d, %v", name, count, found)
		}
	}
}

func TestTheNearestCountIsWatched(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	write := func(name, text string) {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old", "under_oom 0\n")
	write("near", "oom_kill 4\n")
	write("far", "oom_kill 9\n")
	k := watchKills([]string{path("missing"), path("old"), path("near"), path("far")})
	write("far", "oom_kill 10\n")
	if rose, known := k.rose(); rose || !known {
		t.Errorf("another's count rose: %v, %v", rose, known)
	}
	write("near", "oom_kill 5\n")
	if rose, known := k.rose(); !rose || !known {
		t.Errorf("the count rose: %v, %v", rose, known)
	}
	if err := os.Remove(path("near")); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]killCount{"one that is gone": k, "none": watchKills([]string{path("missing")})} {
		if rose, known := k.rose(); rose || known {
			t.Errorf("the count of %s: %v, %v", name, rose, known)
		}
	}
	if k := watchKills(killFilesOf(os.Getpid())); k.path == "" {
		t.Errorf("this system counts nowhere: %q", killFilesOf(os.Getpid()))
	}
}

func TestADeathForWantOfMemoryIsTold(t *testing.T) {
	t.Parallel()
	for behaviour, c := range map[string]struct {
		kind Kind
		says []string
	}{
		"counted sigkill itself":     {OutOfMemory, []string{"kernel killed", "memory ran out", "block_size"}},
		"sigkill itself":             {Crashed, []string{"from outside", "not by the kernel"}},
		"counted exit 3":             {Crashed, []string{"code 3"}},
		"abort for memory":           {OutOfMemory, []string{"LLVM ERROR: out of memory"}},
		"abort for want of a thread": {OutOfMemory, []string{"pthread_create() failed"}},
		"abort":                      {Crashed, []string{"Check failed: a == b"}},
		"done without memory":        {Done, nil},
		"exit 0 without memory":      {Crashed, []string{"without saying that it was done"}},
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			counts := filepath.Join(t.TempDir(), "counts")
			if err := os.WriteFile(counts, []byte("oom_kill 3\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			local := Local{Env: []string{killCountVariable + "=" + counts}, killFiles: func(int) []string { return []string{counts} }}
			worker := launch(t, &local, behaviour)
			drain(worker)
			outcome := worker.Wait()
			if outcome.Kind != c.kind {
				t.Fatalf("outcome %+v (%v)", outcome, outcome.Error)
			}
			if (outcome.Kind == OutOfMemory) != (outcome.Error != nil && outcome.Error.Code == protocol.CodeOutOfMemory) {
				t.Errorf("%s with %+v", outcome.Kind, outcome.Error)
			}
			for _, part := range c.says {
				if said := fmt.Sprint(outcome.Error, outcome.Error.Hint); !strings.Contains(said, part) {
					t.Errorf("%q does not say %q", said, part)
				}
			}
		})
	}
}

func TestTheKernelIsOfferedTheWorkerFirst(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	own, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(max(own, workerOOMScore))
	events := drain(launch(t, &Local{}, "score"))
	if len(events) != 1 || events[0].Log == nil || events[0].Log.Message != want {
		t.Errorf("the worker said %+v, want %s", events, want)
	}
}
