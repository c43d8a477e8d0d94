package supervise

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func TestEqualCrashesHaveOneSignature(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a, b string // headlines
		same bool
	}{
		"numbers":            {"panic: runtime error: index out of range [5] with length 3", "panic: runtime error: index out of range [17] with length 12", true},
		"addresses":          {"fatal error: unexpected signal [addr=0xc000123fff pc=0x7f12ab]", "fatal error: unexpected signal [addr=0x0 pc=0x7f12ab]", true},
		"a bare address":     {"SIGSEGV at 7ffd12ab34cd", "SIGSEGV at 55d0a1b2c3d4", true},
		"paths":              {"panic: open /home/a/.scu/cache/x-1.bin: no such file", "panic: open /tmp/y.bin: no such file", true},
		"relative paths":     {"F0000 env.cc:93] Check failed: a/b.cc is open", "F0000 env.cc:94] Check failed: c/d/e.cc is open", true},
		"the same":           {"panic: a", "panic: a", true},
		"another message":    {"panic: a", "panic: b", false},
		"another kind":       {"panic: a", "fatal error: a", false},
		"words":              {"panic: bad face", "panic: bad deed", false},
		"one without":        {"", "panic: a", false},
		"none has something": {"", "", true},
	} {
		a, b := signature("exit code 2", c.a), signature("exit code 2", c.b)
		if (a == b) != c.same {
			t.Errorf("%s: %q and %q", name, a, b)
		}
		if signature("signal aborted", c.a) == a {
			t.Errorf("%s: the way makes no difference to %q", name, a)
		}
	}
}

// Each way to crash is told from each other one, and twice the same way is the same.
func TestWaysToCrashAreApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, behaviour := range []string{"exit 3", "exit 0", "panic", "sigterm itself", "sigkill itself", "garbage", "abort", "mute"} {
		limits := Limits{}
		if behaviour == "mute" {
			limits.CancelGrace = 10 * time.Millisecond
		}
		var crashes [2]string
		for i := range crashes {
			worker := launch(t, launched{Limits: limits}, behaviour)
			drain(worker)
			outcome := worker.Wait()
			if outcome.Kind != Crashed || outcome.Error.Code != protocol.CodeWorkerCrashed {
				t.Fatalf("%s: outcome %+v (%v)", behaviour, outcome, outcome.Error)
			}
			crashes[i] = outcome.Crash
		}
		if crashes[0] != crashes[1] || crashes[0] == "" {
			t.Errorf("%s: %q", behaviour, crashes)
		}
		if other, is := seen[crashes[0]]; is {
			t.Errorf("%s and %s: %q", behaviour, other, crashes[0])
		}
		seen[crashes[0]] = behaviour
	}
}

func TestAShortageIsNotTheJobsFault(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		syscall.EMFILE: true, syscall.ENFILE: true, syscall.EAGAIN: true, syscall.ENOMEM: true, syscall.ENOENT: false, syscall.EACCES: false,
	} {
		outcome := LaunchFailure(fmt.Errorf("start a worker: %w", &os.PathError{Op: "fork/exec", Path: "/bin/scu", Err: err}))
		if outcome.Kind != Crashed || outcome.Shortage != want || outcome.Crash == "" {
			t.Errorf("%v: %+v", err, outcome)
		}
	}
}
