package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/daemon/cgroup"
	"github.com/shannon-labs/scu/protocol"
)

func TestWhereTheKernelCounts(t *testing.T) {
	t.Parallel()
	groups := []cgroup.Group{{Version: 1, Directory: "/one/job"}, {Version: 2, Directory: "/two/job"}}
	want := []string{"/one/job/memory.oom_control", "/two/job/memory.events.local", "/two/job/memory.events", "/proc/vmstat"}
	if got := killFiles(groups); !slices.Equal(got, want) {
		t.Errorf("%q", got)
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
			worker := launch(t, launched{Local: local}, behaviour)
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
	events := drain(launch(t, launched{}, "score"))
	if len(events) != 1 || events[0].Log == nil || events[0].Log.Message != want {
		t.Errorf("the worker said %+v, want %s", events, want)
	}
}
