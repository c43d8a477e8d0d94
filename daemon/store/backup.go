package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// progressTime is how often a backup tells how far it has come.
const progressTime = 200 * time.Millisecond

// Backup writes a copy of the open database to a file; see [BackupFile].
func (s *Store) Backup(ctx context.Context, to string) error {
	return BackupFile(ctx, s.path, to, nil)
}

// BackupFile writes a copy of the database at path, as it stands at one moment, to a new file that only its owner can read.
// A daemon may have the database open and go on writing. The file is there only once it is whole and on disk; one that exists is
// never touched, which gives an error that is [fs.ErrExist]. A full disk gives [ErrDiskFull].
//
// If progress is not nil, it is called now and then with the bytes that are written and about the number that there will be.
func BackupFile(ctx context.Context, path, to string, progress func(done, total int64)) (err error) {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("back up the job store: %s: %w; name another file, or remove it", to, fs.ErrExist)
	}
	temporary, err := os.CreateTemp(filepath.Dir(to), ".tmp-"+filepath.Base(to)+"-*")
	if err != nil {
		return fmt.Errorf("back up the job store: %w", err)
	}
	defer func() {
		err = errors.Join(err, temporary.Close())
		if remove := os.Remove(temporary.Name()); remove != nil && !errors.Is(remove, fs.ErrNotExist) { // it is the backup by now
			err = errors.Join(err, remove)
		}
	}()
	if err := copyDatabase(ctx, path, temporary, progress); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return fmt.Errorf("back up the job store: %w", err)
	}
	return publish(temporary.Name(), to)
}

// copyDatabase lets SQLite write a copy without gaps into an empty file.
func copyDatabase(ctx context.Context, path string, to *os.File, progress func(done, total int64)) (err error) {
	database, err := openReadOnly(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	source := &Store{path: path, read: database}
	var pages, pageBytes int64
	if err := database.QueryRowContext(ctx, `SELECT page_count, page_size FROM pragma_page_count, pragma_page_size`).Scan(&pages, &pageBytes); err != nil {
		return source.explain("back up the job store", err)
	}
	stop := watchSize(to, pages*pageBytes, progress)
	defer stop()
	if _, err := database.ExecContext(ctx, `VACUUM INTO ?`, to.Name()); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("back up the job store: %w", ctx.Err())
		}
		return source.explain("back up the job store to "+to.Name(), err)
	}
	return nil
}

// watchSize tells of a file's growth until stop is called, and then once more.
func watchSize(file *os.File, total int64, progress func(done, total int64)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	tell := func() {
		if info, err := file.Stat(); err == nil {
			progress(min(info.Size(), total), total)
		}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progressTime)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				tell()
			case <-end:
				tell()
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// publish gives a file that is on disk its name, unless there is one with that name.
func publish(temporary, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, temporary, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that cannot; it can link, then
		err = os.Link(temporary, to)
	}
	if err != nil {
		return fmt.Errorf("back up the job store: name the file %s: %w", to, err)
	}
	directory, err := os.Open(filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("back up the job store: %w", err)
	}
	return errors.Join(directory.Sync(), directory.Close())
}
