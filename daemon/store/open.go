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

// readers is how many queries may run beside the writer. SQLite readers cost a page cache each.
const readers = 4

// busyTimeout is how long a statement waits for another process's lock, such as that of a person's sqlite3 shell.
const busyTimeout = 10 * time.Second

// Store is the open database. Its methods are safe for concurrent use.
type Store struct {
	path    string
	write   *sql.DB // one connection
	read    *sql.DB
	changed func(jobID string)
}

// Options say how to open a Store.
type Options struct {
	// Changed is called after each commit that added events to a job. It must return at once. Nil means nobody listens.
	Changed func(jobID string)
}

// Open opens the database at path, makes it if there is none, and brings its schema up to date. A database that a newer
// program has written gives a [*NewerSchemaError], a damaged file an error that is [ErrDamaged].
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	s := &Store{path: path, changed: o.Changed}
	if s.changed == nil {
		s.changed = func(string) {}
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
	return s, nil
}

// Close waits for the queries in progress and closes the database.
func (s *Store) Close() error {
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
	return s.migrate(ctx)
}

// createPrivate makes an empty file that only its owner can read, since SQLite would make it with the umask's rights.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the job store: %w", err)
	}
	return file.Close()
}

func openPool(path string, connections int, settings url.Values) (*sql.DB, error) {
	settings.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	settings.Set("_foreign_keys", "true")
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings.Encode()}).String()
	pool, err := sql.Open("sqlite3", name)
	if err != nil {
		return nil, fmt.Errorf("open the job store %s: %w", path, err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}
