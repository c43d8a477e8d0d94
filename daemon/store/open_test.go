package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/mattn/go-sqlite3"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

func TestReopenKeepsEverything(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a ?%#dir", "scu.db") // characters that mean something in a URI
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	reach(t, first, "job-1", protocol.StatusCompleted)
	reach(t, first, "job-2", protocol.StatusRunning)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("database %v, %v; want mode 0600 at the path given", info, err)
	}
	second := openAt(t, path, Options{})
	living, err := second.Living(t.Context())
	if err != nil || len(living) != 1 || living[0].Job.JobID != "job-2" || living[0].AdapterID != "adapter-of-job-2" {
		t.Errorf("living jobs %+v, %v", living, err)
	}
	for _, key := range []string{"adapter-of-job-1", "job-1"} {
		adapter, err := second.Adapter(t.Context(), key)
		if err != nil || adapter.ID != "adapter-of-job-1" {
			t.Errorf("adapter by %s: %+v, %v", key, adapter, err)
		}
	}
	if _, err := second.AdapterOf(t.Context(), "job-2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("adapter of a running job: %v", err)
	}
}

func TestSettingsHold(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
		"cache_size": "-2048", "journal_size_limit": "67108864"} {
		var got string
		if err := s.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %s", pragma, got, err, want)
		}
	}
	if _, err := s.read.Exec(`DELETE FROM jobs`); err == nil {
		t.Error("a reader could write")
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "scu.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec(`INSERT INTO schema_version VALUES (99, 'from the future', 0)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), path, Options{})
	var newer *NewerSchemaError
	if !errors.As(err, &newer) || newer.Found != 99 || newer.Known != 4 || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestDamagedDatabaseIsExplained(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "scu.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("this is no database\n"), 500), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path, Options{})
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move the file") {
		t.Errorf("got %v", err)
	}
}

func TestFailedMigrationLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	err := s.apply(t.Context(), migration{version: 50, name: "0050_bad.sql", sql: `CREATE TABLE half (x); SELECT nonsense FROM nowhere;`})
	if err == nil {
		t.Fatal("a bad migration was applied")
	}
	var count int
	if err := s.write.QueryRow(`SELECT (SELECT count(*) FROM sqlite_master WHERE name = 'half') + (SELECT count(*) FROM schema_version WHERE version = 50)`).Scan(&count); err != nil || count != 0 {
		t.Errorf("%d traces, %v", count, err)
	}
}

func TestMigrationNumbersHaveNoGap(t *testing.T) {
	t.Parallel()
	file := &fstest.MapFile{Data: []byte("SELECT 1")}
	if _, err := loadMigrations(fstest.MapFS{"migrations/0001_a.sql": file, "migrations/0003_b.sql": file}); err == nil || !strings.Contains(err.Error(), "0003_b.sql") {
		t.Errorf("got %v", err)
	}
	if all, err := loadMigrations(fstest.MapFS{"migrations/0001_a.sql": file, "migrations/0002_b.sql": file}); err != nil || len(all) != 2 {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestWhatMeansAFullDisk(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for _, err := range []sqlite3.Error{
		{Code: sqlite3.ErrFull},
		{Code: sqlite3.ErrIoErr, SystemErrno: syscall.ENOSPC},
		{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EDQUOT},
	} {
		if got := s.explain("test", fmt.Errorf("write: %w", err)); !errors.Is(got, ErrDiskFull) || !strings.Contains(got.Error(), s.path) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if got := s.explain("test", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EIO}); errors.Is(got, ErrDiskFull) {
		t.Errorf("a broken disk became %v", got)
	}
}

func TestWhatMayPass(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for _, test := range []struct {
		code sqlite3.ErrNo
		want bool
	}{
		{sqlite3.ErrBusy, true}, {sqlite3.ErrIoErr, true}, {sqlite3.ErrCantOpen, true}, {sqlite3.ErrFull, true},
		{sqlite3.ErrConstraint, false}, {sqlite3.ErrCorrupt, false}, {sqlite3.ErrError, false},
	} {
		if err := s.explain("test", sqlite3.Error{Code: test.code}); MayPass(err) != test.want {
			t.Errorf("%v may pass: %v, want %v", err, !test.want, test.want)
		}
	}
	if err := s.explain("test", &TransitionError{}); MayPass(err) {
		t.Errorf("%v may pass", err)
	}
}

// TestFullDisk lets SQLite believe that the disk is full: the change is refused as such, nothing of it stays, and the
// store works again when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	reach(t, s, "j", protocol.StatusRunning)
	if _, err := s.write.Exec(`PRAGMA max_page_count = 1`); err != nil { // SQLite raises it to the present size
		t.Fatal(err)
	}
	big := []frame.Event{{Log: &frame.Log{Message: strings.Repeat("x", 1<<20)}}}
	if err := s.RecordFrames(t.Context(), "j", big); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("on a full disk: %v", err)
	}
	if events := allEvents(t, s, "j", 10); len(events) != 2 {
		t.Errorf("%d events, want the 2 from before", len(events))
	}
	if _, err := s.write.Exec(`PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordFrames(context.Background(), "j", big); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
