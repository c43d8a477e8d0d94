package plan

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/weights"
)

func openTiny(t *testing.T) *weights.Model {
	t.Helper()
	source, failure := OpenModel(oracle.Load(t, "untied").ModelDirectory)
	if failure != nil {
		t.Fatal(failure)
	}
	t.Cleanup(func() {
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	return source
}

func setConfig() protocol.SCUConfig {
	return protocol.SCUConfig{BlockSize: 64, Overlong: protocol.OverlongTruncate, TrainOn: protocol.TrainOnAuto, ValFraction: 0.2, DataSeed: 3}
}

func mustLoadSet(t *testing.T, source *weights.Model, options SetOptions) *Set {
	t.Helper()
	set, err := LoadSet(t.Context(), source, options)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestASetFromTheCacheIsTheSameSet, and what changes the samples makes another.
func TestASetFromTheCacheIsTheSameSet(t *testing.T) {
	t.Parallel()
	source, config := openTiny(t), setConfig()
	// Two rows are long and one has no target, so that the reports say something.
	rows := textRows(40) + strings.Repeat(`{"text":"`+strings.Repeat("long ", 200)+`"}`+"\n", 2) + `{"text":""}` + "\n"
	options := SetOptions{Train: writeRows(t, "rows.jsonl", rows), Config: &config, CacheDir: t.TempDir(), Warn: func(message string) { t.Error(message) }}
	plain := options
	plain.CacheDir = ""
	want := mustLoadSet(t, source, plain)
	if want.TrainReport.Truncated+want.ValReport.Truncated != 2 || want.TrainReport.WithoutTargets+want.ValReport.WithoutTargets != 1 || want.ValRows == 0 {
		t.Fatalf("the rows are not as meant: %+v", want)
	}
	load := func() *Set {
		t.Helper()
		return mustLoadSet(t, source, options)
	}
	first := load()
	if first.FromCache || !reflect.DeepEqual(first, want) {
		t.Errorf("built with a cache:\n got  %+v\n want %+v", first, want)
	}
	var told int
	options.Progress = func(int, int) { told++ }
	second := load()
	if !second.FromCache || told > 0 {
		t.Error("the second load did not come from the cache")
	}
	second.FromCache = false
	if !reflect.DeepEqual(second, want) {
		t.Errorf("from the cache:\n got  %+v\n want %+v", second, want)
	}
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"block_size", func() { config.BlockSize = 32 }},
		{"overlong", func() { config.Overlong = protocol.OverlongSplit }},
		{"train_on", func() { config.TrainOn = protocol.TrainOnAll }},
		{"val_fraction", func() { config.ValFraction = 0.4 }},
		{"data_seed", func() { config.DataSeed++ }},
		{"document_separator", func() { config.DocumentSeparator = "--" }},
		{"fields", func() { config.Fields = map[string]string{"text": "text"} }},
		{"the file", func() {
			changed := strings.Replace(rows, "says words", "says wards", 1) // of the same size
			if err := os.WriteFile(options.Train, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"its name", func() {
			renamed := filepath.Join(filepath.Dir(options.Train), "other.jsonl")
			if err := os.Rename(options.Train, renamed); err != nil {
				t.Fatal(err)
			}
			options.Train = renamed
		}},
		{"held-out rows", func() { options.Val = options.Train }},
	} {
		c.change()
		if load().FromCache {
			t.Errorf("changing %s: the set came from the cache", c.name)
		}
		if !load().FromCache {
			t.Errorf("after changing %s nothing was kept", c.name)
		}
	}
}

// A template that writes the date makes other samples on another day, and the same at every hour of one.
func TestASetOfADatedTemplateIsOfItsDay(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := os.CopyFS(directory, os.DirFS(oracle.Load(t, "tied").ModelDirectory)); err != nil {
		t.Fatal(err)
	}
	template := "{{ strftime_now('%d %b %Y') }}\n{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
	if err := os.WriteFile(filepath.Join(directory, "chat_template.jinja"), []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	source, failure := OpenModel(directory)
	if failure != nil {
		t.Fatal(failure)
	}
	defer source.Close()
	config := setConfig()
	config.ValFraction = 0
	rows := `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}` + "\n"
	options := SetOptions{Train: writeRows(t, "rows.jsonl", rows), Config: &config, CacheDir: t.TempDir()}
	day := time.Date(2026, 2, 27, 9, 30, 0, 0, time.Local)
	var first *Set
	for i, c := range []struct {
		now       time.Time
		fromCache bool
	}{{day, false}, {day.Add(14 * time.Hour), true}, {day.AddDate(0, 0, 1), false}} {
		options.Now = c.now
		set := mustLoadSet(t, source, options)
		if i == 0 {
			first = set
		}
		if set.FromCache != c.fromCache || reflect.DeepEqual(set.Train, first.Train) != (i < 2) {
			t.Errorf("%v: from the cache %v, tokens %v", c.now, set.FromCache, set.Train[0].Tokens)
		}
	}
}

func TestACacheThatFailsStopsNoJob(t *testing.T) {
	t.Parallel()
	config := setConfig()
	var warnings []string
	set := mustLoadSet(t, openTiny(t), SetOptions{
		Train: writeRows(t, "rows.jsonl", textRows(20)), Config: &config,
		CacheDir: writeRows(t, "file", "not a directory"), Warn: func(message string) { warnings = append(warnings, message) },
	})
	if set.TrainRows == 0 || len(warnings) != 1 || !strings.Contains(warnings[0], "open the cache of encoded data sets") {
		t.Errorf("%d rows, warnings %q", set.TrainRows, warnings)
	}
}

// TestHeldOutRowsWithoutATarget: rows that a split picks by chance stop no job, and those that the user names do.
func TestHeldOutRowsWithoutATarget(t *testing.T) {
	t.Parallel()
	source, config := openTiny(t), setConfig()
	config.ValFraction = 0.001 // one row
	bare := writeRows(t, "bare.jsonl", `{"text":""}`+"\n")
	options := SetOptions{Train: writeRows(t, "rows.jsonl", textRows(3)+`{"text":""}`+"\n"), Config: &config}
	met := false
	for config.DataSeed = range int64(40) {
		set := mustLoadSet(t, source, options)
		if len(set.Val) > 0 {
			continue
		}
		met = true
		if warnings := strings.Join(set.Warnings(64), "\n"); set.ValRows != 0 || set.TrainRows != 3 || !strings.Contains(warnings, "1 of 1 held-out rows have no target token") {
			t.Errorf("seed %d: %d and %d rows, warnings %q", config.DataSeed, set.TrainRows, set.ValRows, warnings)
		}
	}
	if !met {
		t.Error("no seed holds out the row without a target")
	}
	options.Val = bare
	if _, err := LoadSet(t.Context(), source, options); err == nil || !strings.Contains(err.Error(), "held-out rows: no target token is left in 1 rows") {
		t.Errorf("got error %v", err)
	}
}

func TestProgressOfTokenising(t *testing.T) {
	t.Parallel()
	config := setConfig()
	seen := map[int]int{} // total: how many are done
	set := mustLoadSet(t, openTiny(t), SetOptions{
		Train: writeRows(t, "rows.jsonl", textRows(300)), Config: &config,
		Progress: func(done, total int) {
			if done <= seen[total] {
				t.Errorf("%d of %d are done after %d", done, total, seen[total])
			}
			seen[total] = done
		},
	})
	if len(seen) != 2 || seen[set.TrainRows] != set.TrainRows || seen[set.ValRows] != set.ValRows {
		t.Errorf("told %v of %d and %d rows", seen, set.TrainRows, set.ValRows)
	}
}

func TestRowsFromTheNetworkAreToldAsTheyArrive(t *testing.T) {
	t.Parallel()
	rows := textRows(20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, rows) }))
	defer server.Close()
	config, last := setConfig(), [2]int64{}
	mustLoadSet(t, openTiny(t), SetOptions{
		Train: server.URL + "/rows.jsonl", Config: &config, CacheDir: t.TempDir(), Fetched: func(done, total int64) { last = [2]int64{done, total} },
	})
	if want := int64(len(rows)); last != [2]int64{want, want} {
		t.Errorf("told last of %v bytes, want all %d", last, want)
	}
}
