package main

import (
	"strings"
	"testing"
)

func madeUpResults() *results {
	good := benchCase{Name: "good", Rows: 2, Length: 256, SpeedGoal: 1.15, MemoryGoal: 0.85, ControlGoal: 1.01, CompareModes: true}
	bad := good
	bad.Name = "bad"
	return &results{
		Machine: &machine{CPU: "abacus", Cores: 2},
		Cases: []caseResult{{
			benchCase: good, Ours: [][]float64{{1}, {2}}, PyTorch: [][]float64{{1.5}, {2.5}}, Update: [][]float64{{0.01}, {0.02}},
			OursMemory: memory{Whole: 1e9, Training: 1e9}, PyTorchMemory: memory{Whole: 2e9, Training: 2e9},
			Controlled: [][]float64{{1}, {1}}, Uncontrolled: [][]float64{{1}, {1}},
		}, {
			benchCase: bad, Ours: [][]float64{{2}}, PyTorch: [][]float64{{2}}, Update: [][]float64{{1}},
			OursMemory: memory{Whole: 3e9, Training: 3e9}, PyTorchMemory: memory{Whole: 3e9, Training: 3e9},
			Controlled: [][]float64{{1.5}}, Uncontrolled: [][]float64{{1}},
		}},
	}
}

func printed(t *testing.T, r *results) string {
	t.Helper()
	var text strings.Builder
	if err := r.print(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestTheReportSaysWhatFallsShort(t *testing.T) {
	t.Parallel()
	r := madeUpResults()
	table, short, found := strings.Cut(printed(t, r), "falls short")
	if !found {
		t.Fatalf("nothing falls short in\n%s", table)
	}
	for _, want := range []string{"bad: speed 1.00, not 1.15", "bad: memory 1.00, not 0.85", "bad: control unit 1.500, not 1.01"} {
		if !strings.Contains(short, want) {
			t.Errorf("it does not say %q but %q", want, short)
		}
	}
	if strings.Contains(short, "good") {
		t.Errorf("it says that a case falls short which does not: %q", short)
	}
	for _, want := range []string{"1.38 (1.25–1.50)", "abacus", "0.50"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table has no %q:\n%s", want, table)
		}
	}
	r.Cases = r.Cases[:1]
	if text := printed(t, r); !strings.Contains(text, "every goal is reached") {
		t.Errorf("it says\n%s", text)
	}
}

func TestTheReportSaysWhenTheMachineWasBusy(t *testing.T) {
	t.Parallel()
	r := madeUpResults()
	if strings.Contains(printed(t, r), "BUSY") {
		t.Error("an idle machine is called busy")
	}
	r.Cases[1].Others = 0.4
	if text := printed(t, r); !strings.Contains(text, "BUSY") || !strings.Contains(text, "40 %") {
		t.Error("a busy machine is not called so")
	}
}
