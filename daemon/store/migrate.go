package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// A migration takes the schema from the version before it to its own.
type migration struct {
	version int
	name    string
	sql     string
}

// migrate applies the migrations that the database lacks, one transaction each.
func (s *Store) migrate(ctx context.Context) error {
	migrations, err := loadMigrations(migrationFiles)
	if err != nil {
		return err
	}
	const create = `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)`
	if _, err := s.write.ExecContext(ctx, create); err != nil {
		return s.explain("migrate the database", err)
	}
	var current int
	if err := s.write.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&current); err != nil {
		return s.explain("migrate the database", err)
	}
	if newest := len(migrations); current > newest {
		return &NewerSchemaError{Path: s.path, Found: current, Known: newest}
	}
	for _, m := range migrations[current:] {
		if err := s.apply(ctx, m); err != nil {
			return s.explain("apply migration "+m.name, err)
		}
	}
	return nil
}

func (s *Store) apply(ctx context.Context, m migration) error {
	return inTransaction(ctx, s.write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, m.sql); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO schema_version (version, name, applied_at) VALUES (?, ?, ?)`,
			m.version, m.name, micros(time.Now()))
		return err
	})
}

// loadMigrations reads files named NNNN_what.sql in the order of their numbers, which must be 1, 2, 3 ….
func loadMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var migrations []migration
	for _, path := range names { // Glob sorts, and the numbers have leading zeros
		name := strings.TrimPrefix(path, "migrations/")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(migrations)+1 {
			return nil, fmt.Errorf("migration %s should be number %d", name, len(migrations)+1)
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		migrations = append(migrations, migration{version: version, name: name, sql: string(text)})
	}
	return migrations, nil
}

// inTransaction commits what do has done, or rolls it back if do or the commit fails.
func inTransaction(ctx context.Context, pool *sql.DB, do func(*sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			return errors.Join(err, undo)
		}
		return err
	}
	return tx.Commit()
}
