package powercut

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the database/sql driver "sqlite3"
)

// TestMain lets the test binary be the process whose power is cut.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "write" {
		fmt.Fprintln(os.Stderr, writeForever(os.Args[2], os.Args[3]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever adds one row after the other and prints the number of each once it is committed.
func writeForever(path, synchronous string) error {
	pool, err := openDatabase(path, "_journal_mode=WAL&_synchronous="+synchronous)
	if err != nil {
		return err
	}
	if _, err := pool.Exec(`CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, filling BLOB)`); err != nil {
		return err
	}
	var last int
	if err := pool.QueryRow(`SELECT coalesce(max(number), 0) FROM rows`).Scan(&last); err != nil {
		return err
	}
	for number := last + 1; ; number++ {
		if _, err := pool.Exec(`INSERT INTO rows VALUES (?, randomblob(3000))`, number); err != nil {
			return err
		}
		if _, err := fmt.Println(number); err != nil {
			return err
		}
	}
}

func openDatabase(path, settings string) (*sql.DB, error) {
	pool, err := sql.Open("sqlite3", "file:"+path+"?"+settings)
	if err == nil {
		pool.SetMaxOpenConns(1)
	}
	return pool, err
}

// writeUntilCut runs the writer until it has acknowledged so many more rows, kills it, and returns the last that it
// acknowledged before it died.
func writeUntilCut(t *testing.T, m *Machine, synchronous string, rows int) int {
	t.Helper()
	writer := exec.Command(os.Args[0], "write", m.Database, synchronous)
	writer.Env = append(os.Environ(), m.Environment()...)
	writer.Stderr = os.Stderr
	output, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	last := 0
	lines := bufio.NewScanner(output)
	for count := 0; lines.Scan(); count++ {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if count == rows {
			if err := writer.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = writer.Wait() // it says "signal: killed"
	if last == 0 {
		t.Fatal("the writer acknowledged nothing")
	}
	return last
}

// found returns the newest row of a database, and fails where SQLite finds it damaged or a row is missing.
func found(t *testing.T, path string) int {
	t.Helper()
	pool, err := openDatabase(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var verdict string
	if err := pool.QueryRow(`PRAGMA integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
		t.Fatalf("the database is damaged: %s, %v", verdict, err)
	}
	var count, last int
	if err := pool.QueryRow(`SELECT count(*), coalesce(max(number), 0) FROM rows`).Scan(&count, &last); err != nil {
		if strings.Contains(err.Error(), "no such table") {
			return 0
		}
		t.Fatal(err)
	}
	if count != last {
		t.Fatalf("%d rows, the last of them number %d", count, last)
	}
	return last
}

func newMachine(t *testing.T, library string) *Machine {
	t.Helper()
	return &Machine{Library: library, Database: filepath.Join(t.TempDir(), "rows.db"), State: t.TempDir()}
}

// forget takes what is in the files now for what the disk holds.
func (m *Machine) forget() error {
	for _, suffix := range suffixes {
		for _, path := range []string{m.imagePath(suffix), m.pendingPath(suffix)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func buildLibrary(t *testing.T) string {
	t.Helper()
	library, err := Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return library
}

// TestWhatWasSyncedSurvives cuts the power of a database whose commits are synced, again and again, also while its log is
// written back, which is every few hundred rows.
func TestWhatWasSyncedSurvives(t *testing.T) {
	t.Parallel()
	m := newMachine(t, buildLibrary(t))
	random := rand.New(rand.NewPCG(5, 6))
	operations := 0
	for range 20 {
		acknowledged := writeUntilCut(t, m, "FULL", random.IntN(600))
		if err := m.Watched(); err != nil {
			t.Fatal(err)
		}
		lost, err := m.Cut(random, AnyLoss(random))
		if err != nil {
			t.Fatal(err)
		}
		operations += lost.Operations
		if last := found(t, m.Database); last < acknowledged {
			t.Fatalf("row %d was acknowledged, and the last one there is %d", acknowledged, last)
		}
		// The reader has written the log back, unwatched: what is there now is what the disk holds.
		if err := m.forget(); err != nil {
			t.Fatal(err)
		}
	}
	if operations == 0 {
		t.Error("no cut met anything that was not synced")
	}
}

// TestWhatWasNotSyncedIsMissed shows that the loss of a commit is noticed: of a database that does not sync, and of one
// whose disk lies.
func TestWhatWasNotSyncedIsMissed(t *testing.T) {
	t.Parallel()
	library := buildLibrary(t)
	for name, c := range map[string]struct {
		synchronous string
		lies        bool
	}{"synchronous is off": {"OFF", false}, "the disk lies": {"FULL", true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, library)
			m.IgnoreSync = c.lies
			acknowledged := writeUntilCut(t, m, c.synchronous, 50)
			if err := m.Watched(); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Cut(rand.New(rand.NewPCG(7, 8)), LoseAll); err != nil {
				t.Fatal(err)
			}
			if last := found(t, m.Database); last >= acknowledged {
				t.Errorf("row %d was acknowledged and not synced, and row %d is there after the cut", acknowledged, last)
			}
		})
	}
}

// TestAPlainKillLosesNothing goes on after a kill without a cut: the system keeps what the dead process wrote.
func TestAPlainKillLosesNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t, buildLibrary(t))
	last := 0
	for range 5 {
		acknowledged := writeUntilCut(t, m, "FULL", 100)
		if acknowledged <= last {
			t.Fatalf("row %d came after row %d", acknowledged, last)
		}
		last = acknowledged
	}
	if _, err := m.Cut(rand.New(rand.NewPCG(9, 10)), LoseAll); err != nil {
		t.Fatal(err)
	}
	if there := found(t, m.Database); there < last {
		t.Errorf("row %d was acknowledged, and the last one there is %d", last, there)
	}
}

func TestAProgramThatIsNotWatchedIsNoticed(t *testing.T) {
	t.Parallel()
	if err := newMachine(t, "").Watched(); err == nil {
		t.Error("nobody has opened the database, and it counts as watched")
	}
}
