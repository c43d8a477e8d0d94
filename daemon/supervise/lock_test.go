package supervise

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol/frame"
	"golang.org/x/sys/unix"
)

// watchDeath returns a function that waits for a process's end, whoever its parent is.
func watchDeath(t *testing.T, pid int) (await func()) {
	t.Helper()
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(process) })
	return func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		awaitDeath(ctx, process)
		if ctx.Err() != nil {
			t.Fatalf("process %d does not end", pid)
		}
	}
}

// killedDaemon starts a daemon with a worker that ignores SIGTERM and the end of its stream and that has started a process
// of another group, kills the daemon, and returns what waits for the end of these two.
func killedDaemon(t *testing.T, directory string, more ...string) (awaitWorker, awaitItsProcess func()) {
	t.Helper()
	daemon := exec.Command(os.Args[0], append([]string{"fake-daemon", directory}, more...)...)
	daemon.Stderr = os.Stderr
	output, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	input, err := daemon.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var worker, itsProcess int
	if _, err := fmt.Sscan(line, &worker, &itsProcess); err != nil {
		t.Fatal(err)
	}
	awaitWorker, awaitItsProcess = watchDeath(t, worker), watchDeath(t, itsProcess)
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait() // it says "signal: killed"
	return awaitWorker, awaitItsProcess
}

// TestWorkerDiesWithItsDaemon kills -9 a daemon and sees its worker end by that alone, and what that had started by the
// daemon that follows.
func TestWorkerDiesWithItsDaemon(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	awaitWorker, awaitItsProcess := killedDaemon(t, directory)
	awaitWorker()
	if jobs, err := ReapOrphans(t.Context(), directory); err != nil || !slices.Equal(jobs, []string{"j"}) {
		t.Errorf("reaped %q, %v", jobs, err)
	}
	awaitItsProcess()
}

// Without the signal at its daemon's death a worker lives on until it is reaped.
func TestOrphansAreReaped(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	free := filepath.Join(directory, "ended"+lockSuffix)
	for _, path := range []string{free, filepath.Join(directory, "another file")} {
		if err := os.WriteFile(path, []byte("1 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	awaitWorker, awaitItsProcess := killedDaemon(t, directory, "surviving")
	jobs, err := ReapOrphans(t.Context(), directory)
	if err != nil || !slices.Equal(jobs, []string{"j"}) {
		t.Errorf("reaped %q, %v", jobs, err)
	}
	awaitWorker()
	awaitItsProcess()
	left, err := filepath.Glob(filepath.Join(directory, "*"+lockSuffix))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	if jobs, err := ReapOrphans(t.Context(), directory); err != nil || len(jobs) > 0 {
		t.Errorf("reaped again: %q, %v", jobs, err)
	}
	if jobs, err := ReapOrphans(t.Context(), filepath.Join(directory, "none")); err != nil || len(jobs) > 0 {
		t.Errorf("where nothing is: %q, %v", jobs, err)
	}
}

// A worker that is started while another one runs its job takes its place.
func TestAJobHasOneRunner(t *testing.T) {
	t.Parallel()
	local := Local{LogDir: t.TempDir(), LocksDir: t.TempDir(), Env: []string{"GORACE=atexit_sleep_ms=0"}}
	start := func(behaviour string) *Worker {
		t.Helper()
		l := local
		l.Command = []string{os.Args[0], "fake-worker", behaviour}
		worker, err := Start(t.Context(), &l, Order{JobID: "j"}, frame.Start{JobID: "j"}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return worker
	}
	first := start("needs sigkill")
	<-first.Events() // it is ready
	second := start("syncs")
	drain(first)
	if outcome := first.Wait(); outcome.Kind != Crashed || outcome.Crash != "killed from outside" {
		t.Errorf("the first ended as %+v (%v)", outcome, outcome.Error)
	}
	for event := range second.Events() {
		if event.Sync != nil {
			second.Stored()
		}
	}
	if outcome := second.Wait(); outcome.Kind != Done {
		t.Errorf("the second ended as %+v (%v)", outcome, outcome.Error)
	}
	if left, err := os.ReadDir(local.LocksDir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What cannot be killed, here because it is the one who asks, keeps the lock, and is named.
func TestARunnerThatCannotBeEndedIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j"+lockSuffix)
	held, err := takeRunnerLock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	who, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := held.write(who); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = takeRunnerLock(ctx, path)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if _, err := ReapOrphans(ctx, filepath.Dir(path)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "job j") {
		t.Errorf("got %v", err)
	}
	if err := held.remove(); err != nil {
		t.Fatal(err)
	}
}

// A number that stands in a lock and belongs to another process by now is no reason to kill that one.
func TestAnotherProcessWithTheNumberLives(t *testing.T) {
	t.Parallel()
	innocent := sleeper(t, nil)
	path := filepath.Join(t.TempDir(), "j"+lockSuffix)
	l, err := takeRunnerLock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	holder := sleeper(t, l.file)
	who, err := identify(innocent.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	who.start--
	if err := errors.Join(l.write(who), l.file.Close()); err != nil {
		t.Fatal(err)
	}
	jobs, err := ReapOrphans(t.Context(), filepath.Dir(path))
	if err != nil || !slices.Equal(jobs, []string{"j"}) {
		t.Errorf("reaped %q, %v", jobs, err)
	}
	if err := holder.Wait(); err == nil {
		t.Error("the holder ended by itself")
	}
	if s, err := statOf(innocent.Process.Pid); err != nil || s.dead {
		t.Errorf("the other process is %+v, %v", s, err)
	}
}

// Who has lost its lock to another worker does not harm that one.
func TestARemainderIsNotLookedForInTheLockOfAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j"+lockSuffix)
	old, err := takeRunnerLock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	gone := sleeper(t, nil)
	if err := old.handTo(gone.Process.Pid); err != nil {
		t.Fatal(err)
	}
	for _, recorded := range []bool{false, true} { // in the file, by the other worker
		taken, err := takeRunnerLock(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		other := sleeper(t, taken.file)
		if recorded {
			err = taken.handTo(other.Process.Pid)
		} else {
			err = taken.file.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		old.clear()
		if s, err := statOf(other.Process.Pid); err != nil || s.dead {
			t.Errorf("the other worker is %+v, %v", s, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// sleeper is a process with a file open, which may be nil.
func sleeper(t *testing.T, file *os.File) *exec.Cmd {
	t.Helper()
	command := exec.Command("sleep", "1000")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if file != nil {
		command.ExtraFiles = []*os.File{file}
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	rest := " 1 77 5 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 100"
	for text, want := range map[string]processStat{
		"5 (scu) S" + rest:             {false, 77, 4711},
		"5 (a) Z 9 (b) R) Z" + rest:    {true, 77, 4711},
		"5 (name with space) X" + rest: {true, 77, 4711},
	} {
		if got, err := parseStat(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5 (scu) S 1 2", "5 (scu) S 1 x 5 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711", "no brackets"} {
		if _, err := parseStat(text); err == nil {
			t.Errorf("%q: accepted", text)
		}
	}
	if _, err := statOf(os.Getpid()); err != nil {
		t.Error(err)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("5 (scu) S 1 77 5 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = parseStat(text) // must not panic
	})
}
