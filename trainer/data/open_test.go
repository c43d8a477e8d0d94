package data

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/data/source"
)

// TestOpenDirectory reads files of every format from one directory.
func TestOpenDirectory(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	parquet, err := os.ReadFile(parquetPath("messages"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"1.jsonl": "{\"text\":\"a\"}\n", "2.csv": "text\nb\n", "3.tsv": "question\tanswer\nq\tc\n", "4.json": `[{"text":"d"}]`, "5.txt": "e\n\nf", "6/7.parquet": string(parquet),
		"8.jsonl.gz": string(compressed(t, source.Gzip, []byte(`{"text":"g"}`))), "empty.jsonl": "", "README.md": "r",
	} {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	r, err := Open(ctx, directory, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row, err := range r.Rows(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		below, err := filepath.Rel(directory, row.File)
		if err != nil {
			t.Fatal(err)
		}
		said := row.Text + row.Completion
		for _, message := range row.Messages {
			said += message.Content
		}
		got = append(got, fmt.Sprintf("%s %d %s", below, row.Number, said))
	}
	want := []string{"1.jsonl 1 a", "2.csv 2 b", "3.tsv 2 c", "4.json 1 d", "5.txt 1 e", "5.txt 3 f", "6/7.parquet 1 ua", "6/7.parquet 2 uavb", "8.jsonl.gz 1 g"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	wantDetected := []Detected{
		{Text, Fields{Text: "text"}, 4}, {Instruction, Fields{Instruction: "question", Output: "answer"}, 1}, {Text, Fields{}, 2}, {Messages, Fields{Messages: "messages"}, 2},
	}
	if !reflect.DeepEqual(r.Detected(), wantDetected) {
		t.Errorf("detected %+v", r.Detected())
	}
	for i, want := range []string{`4 rows: text from "text"`, `1 rows: instruction from "question" as instruction, "answer" as output`, "2 rows: text from the documents of text files", `2 rows: messages from "messages"`} {
		if got := r.Detected()[i].String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if warned := strings.Join(r.Warnings(), "\n"); len(r.Warnings()) != 2 || !strings.Contains(warned, "README.md") || !strings.Contains(warned, "empty.jsonl holds no rows") {
		t.Errorf("warnings %q", warned)
	}
	files, err := Files(ctx, directory, ReadOptions{})
	if err != nil || len(files) != 8 || files[0].Size != 13 || files[0].Modified.IsZero() || !reflect.DeepEqual(files, r.Files()) {
		t.Errorf("files %+v, %v", files, err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	directory := t.TempDir()
	for _, name := range []string{"a.jsonl", "b.jsonl"} {
		if err := os.WriteFile(filepath.Join(directory, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadFile(directory); err == nil || !strings.Contains(err.Error(), "none of the 2 data files holds a row") {
		t.Errorf("empty files: got %v", err)
	}
	if err := os.WriteFile(filepath.Join(directory, "c.jsonl"), []byte("{\"text\":\"a\"}\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var rowError *RowError
	if _, err := ReadFile(filepath.Join(directory, "*.jsonl")); !errors.As(err, &rowError) || rowError.File != filepath.Join(directory, "c.jsonl") || rowError.Number != 2 {
		t.Errorf("a bad row: got %v", err)
	}
	r, err := Open(ctx, directory, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(directory, "c.jsonl")); err != nil {
		t.Fatal(err)
	}
	for _, err = range r.Rows(ctx) {
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that went away: got %v", err)
	}
	if _, err := Open(ctx, directory, ReadOptions{DocumentSeparator: "\xff"}); err == nil || !strings.Contains(err.Error(), "document_separator is not text") {
		t.Errorf("separator: got %v", err)
	}
	if _, err := ReadFile("https://example.com/a.jsonl"); err == nil || !strings.Contains(err.Error(), "no cache directory is given") {
		t.Errorf("an address without a cache: got %v", err)
	}
}

func TestRowsStopWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := Open(ctx, writeFile(t, "a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n"), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	var last error
	for _, err := range r.Rows(ctx) {
		if last = err; err == nil {
			count++
			cancel()
		}
	}
	if count != 1 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d rows, %v", count, last)
	}
}

// TestOpenAddress reads a file from a server, with options.
func TestOpenAddress(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "one<|end|>two") }))
	defer server.Close()
	ctx := context.Background()
	r, err := Open(ctx, server.URL+"/a.txt?key", ReadOptions{CacheDir: t.TempDir(), DocumentSeparator: "<|end|>"})
	if err != nil {
		t.Fatal(err)
	}
	var got []Row
	for row, err := range r.Rows(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row)
	}
	name := server.URL + "/a.txt"
	if want := []Row{{File: name, Number: 1, Kind: Text, Text: "one"}, {File: name, Number: 1, Kind: Text, Text: "two"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}
