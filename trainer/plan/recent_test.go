package plan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// newReadyPlanner remembers also what has just been written.
func newReadyPlanner() *Planner {
	p := NewPlanner()
	p.models.settled, p.data.settled = 0, 0
	return p
}

// same is the identity of files that do not change.
func same() (filesIdentity, error) { return filesIdentity{digest: "same"}, nil }

func TestWhatWasReadIsRememberedUntilAFileChanges(t *testing.T) {
	t.Parallel()
	file := writeRows(t, "rows.jsonl", "first")
	r := newRecent[string](8)
	r.settled = 0
	reads := 0
	get := func() string {
		t.Helper()
		text, err := r.get(t.Context(), func() (filesIdentity, error) { return identify(file) }, "", func(context.Context) (string, error) {
			reads++
			text, err := os.ReadFile(file)
			return string(text), err
		})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for range 2 {
		if text := get(); text != "first" || reads != 1 {
			t.Fatalf("%q in %d reads of an unchanged file", text, reads)
		}
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// The same file, size and time of modification, so that the time of change alone tells; it must come to differ first.
	for changed := false; !changed; {
		was, err := identify(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
		is, err := identify(file)
		if err != nil {
			t.Fatal(err)
		}
		changed = is != was
	}
	if text := get(); text != "other" || reads != 2 {
		t.Errorf("after a change: %q in %d reads", text, reads)
	}
}

func TestAFileThatChangesWhileItIsReadIsNotRemembered(t *testing.T) {
	t.Parallel()
	r := newRecent[int](8)
	looks, reads := 0, 0
	changing := func() (filesIdentity, error) {
		looks++
		return filesIdentity{digest: fmt.Sprint(min(looks, 2))}, nil // at the second look, which follows the reading, and after
	}
	for range 3 {
		if _, err := r.get(t.Context(), changing, "", func(context.Context) (int, error) { reads++; return reads, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if reads != 2 {
		t.Errorf("read %d times: the first result is not to be kept, and the second is", reads)
	}
	fresh := newRecent[int](8)
	written := func() (filesIdentity, error) { return filesIdentity{"x", time.Now()}, nil }
	for range 2 {
		if _, err := fresh.get(t.Context(), written, "", func(context.Context) (int, error) { reads++; return 0, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if reads != 4 {
		t.Errorf("a file that was written just now was remembered: %d", reads)
	}
}

func TestErrorsAreNotRemembered(t *testing.T) {
	t.Parallel()
	r := newRecent[int](8)
	broken := errors.New("broken")
	if _, err := r.get(t.Context(), same, "", func(context.Context) (int, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if value, err := r.get(t.Context(), same, "", func(context.Context) (int, error) { return 7, nil }); err != nil || value != 7 {
		t.Errorf("%d, %v", value, err)
	}
	unseen := func() (filesIdentity, error) { return filesIdentity{}, broken }
	if value, err := r.get(t.Context(), unseen, "", func(context.Context) (int, error) { return 8, nil }); err != nil || value != 8 {
		t.Errorf("files that cannot be looked at: %d, %v", value, err)
	}
}

func TestTheOldestGoWhenThereAreMany(t *testing.T) {
	t.Parallel()
	r := newRecent[string](2)
	for _, key := range []string{"a", "b", "a", "c"} {
		if _, err := r.get(t.Context(), same, key, func(context.Context) (string, error) { return key, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"samea", "samec"}; !slices.Equal(r.used, want) || len(r.kept) != 2 {
		t.Errorf("kept %v of %q, want %q", r.kept, r.used, want)
	}
}

func TestCallsAtOnceShareOneReading(t *testing.T) {
	t.Parallel()
	r := newRecent[int](8)
	var reads atomic.Int32
	var calls sync.WaitGroup
	begun, release := make(chan struct{}), make(chan struct{})
	read := func(context.Context) (int, error) {
		if reads.Add(1) == 1 {
			close(begun)
		}
		<-release
		return 5, nil
	}
	call := func() {
		if value, err := r.get(t.Context(), same, "", read); err != nil || value != 5 {
			t.Errorf("%d, %v", value, err)
		}
	}
	calls.Go(call)
	<-begun
	for range 8 {
		calls.Go(call)
	}
	close(release)
	calls.Wait()
	if reads.Load() != 1 {
		t.Errorf("read %d times", reads.Load())
	}
}

// The call that reads for others may end before them.
func TestAnEndedCallDoesNotEndThoseThatShareItsReading(t *testing.T) {
	t.Parallel()
	r := newRecent[int](8)
	first, end := context.WithCancel(t.Context())
	begun := make(chan struct{})
	var reads atomic.Int32
	read := func(ctx context.Context) (int, error) {
		if reads.Add(1) > 1 {
			return 9, nil
		}
		close(begun)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	var calls sync.WaitGroup
	calls.Go(func() {
		if _, err := r.get(first, same, "", read); !errors.Is(err, context.Canceled) {
			t.Errorf("the ended call: %v", err)
		}
	})
	<-begun
	calls.Go(func() {
		if value, err := r.get(t.Context(), same, "", read); err != nil || value != 9 {
			t.Errorf("the other call: %d, %v", value, err)
		}
	})
	end()
	calls.Wait()
}

func TestAChangedDataSetIsCheckedAnew(t *testing.T) {
	t.Parallel()
	planner, home := newReadyPlanner(), t.TempDir()
	spec := tinySpec(t, map[string]any{"block_size": 64})
	for range 2 {
		if _, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU); failure != nil {
			t.Fatal(failure)
		}
	}
	if len(planner.data.kept) != 1 || len(planner.models.kept) != 1 {
		t.Fatalf("remembered are %d data sets and %d models", len(planner.data.kept), len(planner.models.kept))
	}
	good, err := os.ReadFile(spec.TrainData)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(good), `"text"`, `"tixt"`, 1)
	later := time.Now().Add(time.Hour)
	if err := errors.Join(os.WriteFile(spec.TrainData, []byte(bad), 0o600), os.Chtimes(spec.TrainData, later, later)); err != nil {
		t.Fatal(err)
	}
	if _, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU); failure == nil || failure.Code != protocol.CodeDatasetInvalid || !strings.Contains(failure.Message, "row 1") {
		t.Errorf("a file that has become bad: %v", failure)
	}
	// How rows are read counts too.
	spec.TrainData = writeRows(t, "rows.jsonl", `{"text":"a","body":"b"}`+"\n")
	for fields, refused := range map[string]bool{"text:text": false, "text:body": false, "text:absent": true} {
		spec.ConfigOverrides["fields"] = fields
		if _, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU); (failure != nil) != refused {
			t.Errorf("fields %s: %v", fields, failure)
		}
	}
}

func TestAChangedModelIsOpenedAnew(t *testing.T) {
	t.Parallel()
	planner, home, spec := newReadyPlanner(), t.TempDir(), tinySpec(t, nil)
	directory := filepath.Join(home, "models", "tiny")
	if err := os.CopyFS(directory, os.DirFS(spec.BaseModel)); err != nil {
		t.Fatal(err)
	}
	spec.BaseModel = "tiny"
	if _, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU); failure != nil {
		t.Fatal(failure)
	}
	// The directory stays as it is; only a file in it changes.
	path := filepath.Join(directory, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"num_hidden_layers": 3`, `"num_hidden_layers": 4`, 1)
	if changed == string(text) {
		t.Fatalf("the configuration has changed: %s", text)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU); failure == nil || failure.Code != protocol.CodeModelUnsupported {
		t.Errorf("a model that has become bad: %v", failure)
	}
}

func TestDataFromTheNetworkIsNotRemembered(t *testing.T) {
	t.Parallel()
	planner := newReadyPlanner()
	spec := tinySpec(t, nil)
	spec.TrainData = "https://127.0.0.1:1/rows.jsonl"
	if _, failure := planner.Prepare(t.Context(), t.TempDir(), spec, DeviceCPU); failure == nil || failure.Code != protocol.CodeDatasetInvalid {
		t.Errorf("%v", failure)
	}
	if len(planner.data.kept) != 0 {
		t.Error("it was")
	}
}

func TestUnknownKindsOfDeviceAreRefused(t *testing.T) {
	t.Parallel()
	_, failure := planner.Prepare(t.Context(), t.TempDir(), tinySpec(t, nil), "tpu")
	if failure == nil || failure.Code != protocol.CodeDeviceNotFound || !strings.Contains(failure.Hint, "cuda") {
		t.Errorf("%v", failure)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	planner, home, spec := newReadyPlanner(), t.TempDir(), tinySpec(t, map[string]any{"lora_r": 4})
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			for range 8 {
				prepared, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU)
				if failure != nil || prepared.Config.LoraR != 4 || prepared.Parameters == 0 {
					t.Errorf("%+v (%v)", prepared, failure)
				}
			}
		})
	}
	calls.Wait()
}
