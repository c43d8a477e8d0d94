package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// The measured figures that the repository keeps are of these cases, with these settings.
func TestTheKeptFiguresAreOfTheseCases(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "trainer", "plan", "testdata", "memory.json"))
	if err != nil {
		t.Fatal(err)
	}
	var kept []measured
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	if len(kept) != len(cases) {
		t.Fatalf("%d cases were measured, and there are %d", len(kept), len(cases))
	}
	for i, c := range cases {
		// As JSON has it, since that gives numbers another type.
		want, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again jobCase
		if err := json.Unmarshal(want, &again); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(kept[i].jobCase, again) {
			t.Errorf("kept is %+v, and the case is %s", kept[i].jobCase, want)
		}
		if kept[i].PeakBytes < kept[i].Phases["loading"] || kept[i].Data == 0 {
			t.Errorf("%s: %+v", c.Name, kept[i])
		}
	}
}
