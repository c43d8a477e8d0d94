package main

import (
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// TestQueueAndPriority orders jobs in a queue that stands still.
func TestQueueAndPriority(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	ask := func(arguments ...string) outcomeOf { return scu(t, home, arguments...).expect(t, 0, "") }
	if paused := decode[protocol.QueueStatus](t, ask("queue", "pause", "--json")); !paused.Paused {
		t.Errorf("queue pause printed %+v", paused)
	}
	for _, name := range []string{"first", "second", "third"} {
		ask(trainArguments(modelSlow, name)...)
	}
	ask("priority", "third", "7")
	ask("priority", "first", "-5")
	if changed := decode[protocol.TrainingStatus](t, ask("priority", "--json", "-3", "second")); changed.Priority != -3 || *changed.QueuePosition != 2 {
		t.Errorf("priority printed %+v", changed)
	}
	for _, verb := range [][]string{{"queue"}, {"queue", "status"}} {
		table := ask(verb...).stdout
		if !strings.Contains(table, "queue    paused; it goes on with: scu queue resume\nrunning  0 of at most 1\nwaiting  3 of at most") {
			t.Errorf("%v does not say how the queue stands:\n%s", verb, table)
		}
		inOrder(t, table, "third", "number 1", "7", "second", "number 2", "-3", "first", "number 3", "-5")
	}
	if shown := ask("status", "first").stdout; !strings.Contains(shown, "the queue is paused") || !strings.Contains(shown, "priority  -5") {
		t.Errorf("status says neither why the job waits nor its priority:\n%s", shown)
	}
	queue := decode[protocol.QueueStatus](t, ask("queue", "resume", "--json"))
	if queue.Paused {
		t.Errorf("queue resume printed %+v", queue)
	}
	client := connectTo(t, home)
	await(t, client, "third", func(e protocol.JobEvent) bool { return e.Metrics != nil })
	inOrder(t, ask("queue").stdout, "running  1 of", "third", "running, training", "cpu", "second", "first")
	scu(t, home, "priority", "nobody", "1").expect(t, exitFailed, `"nobody"`)
	scu(t, home, "cancel", "first", "second", "third").expect(t, 0, "")
	scu(t, home, "priority", "first", "1").expect(t, exitFailed, "cancelled")
	if empty := ask("queue").stdout; strings.Contains(empty, "NAME") {
		t.Errorf("an empty queue has a table:\n%s", empty)
	}
	if help := ask("priority", "--help").stdout; !strings.Contains(help, "overnight -5") {
		t.Errorf("priority --help printed\n%s", help)
	}
}

// inOrder wants the parts in a text, one after the other.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("%q is not where it should be in\n%s", part, text)
		}
		rest = after
	}
}
