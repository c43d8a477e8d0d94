package schedule

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestOrderIsPriorityThenAge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		entries []Entry
		want    string
	}{
		{"empty", nil, "[]"},
		{"first in, first out", []Entry{{"a", 0, 1}, {"b", 0, 2}, {"c", 0, 3}}, "[a b c]"},
		{"added out of order, as after a restart", []Entry{{"c", 0, 3}, {"a", 0, 1}, {"b", 0, 2}}, "[a b c]"},
		{"a higher priority passes", []Entry{{"a", 0, 1}, {"b", 5, 2}, {"c", -1, 3}, {"d", 5, 4}}, "[b d a c]"},
		{"the same job twice", []Entry{{"a", 0, 1}, {"a", 0, 1}}, "[a]"},
	}
	for _, test := range tests {
		var queue Queue
		for _, e := range test.entries {
			queue.Add(e)
		}
		if got := fmt.Sprint(queue.Waiting()); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		for i, id := range queue.Waiting() {
			if got := queue.Position(id); got != i+1 {
				t.Errorf("%s: position of %s is %d, want %d", test.name, id, got, i+1)
			}
		}
	}
}

func TestCapacityHoldsJobsBack(t *testing.T) {
	t.Parallel()
	var queue Queue
	queue.Add(Entry{"a", 0, 1})
	queue.Add(Entry{"b", 0, 2})
	if e, ok := queue.Next(1, 1); ok {
		t.Fatalf("%s started beyond the capacity", e.JobID)
	}
	for running, want := range []string{"a", "b"} {
		if e, ok := queue.Next(running, 2); !ok || e.JobID != want {
			t.Fatalf("got %+v, %v; want %s", e, ok, want)
		}
	}
	if e, ok := queue.Next(0, 2); ok {
		t.Fatalf("an empty queue gave %s", e.JobID)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	var queue Queue
	queue.Add(Entry{"a", 0, 1})
	if !queue.Remove("a") || queue.Remove("a") || queue.Position("a") != 0 {
		t.Error("a removed job is still there, or was never")
	}
}

// TestQueueAgainstSorting compares a long life of a queue with a list that is sorted anew each time.
func TestQueueAgainstSorting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var queue Queue
		var model []Entry
		for sequence := range int64(rapid.IntRange(1, 60).Draw(t, "operations")) {
			switch rapid.SampledFrom([]string{"add", "add", "next", "remove"}).Draw(t, "operation") {
			case "add":
				e := Entry{fmt.Sprint(sequence), rapid.IntRange(-2, 2).Draw(t, "priority"), sequence}
				queue.Add(e)
				model = append(model, e)
				slices.SortStableFunc(model, func(a, b Entry) int { return b.Priority - a.Priority })
			case "next":
				e, ok := queue.Next(0, 1)
				if ok != (len(model) > 0) || ok && e != model[0] {
					t.Fatalf("next is %+v, %v; the model has %+v", e, ok, model)
				}
				model = model[min(1, len(model)):]
			case "remove":
				if len(model) > 0 {
					at := rapid.IntRange(0, len(model)-1).Draw(t, "at")
					if !queue.Remove(model[at].JobID) {
						t.Fatalf("%s was not there", model[at].JobID)
					}
					model = slices.Delete(model, at, at+1)
				}
			}
		}
		for i, e := range model {
			if queue.Position(e.JobID) != i+1 {
				t.Fatalf("position of %+v is %d, want %d", e, queue.Position(e.JobID), i+1)
			}
		}
	})
}
