package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestDelete(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	for _, name := range []string{"one", "two", "three"} {
		scu(t, home, trainArguments(modelGood, name, "--wait")...).expect(t, 0, "")
	}
	scu(t, home, trainArguments(modelSlow, "living")...).expect(t, 0, "")
	scu(t, home, "delete", "living").expect(t, exitFailed, "cancel it first")
	scu(t, home, "delete", "one").expect(t, exitFailed, "--with-adapter")

	freed := decode[[]answer[deleted]](t, scu(t, home, "delete", "one", "--with-adapter", "--json").expect(t, 0, ""))
	if len(freed) != 1 || freed[0].Result.FreedBytes < int64(len(pretendedWeights)) || !strings.HasPrefix(freed[0].Result.ID, "job-") {
		t.Errorf("delete printed %+v", freed)
	}
	scu(t, home, "status", "one").expect(t, exitFailed, `"one"`)

	scu(t, home, "delete", "two", "--adapter").expect(t, 0, "two is deleted, 13 B freed")
	if two := decode[protocol.TrainingStatus](t, scu(t, home, "status", "two", "--json").expect(t, 0, "")); two.Status != protocol.StatusCompleted {
		t.Errorf("the job of an adapter that was deleted is %+v", two)
	}
	left, err := os.ReadDir(filepath.Join(home, "adapters"))
	adapters := decode[[]protocol.AdapterArtifact](t, scu(t, home, "adapters", "--json").expect(t, 0, ""))
	if err != nil || len(adapters) != 1 || adapters[0].Name != "three" {
		t.Errorf("of the adapters there are left %+v, on disk %v, %v", adapters, left, err)
	}
}

// TestDeleteAsks answers the question that is put at a terminal.
func TestDeleteAsks(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	scu(t, home, trainArguments(modelBad, "mine", "--wait")...).expect(t, exitFailed, "")
	cases := []struct {
		flags, answer string
		exit          int
		want          string
	}{
		{"", "n\n", exitFailed, "nothing was done"},
		{"", "\n", exitFailed, "nothing was done"},
		{"", "\x03", exitInterrupted, "interrupted"}, // Ctrl-C
		{"", "yes\n", 0, "mine is deleted"},
		{"--yes", "", exitFailed, `no job has the id or name "mine"`}, // it is not asked, and what was to be deleted has gone
	}
	for _, c := range cases {
		deleting := command(t, home, append([]string{"delete", "mine"}, strings.Fields(c.flags)...)...)
		terminal := startOnTerminal(t, deleting)
		var told strings.Builder
		output := bufio.NewReader(terminal)
		if c.flags == "" {
			question, _ := output.ReadString(']')
			if !strings.HasPrefix(question, "delete the job mine? [y/N]") {
				t.Fatalf("the question is %q", question)
			}
			if _, err := terminal.WriteString(c.answer); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = output.WriteTo(&told) // the end of a terminal is an error
		if exit := exitOf(deleting); exit != c.exit || !strings.Contains(told.String(), c.want) {
			t.Errorf("answer %q: exit status %d, want %d with %q in %q", c.answer, exit, c.exit, c.want, told.String())
		}
	}
}
