package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestConversationsBecomeRowsOfTurns(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	source, target := filepath.Join(directory, "dataset.json"), filepath.Join(directory, "rows.jsonl")
	corpus := `{
		"b": {"messages": [[{"text":"hi","sender":"1"},{"text":" there ","sender":"1"}],[{"text":"hello","sender":"2"}],[{"text":"","sender":"1"}],
		                   [{"text":"how & why?","sender":"1"}],[{"text":"fine","sender":"2"}],[{"text":"bye","sender":"1"}]]},
		"a": {"messages": [[{"text":"too","sender":"1"}],[{"text":"short","sender":"2"}]]},
		"c": {"messages": [[{"text":"1","sender":"1"}],[{"text":"2","sender":"2"}],[{"text":"3","sender":"3"}],[{"text":"4","sender":"1"}]]}
	}`
	if err := os.WriteFile(source, []byte(corpus), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeChitchatRows(source, target, 5); err != nil {
		t.Fatal(err)
	}
	rows, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"messages":[{"role":"user","content":"hi\nthere"},{"role":"assistant","content":"hello"},` +
		`{"role":"user","content":"how & why?"},{"role":"assistant","content":"fine"}]}` + "\n"
	if string(rows) != want {
		t.Errorf("got\n%swant\n%s", rows, want)
	}
}
