package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
)

// One transaction takes at most maxBatch writes, and none after batchTime, so that the first of them does not wait long for
// the last.
const (
	maxBatch  = 256
	batchTime = 10 * time.Millisecond
)

// ErrClosed is what a write gets that comes after Close.
var ErrClosed = errors.New("the job store is closed")

// writer is the only one who writes to the database. Syncing a commit to disk takes as long for one change as for a hundred,
// so it takes all the writes that wait, commits them in one transaction, and only then answers them. Each runs inside a
// savepoint: one that fails is undone alone.
type writer struct {
	pool    *sql.DB // one connection
	changed func(jobID string)
	wake    chan struct{} // there is something to look at
	done    chan struct{} // closed when run has returned

	batchTime time.Duration // a batch takes no more writes after it

	mu      sync.Mutex
	waiting []*write
	closed  bool
}

// writeFunc makes one change in a transaction. It returns the job that has new events thereby, or none.
type writeFunc func(ctx context.Context, tx transaction) (changed string, err error)

// transaction is the writer's connection while a transaction is open on it. A sql.Tx would do the same, and start a goroutine
// for every query.
type transaction interface {
	queryer
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// write is one caller's wish.
type write struct {
	do     writeFunc
	taken  atomic.Bool // by the writer, or by its caller, who has gone
	answer chan error

	changed string
	err     error
}

func startWriter(pool *sql.DB, changed func(jobID string)) *writer {
	w := &writer{pool: pool, changed: changed, wake: make(chan struct{}, 1), done: make(chan struct{}), batchTime: batchTime}
	go w.run()
	return w
}

// submit runs do in a transaction and returns when that is on disk, or when nothing of it ever will be. If ctx ends
// before do was begun, do is never called; once begun it is finished, whatever becomes of ctx.
func (w *writer) submit(ctx context.Context, do writeFunc) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	request := &write{do: do, answer: make(chan error, 1)}
	if !w.enqueue(request) {
		return ErrClosed
	}
	select {
	case err := <-request.answer:
		return err
	case <-ctx.Done():
		if request.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-request.answer
	}
}

func (w *writer) enqueue(request *write) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.waiting = append(w.waiting, request)
	w.nudge()
	return true
}

func (w *writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close answers every write that waits, and ends run. It may be called again.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.nudge()
	<-w.done
}

// run commits one batch after the other until the writer is closed and nothing waits.
func (w *writer) run() {
	defer close(w.done)
	for {
		first, closed := w.next()
		switch {
		case first != nil:
			began := time.Now()
			size := w.commit(first)
			w.awaitCompany(size, time.Since(began)/4)
		case closed:
			return
		default:
			<-w.wake
		}
	}
}

// next takes the oldest write that waits and whose caller has not gone, if there is one.
func (w *writer) next() (next *write, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > 0 {
		next, w.waiting = w.waiting[0], w.waiting[1:]
		if next.taken.CompareAndSwap(false, true) {
			return next, false
		}
	}
	w.waiting = nil
	return nil, w.closed
}

// awaitCompany waits until as many writes wait as were in the last batch, but for some time at most. Callers who were answered
// together come back together, though not at one instant; if the first of them were served alone, the others would wait for two
// syncs.
func (w *writer) awaitCompany(size int, most time.Duration) {
	if size <= 1 {
		return
	}
	timeout := time.After(min(most, w.batchTime))
	for w.waitingCount() < size {
		select {
		case <-w.wake:
		case <-timeout:
			w.nudge() // a wake may have been taken that was for run
			return
		}
	}
	w.nudge()
}

func (w *writer) waitingCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return maxBatch // no more will come
	}
	return len(w.waiting)
}

// commit runs the first write and what waits behind it in one transaction, and returns how many they were.
func (w *writer) commit(first *write) (size int) {
	batch := []*write{first}
	lost := w.inTransaction(func(ctx context.Context, tx transaction) error {
		began := time.Now()
		lost := first.run(ctx, tx)
		for lost == nil && len(batch) < maxBatch && time.Since(began) < w.batchTime {
			next, _ := w.next()
			if next == nil {
				break
			}
			batch = append(batch, next)
			lost = next.run(ctx, tx)
		}
		return lost
	})
	for _, request := range batch {
		if lost != nil {
			request.err = lost
		}
		if request.err == nil && request.changed != "" {
			w.changed(request.changed)
		}
		request.answer <- request.err
	}
	return len(batch)
}

// run makes a write inside a savepoint, and undoes it if it fails. Some errors, such as that of a full disk, make SQLite roll
// back the whole transaction by itself. Then the savepoint is gone, and with it what other writes of the batch did: such an
// error is lost, and is for all of them.
func (r *write) run(ctx context.Context, tx transaction) (lost error) {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT write`); err != nil {
		return err
	}
	if r.changed, r.err = r.do(ctx, tx); r.err != nil {
		if _, gone := tx.ExecContext(ctx, `ROLLBACK TO write`); gone != nil {
			return causeOf(gone, r.err)
		}
	}
	_, gone := tx.ExecContext(ctx, `RELEASE write`)
	return gone
}

// causeOf is why a transaction was rolled back: what SQLite said to the write, or else that the savepoint is gone. What the
// store itself said to that write is not for the others.
func causeOf(gone, said error) error {
	var sqlite sqlite3.Error
	if errors.As(said, &sqlite) {
		return fmt.Errorf("the transaction was rolled back: %w", sqlite)
	}
	return fmt.Errorf("the transaction was rolled back: %w", gone)
}

// inTransaction commits what do has done, or rolls it back if do or the commit fails.
func (w *writer) inTransaction(do func(context.Context, transaction) error) error {
	ctx := context.Background()
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // gives it back to the pool
	_, err = conn.ExecContext(ctx, `BEGIN IMMEDIATE`)
	if err == nil {
		err = do(ctx, conn)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, `COMMIT`)
	}
	if err != nil {
		_, _ = conn.ExecContext(ctx, `ROLLBACK`) // fails where SQLite has done it by itself
	}
	return err
}
