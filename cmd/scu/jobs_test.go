package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// TestVerbsAboutAJob runs one job and asks every verb about it.
func TestVerbsAboutAJob(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	scu(t, home, trainArguments(modelGood, "mine", "--wait")...).expect(t, 0, "")
	scu(t, home, trainArguments(modelBad, "other", "--wait")...).expect(t, 1, "")
	ask := func(arguments ...string) outcomeOf { return scu(t, home, arguments...).expect(t, 0, "") }

	if status := decode[protocol.TrainingStatus](t, ask("status", "mine", "--json")); status.Status != protocol.StatusCompleted || status.Step != pretendedSteps {
		t.Errorf("status printed %+v", status)
	}
	if card := ask("status", "mine").stdout; !strings.Contains(card, "█▅▁") || !strings.Contains(card, "adapter") {
		t.Errorf("the card does not show the falling bits and the adapter:\n%s", card)
	}
	if newest := ask("status").stdout; !strings.Contains(newest, "other") || !strings.Contains(newest, "the loss went wrong") {
		t.Errorf("status without a name does not show the newest job:\n%s", newest)
	}
	if all := decode[[]protocol.TrainingStatus](t, ask("jobs", "--json")); len(all) != 2 || all[0].Name != "other" {
		t.Errorf("jobs printed %+v", all)
	}
	if one := decode[[]protocol.TrainingStatus](t, ask("jobs", "--status", "completed", "--json")); len(one) != 1 || one[0].Name != "mine" {
		t.Errorf("jobs --status printed %+v", one)
	}
	if table := ask("jobs", "--limit", "1").stdout; strings.Count(table, "\n") != 2 {
		t.Errorf("jobs --limit 1 printed\n%s", table)
	}
	metrics := decode[[]protocol.TrainingMetrics](t, ask("metrics", "mine", "--from", "2", "--json"))
	if len(metrics) != 2 || metrics[0].Step != 2 || !metrics[0].NonFinite || metrics[0].GradNorm.Finite() {
		t.Errorf("metrics printed %+v", metrics)
	}
	if table := ask("metrics", "mine").stdout; strings.Count(table, "\n") != 1+pretendedSteps || !strings.Contains(table, "–") {
		t.Errorf("metrics printed\n%s", table)
	}
	if logs := ask("logs", "mine").stdout; !strings.Contains(logs, "a line for a person\n") {
		t.Errorf("logs printed %q", logs)
	}
	if logs := decode[[]string](t, ask("logs", "mine", "--json")); len(logs) == 0 {
		t.Error("logs --json printed no line")
	}
	checkEvents(t, ask("events", "mine", "--json").stdout, 1)
	checkEvents(t, ask("events", "mine", "--json", "--follow", "--after", "2").stdout, 3)
	checkEvents(t, ask("events", "mine", "--json", "--after", "2").stdout, 3)

	watched := decode[[]protocol.TrainingStatus](t, scu(t, home, "watch", "mine", "other", "--json").expect(t, 1, "other failed: the loss went wrong"))
	if len(watched) != 2 || watched[0].Name != "mine" {
		t.Errorf("watch printed %+v", watched)
	}
	scu(t, home, "watch").expect(t, 0, "no job is queued, running or paused")
	scu(t, home, "cancel", "mine").expect(t, 1, "completed")
	missing := scu(t, home, "status", "nobody", "--json").expect(t, 1, "nobody")
	if printed := decode[map[string]protocol.Error](t, missing); printed["error"].Code != protocol.CodeNotFound {
		t.Errorf("standard output is %s", missing.stdout)
	}
}

// checkEvents wants events one a line, counted without a gap from first, the last of them final.
func checkEvents(t *testing.T, lines string, first int64) {
	t.Helper()
	var last protocol.JobEvent
	next := first
	for line := range strings.Lines(lines) {
		if err := json.Unmarshal([]byte(line), &last); err != nil || last.Cursor != next {
			t.Fatalf("line %q has cursor %d, want %d (%v)", line, last.Cursor, next, err)
		}
		next++
	}
	if last.Status == nil || !last.Status.Status.Final() {
		t.Errorf("the last event is %+v", last)
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	scu(t, home, trainArguments(modelGood, "mine", "--wait")...).expect(t, 0, "")
	if adapters := decode[[]protocol.AdapterArtifact](t, scu(t, home, "adapters", "--json").expect(t, 0, "")); len(adapters) != 1 || adapters[0].Name != "mine" {
		t.Fatalf("adapters printed %+v", adapters)
	}
	output := filepath.Join(t.TempDir(), "deep", "adapter")
	artifact := decode[protocol.AdapterArtifact](t, scu(t, home, "download", "mine", "--output", output, "--json").expect(t, 0, ""))
	if artifact.LocalPath != output {
		t.Errorf("local_path is %s, want %s", artifact.LocalPath, output)
	}
	weights := filepath.Join(output, weightsFile)
	if content, err := os.ReadFile(weights); err != nil || string(content) != pretendedWeights {
		t.Fatalf("the weights are %q, %v", content, err)
	}
	scu(t, home, "download", "mine", "--output", output).expect(t, 1, "is not empty")

	note := filepath.Join(output, "note.txt")
	if err := os.WriteFile(note, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(weights, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	scu(t, home, "download", "mine", "--output", output, "--force").expect(t, 0, "")
	if content, _ := os.ReadFile(weights); string(content) != pretendedWeights {
		t.Errorf("--force left the old weights: %q", content)
	}
	if _, err := os.Stat(note); err != nil {
		t.Errorf("--force removed what was not its own: %v", err)
	}
	scu(t, home, "download", "mine", "--output", note).expect(t, 1, "is not a directory")
	scu(t, home, "download", "nobody", "--output", output+"2").expect(t, 1, "nobody")
}
