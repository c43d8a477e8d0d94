package data

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/data/source"
)

// checkRowsOf reads rows and checks what holds of all of them, whatever the file.
func checkRowsOf(t *testing.T, rows func(func(Row, error) bool), ascending bool) {
	t.Helper()
	last, failed := 0, false
	for row, err := range rows {
		if failed {
			t.Fatal("the sequence goes on after an error")
		}
		if err != nil {
			if failed = true; !strings.Contains(err.Error(), "file") {
				t.Fatalf("the error does not name the file: %v", err)
			}
			continue
		}
		if row.Number < last || ascending && row.Number == last {
			t.Fatalf("row numbers do not ascend: %d after %d", row.Number, last)
		}
		last = row.Number
		checkRow(t, row)
	}
}

func checkRow(t *testing.T, row Row) {
	t.Helper()
	if row.File != "file" || row.Number < 1 || (row.Kind == Messages) != (len(row.Messages) > 0) {
		t.Fatalf("row %+v", row)
	}
	said := row.Text + row.Prompt + row.Completion
	for _, message := range row.Messages {
		if message.Role == "" {
			t.Fatalf("a message without a role: %+v", row)
		}
		said += message.Content
	}
	if err := checkUTF8([]byte(said)); err != nil {
		t.Fatalf("row %d: %v", row.Number, err)
	}
}

var jsonSeeds = []string{
	`{"text":"a"}`, `{"prompt":"p","completion":"c"}`, `{"instruction":"i","input":"n","output":"o","system":"s"}`, `{"question":"q","context":"c","answer":"a"}`,
	`{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a","weight":0}]}`, `{"conversations":[{"from":"human","value":"u"}],"system":"s"}`,
	`{"text":"\ud83c\udf89"}`, `{"text":"\ud83c"}`, `{"text":null,"content":"a"}`, `{}`, `null`, `5`,
}

func fuzzText(f *testing.F, format source.Format, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		reader := newTextReader("file", format, bytes.NewReader(content), &rowParser{})
		reader.limit = 1 << 16
		checkRowsOf(t, reader.rows(), true)
	})
}

func FuzzJSONLines(f *testing.F) {
	fuzzText(f, source.JSONLines, append(jsonSeeds, "\xef\xbb\xbf"+strings.Join(jsonSeeds, "\r\n"), "{\"text\":\"\xff\"}")...)
}

func FuzzJSON(f *testing.F) {
	seeds := append(jsonSeeds, `[{"text":"a"}, {"text":"b"}]`, `{"v":1,"data":[{"text":"a"}],"m":{"x":[[]]}}`, "{\n\"text\":\"a\"\n}\n{\n}", `[{"text":"a"}] x`, `[{"text":"a"}`, `{"a":[{}],"b":[{}]}`)
	fuzzText(f, source.JSON, seeds...)
}

func FuzzCSV(f *testing.F) {
	fuzzText(f, source.CSV, "text\na\n\"b\"\"\nc\"\n", "a,a\n", "prompt,completion\r\np,c\r\n", "text\n\"a", "text,x\na\n", ",\n\n", "messages\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"u\"\"}]\"\n")
}

func FuzzTSV(f *testing.F) {
	fuzzText(f, source.TSV, "text\na\n", "question\tanswer\nq\ta\n", "text\n\"a\tb\"\n", "text\na\"b\n")
}

// FuzzDocuments compares what is read with the text without its separators: no
// other character may get lost or be added.
func FuzzDocuments(f *testing.F) {
	for _, seed := range []string{"a\n\n\nb\r\n", "\xef\xbb\xbfa", "a<>b<><>\n c", "\n---\na\n---\nb", "\xff", " \n\t\n"} {
		for _, separator := range []string{"", "<>", "\n---\n", "\n\n\n", "aa", "\nb"} {
			f.Add(seed, separator)
		}
	}
	f.Fuzz(func(t *testing.T, content, separator string) {
		if checkUTF8([]byte(separator)) != nil {
			return // refused by Open
		}
		reader := newTextReader("file", source.Text, strings.NewReader(content), &rowParser{})
		reader.separator = separator
		said, complete := "", true
		checkRowsOf(t, func(yield func(Row, error) bool) {
			reader.rows()(func(row Row, err error) bool {
				said, complete = said+row.Text, complete && err == nil
				return yield(row, err)
			})
		}, separator == "")
		if separator == "" && complete {
			want := strings.TrimPrefix(content, "\xef\xbb\xbf")
			if dense(said) != dense(want) {
				t.Fatalf("read %q of %q", said, want)
			}
		}
	})
}

// dense drops the white space.
func dense(text string) string { return strings.Join(strings.Fields(text), "") }

// FuzzRow parses one JSON object, with fields detected and named.
func FuzzRow(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		if checkUTF8(object) != nil {
			return // refused before it is parsed
		}
		for _, fields := range []Fields{{}, {Text: "text"}, {Prompt: "prompt", Completion: "completion", System: "system"}, {Messages: "messages", Role: "role", Content: "content"}} {
			parser, err := newRowParser(fields)
			if err != nil {
				t.Fatal(err)
			}
			c, err := parseObject(object)
			if err != nil {
				return
			}
			row, err := parser.row(c)
			if (err == nil) != (len(parser.detected) == 1) {
				t.Fatalf("%+v, %v, detected %+v", row, err, parser.detected)
			}
			if err == nil {
				row.File, row.Number = "file", 1
				checkRow(t, row)
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	paths, err := filepath.Glob(parquetPath("*"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("%d seeds, %v", len(paths), err)
	}
	for _, path := range paths {
		seed, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		checkRowsOf(t, parquetFile("file", bytes.NewReader(content), int64(len(content)), &rowParser{}), true)
	})
}

// FuzzThriftLength: what is measured lies within the data and is measured alike
// without what follows.
func FuzzThriftLength(f *testing.F) {
	for _, seed := range [][]byte{{0}, {0x19, 0x2c, 0, 0, 0}, {0x18, 2, 'a', 'b', 0, 9}, {0x15, 0x80, 1, 0}, {0x1c, 0x11, 0, 0}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		length, err := thriftLength(data)
		if err != nil {
			return
		}
		if again, err := thriftLength(data[:length]); length < 1 || again != length || err != nil {
			t.Fatalf("%d bytes, then %d, %v", length, again, err)
		}
	})
}
