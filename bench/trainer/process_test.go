package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// asArm makes the test program an arm that answers every request but start, at which it fails.
const asArm = "SCU_BENCH_TEST_ARM"

func TestMain(m *testing.M) {
	if os.Getenv(asArm) != "" {
		answerRequests()
		return
	}
	os.Exit(m.Run())
}

func answerRequests() {
	decoder, encoder := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var r request
	for decoder.Decode(&r) == nil {
		switch r.Command {
		case commandReady:
			encoder.Encode(ready{})
		case commandOpen:
			encoder.Encode(opened{Versions: []string{"precision " + r.Setup.Precision}})
		case commandRun:
			held := make([]byte, r.Steps)
			for i := range held {
				held[i] = 1 // only what is written to is resident
			}
			encoder.Encode(ran{Seconds: []float64{float64(held[len(held)-1])}})
		default:
			fmt.Fprintln(os.Stderr, "no weights to be found")
			os.Exit(3)
		}
	}
}

func newTestArm(t *testing.T) *arm {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a, err := startArm(t.Context(), "test", append(os.Environ(), asArm+"=1"), program)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnArmAnswersAndItsMemoryIsCounted(t *testing.T) {
	t.Parallel()
	a := newTestArm(t)
	about, err := a.open(&setup{Precision: "bf16"})
	if err != nil || len(about.Versions) != 1 || about.Versions[0] != "precision bf16" {
		t.Fatalf("open answered %+v (%v)", about, err)
	}
	before, err := a.memory()
	if err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20
	var answer ran
	if err := a.ask(&request{Command: commandRun, Steps: size}, &answer); err != nil || len(answer.Seconds) != 1 {
		t.Fatalf("run answered %+v (%v)", answer, err)
	}
	after, err := a.memory()
	if err != nil || after.Training < before.Training+size/2 || after.Whole < after.Training || after.Program <= 0 || after.Program > size {
		t.Errorf("the peak went from %+v to %+v while %d bytes were written (%v)", before, after, size, err)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

func TestAnArmThatFailsHasTheLastWord(t *testing.T) {
	t.Parallel()
	a := newTestArm(t)
	err := a.ask(&request{Command: commandStart}, &started{})
	if err == nil || !strings.Contains(err.Error(), "no weights to be found") || !strings.Contains(err.Error(), commandStart) {
		t.Errorf("the error is %v", err)
	}
	if err := a.close(); err != nil {
		t.Errorf("closed a second time: %v", err)
	}
}
