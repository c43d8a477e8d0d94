package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "github.com/mattn/go-sqlite3" // the database/sql driver "sqlite3"
)

// readers is how many queries may run beside the writer.
const readers = 4

// What SQLite may keep: pages in memory, of each connection, and the log on disk after it has grown under a long query, such as
// a backup.
const (
	cacheKiB    = 2048
	maxLogBytes = 64 << 20
)

// cachedStatements is how many prepared statements a connection keeps; each is some ten kilobytes. Preparing takes longer than
// running most of them.
const cachedStatements = 64

// busyTimeout is how long a statement waits for another process's lock, such as that of a person's sqlite3 shell.
const busyTimeout = 10 * time.Second

// Store is the open database. Its methods are safe for concurrent use.
type Store struct {
	path   string
	write  *sql.DB // one connection, which is the writer's once the schema is up to date
	read   *sql.DB
	writer *writer // nil until then
	now    func() time.Time

	openedAt       time.Time
	lastForeignRun int64 // up to here usage rows are of runs that were begun before openedAt; their workers live no more
}

// Options say how to open a Store.
type Options struct {
	// Changed is called after each commit that added events to a job, before the method that did so returns. It must return
	// at once and not call the store. Nil means nobody listens.
	Changed func(jobID string)
}

// Open opens the database at path, makes it if there is none, and brings its schema up to date. A database that a newer
// program has written gives a [*NewerSchemaError], a damaged file an error that is [ErrDamaged].
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	s := &Store{path: path, now: func() time.Time { return time.Now().UTC() }, openedAt: time.Now().UTC()}
	if o.Changed == nil {
		o.Changed = func(string) {}
	}
	var err error
	if s.write, err = openPool(path, 1, url.Values{"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_txlock": {"immediate"}}); err != nil {
		return nil, err
	}
	if s.read, err = openPool(path, readers, url.Values{"_query_only": {"true"}}); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.writer = startWriter(s.write, o.Changed)
	return s, nil
}

// Close lets the writes and the queries in progress end and closes the database. A write that comes later gets [ErrClosed].
func (s *Store) Close() error {
	if s.writer != nil {
		s.writer.close()
	}
	if err := errors.Join(s.read.Close(), s.write.Close()); err != nil {
		return fmt.Errorf("close the job store %s: %w", s.path, err)
	}
	return nil
}

// prepare reads the header and the tables' roots, which finds most damage, and then migrates.
func (s *Store) prepare(ctx context.Context) error {
	var tables int
	if err := s.write.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master`).Scan(&tables); err != nil {
		return s.explain("open the database", err)
	}
	if _, err := s.write.ExecContext(ctx, fmt.Sprintf(`PRAGMA journal_size_limit = %d`, maxLogBytes)); err != nil {
		return s.explain("open the database", err)
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.write.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM usage`).Scan(&s.lastForeignRun); err != nil {
		return s.explain("open the database", err)
	}
	return nil
}

// createPrivate makes an empty file that only its owner can read, since SQLite would make it with the umask's rights.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the job store: %w", err)
	}
	return file.Close()
}

// openReadOnly opens a database that a daemon may have open too, for a program that is none. It must be there.
func openReadOnly(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the job store: %w", err)
	}
	return openPool(path, 1, url.Values{"mode": {"ro"}})
}

func openPool(path string, connections int, settings url.Values) (*sql.DB, error) {
	settings.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	settings.Set("_foreign_keys", "true")
	settings.Set("_cache_size", fmt.Sprint(-cacheKiB))
	settings.Set("_stmt_cache_size", fmt.Sprint(cachedStatements))
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings.Encode()}).String()
	pool, err := sql.Open("sqlite3", name)
	if err != nil {
		return nil, fmt.Errorf("open the job store %s: %w", path, err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}
