package data

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/data/source"
)

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, content string
		want          []Row
	}{
		"text":              {"a.jsonl", `{"text":"x\ny","id":7}`, []Row{{Number: 1, Kind: Text, Text: "x\ny"}}},
		"prompt completion": {"a.jsonl", `{"prompt":"p","completion":""}`, []Row{{Number: 1, Kind: PromptCompletion, Prompt: "p"}}},
		"instruction":       {"a.jsonl", `{"instruction":"do","output":"done"}`, []Row{{Number: 1, Kind: Instruction, Prompt: "do", Completion: "done"}}},
		"instruction with input": {"a.jsonl", `{"instruction":"do","input":"this","output":"done","text":"do this done"}`,
			[]Row{{Number: 1, Kind: Instruction, Prompt: "do\n\nthis", Completion: "done"}}},
		"instruction with empty input": {"a.jsonl", `{"instruction":"do","input":"","output":"done"}`, []Row{{Number: 1, Kind: Instruction, Prompt: "do", Completion: "done"}}},
		"messages": {"a.jsonl", `{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"content":"a","role":"assistant"}]}`,
			[]Row{{Number: 1, Kind: Messages, Messages: []Message{{"system", "s"}, {"user", "u"}, {"assistant", "a"}}}}},
		"conversations": {"a.jsonl", `{"conversations":[{"from":"human","value":"u"},{"from":"gpt","value":"a"}]}`,
			[]Row{{Number: 1, Kind: Messages, Messages: []Message{{"user", "u"}, {"assistant", "a"}}}}},
		"null columns": {"a.jsonl", `{"text":null,"messages":null,"prompt":"p","completion":"c"}`, []Row{{Number: 1, Kind: PromptCompletion, Prompt: "p", Completion: "c"}}},
		"empty tool calls": {"a.jsonl", `{"messages":[{"role":"user","content":"u","tool_calls":[],"reasoning_content":null}]}`,
			[]Row{{Number: 1, Kind: Messages, Messages: []Message{{"user", "u"}}}}},
		"mark, CRLF, blank lines, mixed kinds, no end of line": {"a.jsonl", "\xef\xbb\xbf\r\n{\"text\":\"a\"}\r\n  \t\n{\"prompt\":\"p\",\"completion\":\"c\"}",
			[]Row{{Number: 2, Kind: Text, Text: "a"}, {Number: 4, Kind: PromptCompletion, Prompt: "p", Completion: "c"}}},
		"escapes": {"a.NDJSON", `{"text":"\ud83c\udf89 \\ud800 \u00e9"}`, []Row{{Number: 1, Kind: Text, Text: "🎉 \\ud800 é"}}},
		"array":   {"a.json", " \n[{\"text\":\"a\"},\n {\"text\":\"b\"}]\n", []Row{{Number: 1, Kind: Text, Text: "a"}, {Number: 2, Kind: Text, Text: "b"}}},
		"lines in .json": {"a.json", "\n{\"text\":\"a\"}\n{\"text\":\"b\"}\n",
			[]Row{{Number: 2, Kind: Text, Text: "a"}, {Number: 3, Kind: Text, Text: "b"}}},
		"documents": {"a.txt", "\n\none\r\n  two\n\n \t\n\nthree", []Row{{Number: 3, Kind: Text, Text: "one\n  two"}, {Number: 8, Kind: Text, Text: "three"}}},
	} {
		path := writeFile(t, c.file, c.content)
		for i := range c.want {
			c.want[i].File = path
		}
		got, err := ReadFile(path)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got  %+v, %v\n want %+v", name, got, err, c.want)
		}
	}
}

func TestReadFileErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 200)
	for name, c := range map[string]struct {
		file, content string
		row           int // 0: not about a row
		want          string
	}{
		"empty":              {"a.jsonl", "", 0, "holds no rows"},
		"blank":              {"a.jsonl", "\n \n", 0, "holds no rows"},
		"blank text":         {"a.txt", " \n\n", 0, "holds no rows"},
		"empty array":        {"a.json", "[]", 0, "holds no rows"},
		"extension":          {"a.xls", "x", 0, `the extension ".xls" is not known; accepted: .jsonl`},
		"UTF-16":             {"a.jsonl", "\xff\xfe{\x00", 0, "UTF-16"},
		"no usable field":    {"a.jsonl", "{\"text\":\"a\"}\n{\"body\":\"b\",\"id\":3}", 2, `no usable field: it holds "body" (string), "id" (number) and begins {"body":"b","id":3}; accepted: "text"`},
		"half a pair":        {"a.jsonl", `{"prompt":"b"}`, 1, `it holds "prompt" (string)`},
		"null only":          {"a.jsonl", `{"text":null}`, 1, `it holds "text" (null)`},
		"empty object":       {"a.jsonl", `{}`, 1, "the object is empty"},
		"long row is cut":    {"a.jsonl", `{"body":"` + long + `"}`, 1, strings.Repeat("é", 55) + "…;"},
		"invalid JSON":       {"a.jsonl", "\n{\"text\":\"a\"\n", 2, "invalid JSON at column 11"},
		"text behind":        {"a.jsonl", `{"text":"a"} {"text":"b"}`, 1, "invalid JSON at column 14"},
		"not an object":      {"a.jsonl", `["a"]`, 1, `the row is list, not a JSON object; it begins ["a"]`},
		"null row":           {"a.jsonl", `null`, 1, "the row is null"},
		"text is a number":   {"a.jsonl", `{"text":5}`, 1, `field "text" must be a string, not number; it begins 5`},
		"output is a list":   {"a.jsonl", `{"instruction":"a","output":["b"]}`, 1, `field "output" must be a string, not list`},
		"messages no list":   {"a.jsonl", `{"messages":"hi"}`, 1, `field "messages" must be a list of messages, not string; it begins "hi"`},
		"messages empty":     {"a.jsonl", `{"messages":[]}`, 1, `field "messages" is an empty list`},
		"message no object":  {"a.jsonl", `{"messages":["hi"]}`, 1, `message 1: it must be an object with a role and a text, not string`},
		"message null":       {"a.jsonl", `{"messages":[null]}`, 1, `message 1: it must be an object`},
		"content null":       {"a.jsonl", `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null}]}`, 1, `message 2: field "content" must be a string, not null`},
		"content parts":      {"a.jsonl", `{"messages":[{"role":"user","content":[{"type":"text"}]}]}`, 1, `field "content" must be a string, not list`},
		"content missing":    {"a.jsonl", `{"messages":[{"role":"user"}]}`, 1, `message 1: "content" is missing`},
		"role unknown":       {"a.jsonl", `{"messages":[{"role":"bot","content":"a"}]}`, 1, `unknown role "bot"; accepted: assistant, developer, system, tool, user`},
		"from unknown":       {"a.jsonl", `{"conversations":[{"from":"bing","value":"a"}]}`, 1, `unknown from "bing"`},
		"tool calls":         {"a.jsonl", `{"messages":[{"role":"assistant","content":"","tool_calls":[{}]}]}`, 1, `"tool_calls" is not supported`},
		"invalid UTF-8":      {"a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"\xff\"}", 2, "invalid UTF-8: byte 0xff at column 10"},
		"UTF-8 in text":      {"a.txt", "a\n\n\xc3", 3, "invalid UTF-8: byte 0xc3 at column 1"},
		"UTF-8 in array":     {"a.json", "[{\"text\":\"\xff\"}]", 1, "invalid UTF-8"},
		"lone surrogate":     {"a.jsonl", `{"text":"a\ud83c!"}`, 1, `the escape \ud83c at column 11`},
		"second surrogate":   {"a.jsonl", `{"text":"\\\\\udf89"}`, 1, `the escape \udf89 at column 14`},
		"array cut short":    {"a.json", `[{"text":"a"},`, 2, "ends inside the array"},
		"array never closed": {"a.json", `[{"text":"a"}`, 1, "ends inside the array"},
		"array broken":       {"a.json", `[{"text":"a"},{"text":}]`, 2, "invalid JSON at byte"},
		"array bad row":      {"a.json", `[{"text":"a"},5]`, 2, "the row is number, not a JSON object"},
		"array and more":     {"a.json", `[{"text":"a"}] x`, 1, "something follows the array"},
	} {
		path := writeFile(t, c.file, c.content)
		rows, err := ReadFile(path)
		if err == nil {
			t.Errorf("%s: no error, rows %+v", name, rows)
			continue
		}
		var rowError *RowError
		number := 0
		if errors.As(err, &rowError) {
			number = rowError.Number
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || number != c.row {
			t.Errorf("%s: got %q about row %d\n want %q about row %d", name, err, number, c.want, c.row)
		}
	}
}

func TestReadFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if _, err := ReadFile(filepath.Join(directory, "none.jsonl")); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "check the path") {
		t.Errorf("missing file: got %v", err)
	}
	path := writeFile(t, "secret.jsonl", `{"text":"a"}`)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 { // root reads everything
		if _, err := ReadFile(path); !errors.Is(err, os.ErrPermission) {
			t.Errorf("no permission: got %v", err)
		}
	}
}

// TestReadStops makes sure that a caller can stop early, in every form.
func TestReadStops(t *testing.T) {
	t.Parallel()
	for file, content := range map[string]string{
		"a.jsonl": "{\"text\":\"a\"}\n{\"text\":\"b\"}\nbad", "a.json": `[{"text":"a"},{"text":"b"},bad`, "a.txt": "a\n\nb\n\n\xff",
		"wrapped.json": `{"rows":[{"text":"a"},{"text":"b"},bad`, "a.csv": "text\na\nb\n\"", "a.tsv": "text\na\nb\n\"",
	} {
		count := 0
		for _, err := range Read(writeFile(t, file, content)) {
			if err != nil {
				t.Fatal(err)
			}
			if count++; count == 2 {
				break
			}
		}
		if count != 2 {
			t.Errorf("%s: %d rows", file, count)
		}
	}
}

// TestReadIsStreaming writes a row only when the row before it has arrived.
func TestReadIsStreaming(t *testing.T) {
	t.Parallel()
	const rows = 3
	for format, text := range map[source.Format]string{source.JSONLines: "{\"text\":\"a\"}\n", source.Text: "a\n\n"} {
		reader, writer := io.Pipe()
		arrived := make(chan struct{})
		written := make(chan error)
		go func() {
			written <- func() error {
				for range rows {
					if _, err := writer.Write([]byte(text)); err != nil {
						return err
					}
					<-arrived
				}
				return writer.Close()
			}()
		}()
		count := 0
		for _, err := range newTextReader("a", format, reader, &rowParser{}).rows() {
			if err != nil {
				t.Fatal(err)
			}
			count++
			arrived <- struct{}{}
		}
		if err := <-written; err != nil || count != rows {
			t.Errorf("%s: %d of %d rows, %v", format, count, rows, err)
		}
	}
}

// BenchmarkReadJSONL reads conversations and plain rows from one file.
func BenchmarkReadJSONL(b *testing.B) {
	said := strings.Repeat("The quick brown fox jumps over the lazy dog, and then \\\"rests\\\". ", 6)
	for name, line := range map[string]string{
		"chat":   fmt.Sprintf(`{"messages":[{"role":"user","content":"%s"},{"role":"assistant","content":"%s"}],"id":7}`, said, said),
		"prompt": fmt.Sprintf(`{"prompt":"%s","completion":"%s","source":"x","tags":["a","b"]}`, said, said),
		"short":  `{"prompt":"two and two?","completion":"four"}`,
	} {
		b.Run(name, func(b *testing.B) {
			content := strings.Repeat(line+"\n", 4<<20/len(line))
			path := filepath.Join(b.TempDir(), "rows.jsonl")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				reader, err := Open(b.Context(), path, ReadOptions{})
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range reader.Rows(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
