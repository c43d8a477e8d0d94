package plan

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// recent remembers what was made of files the last few times, each result under all that it follows from: what the files are
// (see filesIdentity) and how they were read. A file that changes so gives another key, and what the old one led to is never
// found again; it goes when newer results need its place.
type recent[V any] struct {
	most    int
	settled time.Duration      // settledAfter, but in tests
	running singleflight.Group // calls with one key at a time share one reading

	mu   sync.Mutex
	kept map[string]V
	used []string // the keys of kept, the one used last at the end
}

func newRecent[V any](most int) *recent[V] {
	return &recent[V]{most: most, settled: settledAfter, kept: map[string]V{}}
}

// settledAfter is how old the last change of a file must be before anything is remembered of it: the clocks of file systems
// tick, and a second change within the same tick would not show. Those of local file systems tick every 10 ms or faster. What
// is wrongly remembered on a slower one does no harm that lasts: who trains reads the files anew.
const settledAfter = 100 * time.Millisecond

// get returns what read gives, or what it gave before under the same key. identify says what the files are; it is asked
// again after read, so that a file that changes meanwhile leaves nothing behind. Errors are not remembered.
func (r *recent[V]) get(ctx context.Context, identify func() (filesIdentity, error), key string, read func(context.Context) (V, error)) (V, error) {
	before, err := identify()
	if err != nil {
		return read(ctx) // which says better what is wrong
	}
	key = before.digest + key
	if value, found := r.find(key); found {
		return value, nil
	}
	for {
		result, err, shared := r.running.Do(key, func() (any, error) {
			value, err := read(ctx)
			if err != nil {
				return nil, err
			}
			if after, err := identify(); err == nil && after == before && time.Since(before.changed) > r.settled {
				r.keep(key, value)
			}
			return value, nil
		})
		if err == nil {
			return result.(V), nil
		}
		// Who shares a reading does not share the end of the call that began it.
		if shared && ctx.Err() == nil && isCancelled(err) {
			continue
		}
		var none V
		return none, err
	}
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (r *recent[V]) find(key string) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, found := r.kept[key]
	if found {
		r.touch(key)
	}
	return value, found
}

func (r *recent[V]) keep(key string, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[key] = value
	r.touch(key)
	if len(r.used) > r.most {
		delete(r.kept, r.used[0])
		r.used = slices.Delete(r.used, 0, 1)
	}
}

// touch makes key the one that was used last.
func (r *recent[V]) touch(key string) {
	if i := slices.Index(r.used, key); i >= 0 {
		r.used = slices.Delete(r.used, i, i+1)
	}
	r.used = append(r.used, key)
}
