package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// TestBackupIsOneMoment backs up while jobs write: each job in the backup must be whole as it was at some moment.
func TestBackupIsOneMoment(t *testing.T) {
	t.Parallel()
	s := filled(t)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 3 {
		id := fmt.Sprint("writer-", i)
		reach(t, s, id, protocol.StatusRunning)
		writers.Go(func() {
			for step := 1; ; step += 5 {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.RecordFrames(context.Background(), id, stepFrames(step, 5)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	directory := t.TempDir()
	for i := range 3 {
		to := filepath.Join(directory, fmt.Sprint("backup ? ", i))
		if err := s.Backup(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(to)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		if problems, err := Check(t.Context(), to); err != nil || len(problems) > 0 {
			t.Errorf("the backup has problems: %q, %v", problems, err)
		}
		copied := openAt(t, to, Options{})
		if record, err := copied.Job(t.Context(), "running"); err != nil || record.Job.Step != 3 {
			t.Errorf("%+v, %v", record, err)
		}
		if err := copied.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writers.Wait()
	if names, err := filepath.Glob(filepath.Join(directory, ".*")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestBackupOverwritesNothing(t *testing.T) {
	t.Parallel()
	s := filled(t)
	to := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(to, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), to); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), to) {
		t.Errorf("got %v", err)
	}
	temporary := to + ".new"
	if err := os.WriteFile(temporary, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := publish(temporary, to); !errors.Is(err, fs.ErrExist) { // where the file came in the meantime
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "precious" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestBackupThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	s := filled(t)
	directory := t.TempDir()
	to := filepath.Join(directory, "backup")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(gone, to); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := BackupFile(t.Context(), filepath.Join(directory, "no.db"), to, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no database: %v", err)
	}
	if err := s.Backup(t.Context(), filepath.Join(directory, "no", "backup")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestBackupWithoutRoom runs in a process of its own, which may write no file beyond some size.
func TestBackupWithoutRoom(t *testing.T) {
	t.Parallel()
	const source, target = "SCU_TEST_BACKUP_SOURCE", "SCU_TEST_BACKUP_TARGET"
	if path := os.Getenv(source); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}); err != nil {
			t.Fatal(err)
		}
		if err := BackupFile(t.Context(), path, os.Getenv(target), nil); err == nil {
			t.Error("a backup larger than files may be was made")
		}
		return
	}
	s := filled(t)
	directory := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestBackupWithoutRoom$")
	child.Env = append(os.Environ(), source+"="+s.path, target+"="+filepath.Join(directory, "backup"))
	if output, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestBackupTellsHowFarItHasCome(t *testing.T) {
	t.Parallel()
	s := filled(t)
	big := []frame.Event{{Log: &frame.Log{Message: strings.Repeat("x", 3<<20)}}}
	if err := s.RecordFrames(t.Context(), "running", big); err != nil {
		t.Fatal(err)
	}
	var last, total int64
	err := BackupFile(t.Context(), s.path, filepath.Join(t.TempDir(), "backup"), func(done, of int64) {
		if done < last || done > of {
			t.Errorf("%d of %d after %d", done, of, last)
		}
		last, total = done, of
	})
	if err != nil || total < 3<<20 || last < total/2 {
		t.Errorf("%d of %d, %v", last, total, err)
	}
}

// TestBackupOfADeadDaemonsStore takes the files as a daemon that was killed leaves them, with commits that are in the log only.
func TestBackupOfADeadDaemonsStore(t *testing.T) {
	t.Parallel()
	s := filled(t)
	path := filepath.Join(t.TempDir(), "scu.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(s.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(t.TempDir(), "backup")
	if err := BackupFile(t.Context(), path, to, nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, to} {
		if problems, err := Check(t.Context(), path); err != nil || len(problems) > 0 {
			t.Errorf("%q, %v", problems, err)
		}
		if record, err := openAt(t, path, Options{}).Job(t.Context(), "running"); err != nil || record.Job.Step != 3 {
			t.Errorf("%+v, %v", record, err)
		}
	}
}
