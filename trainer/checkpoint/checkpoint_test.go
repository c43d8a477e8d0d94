package checkpoint

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/durable"
	"github.com/shannon-labs/scu/trainer/scu"
)

// sample is a checkpoint with awkward numbers in it.
func sample(step int) *Checkpoint {
	base := Number(math.Inf(1))
	identity := Identity{}
	identity.Set("lora_r", 8)
	identity.Set("target_modules", []string{"q_proj", "v_proj"})
	return &Checkpoint{
		State: State{
			Format: Format, Build: "b1", Identity: identity, Step: step, OptimizerSteps: step, Epoch: 2, MicroBatches: 3,
			Controller: &scu.State{Lambda: 1.0095452682358568, Integral: -0.1, Smoothed: 0.1 + 0.2, Started: true},
			TotalSteps: 1000, WarmupSteps: 100, PriorSigma: 1.0 / 3, TargetTokens: 12345, Parts: 2, GradCheckpointing: true,
			Measured: Measured{BaseDataBPT: &base, StartCost: 3.1},
			Counters: Counters{Tokens: 99, StepSeconds: 1.25, Seconds: 2.5, SinceBest: 1, NearTarget: true},
			Best:     &Best{Step: step / 2, DataBPT: 2.5},
			Last:     Last{SRatio: Number(math.Copysign(0, -1)), SSmoothed: 5e-324, Lambda: math.MaxFloat64},
		},
		Vectors: Vectors{
			Adapter: []float32{1, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32},
			First:   []float32{0.1, math.MaxFloat32, 3}, Second: []float32{4, 5, 6}, Center: []float32{7, 8, 9}, Best: []float32{1, 2, 3},
		},
	}
}

func open(t *testing.T, path string) *Directory {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t *testing.T, d *Directory, keep int, steps ...int) {
	t.Helper()
	for _, step := range steps {
		if err := d.Write(sample(step), keep); err != nil {
			t.Fatal(err)
		}
	}
}

// steps lists the steps of the complete checkpoints.
func steps(t *testing.T, path string) []int {
	t.Helper()
	entries, err := List(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, entry := range entries {
		if entry.Complete {
			found = append(found, entry.Step)
		}
	}
	return found
}

func TestWhatIsWrittenComesBackBitForBit(t *testing.T) {
	t.Parallel()
	full, spare := sample(10), sample(20)
	full.State.Untold = &Untold{DataBPT: Number(math.Inf(-1)), Loss: 0.1 + 0.2, GradNorm: Number(math.Copysign(0, -1)), Tokens: 7, TargetTokens: 5}
	spare.Vectors.Center, spare.Vectors.Best, spare.State.Controller, spare.State.Best, spare.State.Measured.BaseDataBPT = nil, nil, nil, nil, nil
	for _, want := range []*Checkpoint{full, spare} {
		d := open(t, t.TempDir())
		if err := d.Write(want, 2); err != nil {
			t.Fatal(err)
		}
		got, damaged, err := d.Newest()
		if err != nil || len(damaged) > 0 {
			t.Fatal(err, damaged)
		}
		if !reflect.DeepEqual(got.Vectors, want.Vectors) || math.Signbit(float64(got.Vectors.Adapter[1])) != true {
			t.Errorf("vectors %v, want %v", got.Vectors, want.Vectors)
		}
		if len(got.State.Identity.Changes(want.State.Identity)) > 0 {
			t.Errorf("identity %v, want %v", got.State.Identity, want.State.Identity)
		}
		got.State.Identity = want.State.Identity // indentation differs
		if !reflect.DeepEqual(got.State, want.State) || math.Signbit(float64(got.State.Last.SRatio)) != true {
			t.Errorf("state %+v, want %+v", got.State, want.State)
		}
	}
}

func TestTheLastFewAreKept(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	write(t, open(t, path), 2, 1, 9, 10, 100)
	if got := steps(t, path); !reflect.DeepEqual(got, []int{10, 100}) {
		t.Errorf("kept %v, want 10 and 100", got)
	}
	latest, found, err := Latest(path)
	if err != nil || !found || latest.Step != 100 || filepath.Base(latest.Path) != "step-00000100" {
		t.Errorf("the latest is %+v, %v, %v", latest, found, err)
	}
	if left, err := os.ReadDir(path); err != nil || len(left) != 2 {
		t.Errorf("the directory holds %v (%v)", left, err)
	}
	// After a resume the same step is written again.
	again := sample(100)
	again.State.Build = "b2"
	d := open(t, path)
	if err := d.Write(again, 2); err != nil {
		t.Fatal(err)
	}
	if got, _, err := d.Newest(); err != nil || got.State.Build != "b2" {
		t.Errorf("not replaced: %+v, %v", got, err)
	}
}

func TestNothingThere(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none")
	if _, found, err := Latest(missing); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if c, damaged, err := open(t, missing).Newest(); c != nil || damaged != nil || err != nil {
		t.Errorf("found %v, %v, %v", c, damaged, err)
	}
}

func TestADamagedCheckpointIsToldAndTheOneBeforeIsUsed(t *testing.T) {
	t.Parallel()
	change := func(name string, edit func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, checkpoint string) {
			path := filepath.Join(checkpoint, name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, edit(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(content []byte) []byte {
		content[len(content)/2] ^= 1
		return content
	}
	cut := func(content []byte) []byte { return content[:len(content)/2] }
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, checkpoint string) {
			if err := os.Remove(filepath.Join(checkpoint, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, damage := range map[string]func(*testing.T, string){
		"bit of the vectors": change(vectorsFile, flip), "vectors cut": change(vectorsFile, cut), "no vectors": remove(vectorsFile),
		"bit of the state": change(stateFile, flip), "state cut": change(stateFile, cut), "no state": remove(stateFile),
		"bit of the manifest": change(manifestFile, flip), "manifest cut": change(manifestFile, cut), "no manifest": remove(manifestFile),
		"another step's name": func(t *testing.T, checkpoint string) {
			if err := os.Rename(checkpoint, filepath.Join(filepath.Dir(checkpoint), entryName(21))); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			d := open(t, path)
			write(t, d, 3, 10, 20)
			damage(t, filepath.Join(path, entryName(20)))
			got, damaged, err := d.Newest()
			if err != nil || got == nil || got.State.Step != 10 {
				t.Fatalf("got %+v, %v", got, err)
			}
			if len(damaged) != 1 || damaged[0].Step < 20 || damaged[0].Reason == nil || !strings.Contains(damaged[0].String(), "damaged") {
				t.Errorf("told %v", damaged)
			}
			if _, err := os.Stat(damaged[0].Path); err != nil {
				t.Errorf("not set aside: %v", err)
			}
			if got := steps(t, path); !reflect.DeepEqual(got, []int{10}) {
				t.Errorf("%v are still called checkpoints", got)
			}
		})
	}
}

func TestAnotherFormatIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d := open(t, path)
	write(t, d, 3, 10)
	file := filepath.Join(path, entryName(10), manifestFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), `"format": 1`, `"format": 2`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Newest(); !errors.Is(err, ErrFormat) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestLeftoversAreRemovedAtStart(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	write(t, open(t, path), 2, 10)
	leftover := filepath.Join(path, durable.TemporaryPrefix+"step-00000020-123")
	if err := os.Mkdir(leftover, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(leftover, vectorsFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if got := steps(t, path); !reflect.DeepEqual(got, []int{10}) {
		t.Errorf("left %v", got)
	}
}

func TestAFullDiskLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d := open(t, path)
	write(t, d, 1, 10)
	d.FreeBytes = func(string) (int64, error) { return durable.SpareBytes, nil }
	var noRoom *durable.NoRoomError
	err := d.Write(sample(20), 1)
	if !errors.As(err, &noRoom) || !durable.IsFull(err) || !strings.Contains(err.Error(), "step 20") {
		t.Errorf("got %v", err)
	} else if noRoom.Path != path || noRoom.Free != durable.SpareBytes || noRoom.Need != durable.SpareBytes+60 { // five vectors of three
		t.Errorf("got %+v", noRoom)
	}
	d.FreeBytes = durable.FreeBytes
	bad := sample(30)
	bad.Vectors.First = bad.Vectors.First[:2]
	if err := d.Write(bad, 1); err == nil {
		t.Error("vectors of two sizes were written")
	}
	if left, err := os.ReadDir(path); err != nil || len(left) != 1 || left[0].Name() != entryName(10) {
		t.Errorf("the directory holds %v (%v)", left, err)
	}
}

func TestAFileBesideTheCheckpoints(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d := open(t, path)
	for _, content := range []string{"first", "second"} {
		if err := d.WriteFile("notes.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(path, "notes.json")); err != nil || string(got) != content {
			t.Errorf("read %q, %v", got, err)
		}
	}
	if left, err := os.ReadDir(path); err != nil || len(left) != 1 {
		t.Errorf("the directory holds %v (%v)", left, err)
	}
}

func TestChangesAreNamedWithBothValues(t *testing.T) {
	t.Parallel()
	was, is := Identity{}, Identity{}
	was.Set("lora_r", 8)
	is.Set("lora_r", 16)
	was.Set("epochs", 3.0)
	is.Set("epochs", 3)
	was.Set("fields", map[string]string(nil))
	is.Set("use_dora", false)
	is.Set("train_data", "40 rows")
	want := []Change{{"lora_r", "8", "16"}, {"train_data", unset, `"40 rows"`}}
	if got := was.Changes(is); !reflect.DeepEqual(got, want) {
		t.Errorf("changes %v, want %v", got, want)
	}
	if got := want[0].String(); got != "lora_r was 8 and is 16" {
		t.Error(got)
	}
}

func TestStatesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*State){
		"more steps than there are": func(s *State) { s.Step = s.TotalSteps + 1 },
		"negative step":             func(s *State) { s.Step = -1 },
		"more moves than steps":     func(s *State) { s.OptimizerSteps = s.Step + 1 },
		"no parts":                  func(s *State) { s.Parts = 0 },
		"no prior":                  func(s *State) { s.PriorSigma = 0 },
		"no targets":                func(s *State) { s.TargetTokens = 0 },
		"best to come":              func(s *State) { s.Best.Step = s.Step + 1 },
		"time runs backwards":       func(s *State) { s.Counters.Seconds = -1 },
	} {
		state := sample(10).State
		edit(&state)
		text, err := json.Marshal(&state)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseState(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	text, err := json.Marshal(sample(10).State)
	if err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"x", "{}"} {
		if _, err := ParseState(append(text[:len(text):len(text)], suffix...)); err == nil {
			t.Errorf("accepted with %q after it", suffix)
		}
	}
}

func FuzzParseState(f *testing.F) {
	text, err := json.Marshal(sample(10).State)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`{"format":1,"last":{"s_ratio":"NaN"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		state, err := ParseState(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(state)
		if err != nil {
			t.Fatalf("a state that was read cannot be written: %v", err)
		}
		second, err := ParseState(again)
		if err != nil {
			t.Fatalf("a state that was written cannot be read: %v", err)
		}
		third, err := json.Marshal(second)
		if err != nil || string(third) != string(again) {
			t.Fatalf("read and written again it is\n%s\nnot\n%s", third, again)
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"files":{"state.json":{"size":1,"sha256":"00"},"vectors.safetensors":{"size":2,"sha256":"01"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		for _, name := range contentFiles {
			if _, found := m.Files[name]; !found {
				t.Fatalf("accepted without %s", name)
			}
		}
	})
}
