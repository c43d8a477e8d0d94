package source

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// told collects what a transfer tells; a server can wait until so many bytes have arrived.
type told struct {
	calls   [][2]int64
	arrived chan int64
}

func (t *told) progress(done, total int64) {
	t.calls = append(t.calls, [2]int64{done, total})
	t.arrived <- done
}

// waitFor returns when so many bytes have arrived.
func (t *told) waitFor(ctx context.Context, bytes int64) {
	for {
		select {
		case done := <-t.arrived:
			if done >= bytes {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// A server that sends the second half of a file only when it is told that the first has arrived.
func TestATransferTellsWhatHasArrived(t *testing.T) {
	t.Parallel()
	half := strings.Repeat(`{"text":"x"}`+"\n", 100)
	size := int64(len(half))
	for name, length := range map[string]string{"known": fmt.Sprint(2 * size), "unknown": ""} {
		told := &told{arrived: make(chan int64, 1000)}
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			fmt.Fprint(w, half)
			w.(http.Flusher).Flush()
			if length != "" {
				told.waitFor(r.Context(), size)
			}
			fmt.Fprint(w, half)
		})
		options := quick(t)
		options.Progress = told.progress
		if _, err := Resolve(t.Context(), server.URL+"/rows.jsonl", options); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if length == "" {
			if len(told.calls) > 0 {
				t.Errorf("of a file of unknown length %v was told", told.calls)
			}
			continue
		}
		if !slices.Contains(told.calls, [2]int64{size, 2 * size}) || told.calls[len(told.calls)-1] != [2]int64{2 * size, 2 * size} {
			t.Errorf("told %v of %d bytes", told.calls, 2*size)
		}
	}
}

// Of a data set of several files, what is here already counts as arrived.
func TestFilesOfTheHubAddUp(t *testing.T) {
	t.Parallel()
	hub := &fakeHub{id: "owner/set", commit: firstCommit, files: map[string]string{"train-0.jsonl": strings.Repeat("a", 100), "train-1.jsonl": strings.Repeat("b", 300)}}
	_, options := hub.start(t)
	told := &told{arrived: make(chan int64, 1000)}
	if _, err := Resolve(t.Context(), "hf://datasets/owner/set/train-0.jsonl", options); err != nil {
		t.Fatal(err)
	}
	options.Progress = told.progress
	if _, err := Resolve(t.Context(), "hf://datasets/owner/set", options); err != nil {
		t.Fatal(err)
	}
	if len(told.calls) == 0 || told.calls[0][0] <= 100 || told.calls[len(told.calls)-1] != [2]int64{400, 400} {
		t.Errorf("told %v", told.calls)
	}
}
