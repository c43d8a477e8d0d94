package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/protocol"
)

// TestBackupAndRestore copies the job store of a daemon that runs, and lets the next one go on with the copy.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	home, kill := startDaemon(t)
	scu(t, home, trainArguments(modelGood, "mine", "--wait")...).expect(t, 0, "")
	directory := t.TempDir()
	copied := filepath.Join(directory, "backup.db")
	report := decode[backupReport](t, scu(t, home, "backup", copied, "--json").expect(t, 0, ""))
	info, err := os.Stat(copied)
	if err != nil || report.Path != copied || report.SizeBytes != info.Size() || info.Mode().Perm() != 0o600 {
		t.Fatalf("backup printed %+v; the file is %v, %v", report, info, err)
	}
	scu(t, home, "backup", copied).expect(t, exitFailed, "is there already, and nothing was written\n  hint: name another file")
	if left, err := os.ReadDir(directory); err != nil || len(left) != 1 {
		t.Errorf("beside the backup there is %v, %v", left, err)
	}

	scu(t, home, trainArguments(modelGood, "later", "--wait")...).expect(t, 0, "")
	kill()
	scu(t, home, "backup", filepath.Join(directory, "second.db")).expect(t, 0, "holds the job store") // without a daemon
	path := daemon.StorePath(home)
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + beside); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(copied, path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { scu(t, home, "daemon", "stop", "--now") })
	jobs := decode[[]protocol.TrainingStatus](t, scu(t, home, "jobs", "--json").expect(t, 0, ""))
	if len(jobs) != 1 || jobs[0].Name != "mine" || jobs[0].Status != protocol.StatusCompleted {
		t.Errorf("after going back to the backup there are %+v", jobs)
	}
}

func TestBackupOfNothing(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	scu(t, home, "backup", filepath.Join(t.TempDir(), "x")).expect(t, exitFailed, "there is no job store")
	scu(t, home, "doctor", "--db").expect(t, 0, "")
	scu(t, home, "daemon", "status").expect(t, exitFailed, "no daemon runs") // neither has started one
}

func TestDoctorChecksTheJobStore(t *testing.T) {
	t.Parallel()
	home, kill := startDaemon(t)
	for _, name := range []string{"one", "two"} {
		scu(t, home, trainArguments(modelGood, name, "--wait")...).expect(t, 0, "")
	}
	sound := named(t, decode[[]finding](t, scu(t, home, "doctor", "--db", "--json").expect(t, 0, "")), "job store")
	if !sound.OK || !strings.Contains(sound.Detail, "is sound") {
		t.Errorf("the finding is %+v", sound)
	}
	kill()
	scu(t, home, "backup", filepath.Join(home, "copy")).expect(t, 0, "") // whole, without a write-ahead log
	path := daemon.StorePath(home)
	damaged, err := os.ReadFile(filepath.Join(home, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	for n := len(damaged) / 3; n < len(damaged)/2; n++ {
		damaged[n] ^= 0x55
	}
	_ = os.Remove(path + "-wal") // it may not be there
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	findings := decode[[]finding](t, scu(t, home, "doctor", "--db", "--json").expect(t, exitFailed, "need mending"))
	if f := findings[len(findings)-1]; f.OK || !strings.Contains(f.Fix, "backup") {
		t.Errorf("the findings are %+v", findings)
	}
}
