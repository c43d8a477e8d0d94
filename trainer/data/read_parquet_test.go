package data

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func parquetPath(name string) string {
	return filepath.Join("testdata", "parquet", name+".parquet")
}

// TestParquetTexts reads one table in every compression and page version that
// pyarrow writes, with columns of every kind beside the text.
func TestParquetTexts(t *testing.T) {
	t.Parallel()
	for _, compression := range []string{"none", "snappy", "zstd", "gzip", "brotli"} {
		for _, version := range []string{"v1", "v2"} {
			path := parquetPath("text-" + compression + "-" + version)
			want := []Row{}
			for i, text := range []string{"a", "b\nc", "", "é"} {
				want = append(want, Row{File: path, Number: i + 1, Kind: Text, Text: text})
			}
			if got, err := ReadFile(path); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %+v, %v", path, got, err)
			}
		}
	}
}

func TestParquetRows(t *testing.T) {
	t.Parallel()
	chat := func(contents ...string) []Message {
		var messages []Message
		for i, content := range contents {
			messages = append(messages, Message{Role: []string{"user", "assistant"}[i%2], Content: content})
		}
		return messages
	}
	for name, want := range map[string][]Row{
		"large_and_dictionary": {
			{Number: 1, Kind: PromptCompletion, Prompt: "p", Completion: "1"}, {Number: 2, Kind: PromptCompletion, Prompt: "q", Completion: "2"},
			{Number: 3, Kind: PromptCompletion, Prompt: "p", Completion: "3"},
		},
		"messages":      {{Number: 1, Kind: Messages, Messages: chat("u", "a")}, {Number: 2, Kind: Messages, Messages: chat("u", "a", "v", "b")}},
		"messages_json": {{Number: 1, Kind: Messages, Messages: chat("u", "é")}, {Number: 2, Kind: Messages, Messages: chat("v", "b")}},
		"sharegpt":      {{Number: 1, Kind: Messages, Messages: chat("u", "a")}},
	} {
		for i := range want {
			want[i].File = parquetPath(name)
		}
		if got, err := ReadFile(parquetPath(name)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// TestParquetPages reads rows whose lists reach over several pages.
func TestParquetPages(t *testing.T) {
	t.Parallel()
	rows, err := ReadFile(parquetPath("many_pages"))
	if err != nil || len(rows) != 300 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, row := range rows {
		if row.Number != i+1 || len(row.Messages) != 1+i%5 {
			t.Fatalf("row %d: %+v", i, row)
		}
		for j, message := range row.Messages {
			if message.Role != []string{"user", "assistant"}[j%2] || message.Content != fmt.Sprint(i, " ", j) {
				t.Fatalf("row %d: %+v", i, row)
			}
		}
	}
}

// TestParquetOlderLists reads lists that are written without the groups around
// them, as this library does, and with the field of a role named by the caller.
func TestParquetOlderLists(t *testing.T) {
	t.Parallel()
	type message struct {
		Who  string `parquet:"who"`
		Says string `parquet:"says"`
	}
	type example struct {
		Turns []message `parquet:"turns"`
	}
	var file bytes.Buffer
	if err := parquet.Write(&file, []example{{[]message{{"user", "u"}, {"assistant", "a"}}}, {[]message{{"user", "v"}}}}); err != nil {
		t.Fatal(err)
	}
	parser, err := newRowParser(Fields{Messages: "turns", Role: "who", Content: "says"})
	if err != nil {
		t.Fatal(err)
	}
	var got []Row
	for row, err := range parquetFile("f", bytes.NewReader(file.Bytes()), int64(file.Len()), parser) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row)
	}
	want := []Row{{File: "f", Number: 1, Kind: Messages, Messages: []Message{{"user", "u"}, {"assistant", "a"}}}, {File: "f", Number: 2, Kind: Messages, Messages: []Message{{"user", "v"}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestParquetErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row  int
		want string
	}{
		"null_text":      {2, `it holds "text" (null) and begins text: null;`},
		"null_content":   {1, `message 2: field "content" must be a string, not null`},
		"null_message":   {1, `message 1: it must be an object with a role and a text, not null`},
		"zero_weight":    {1, `message 2: "weight" leaves a single message out`},
		"not_utf8":       {2, `field "text": invalid UTF-8: byte 0xff`},
		"numbers":        {1, `field "text" must be a string, not number; it begins 1`},
		"other_schema":   {1, `no usable field: it holds "body" (string), "label" (number) and begins body: (string), label: (number); accepted`},
		"no_rows":        {0, "holds no rows"},
		"null_list":      {1, `it holds "messages" (null)`},
		"empty_list":     {1, `field "messages" is an empty list`},
		"list_of_texts":  {1, `message 1: it must be an object with a role and a text, not string`},
		"text_is_object": {1, `field "text" must be a string, not object; it begins (object)`},
		"no_columns":     {0, "holds no rows"},
		"text_twice":     {0, `the schema names the column "text" twice; rename one`},
		"content_twice":  {0, `the schema names the field "content" of column "messages" twice; rename one`},
		"text-lz4":       {1, "column \"text\": it is compressed with LZ4_RAW, which is not supported; write it with zstd"},
	} {
		checkError(t, name, parquetPath(name), c.row, c.want)
	}
}

// checkError reads a file that must end in an error about a row, or about the
// file if row is 0.
func checkError(t *testing.T, name, path string, row int, want string) {
	t.Helper()
	rows, err := ReadFile(path)
	if err == nil {
		t.Errorf("%s: no error, rows %+v", name, rows)
		return
	}
	var rowError *RowError
	number := 0
	if errors.As(err, &rowError) {
		number = rowError.Number
	}
	if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || number != row {
		t.Errorf("%s: got %q about row %d\n want %q about row %d", name, err, number, want, row)
	}
}

// TestDamagedParquet cuts a file at many places and changes many of its bytes:
// each must be rows or an error, never a panic.
func TestDamagedParquet(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(parquetPath("text-snappy-v2"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(content []byte) error {
		for row, err := range parquetFile("file", bytes.NewReader(content), int64(len(content)), &rowParser{}) {
			if err != nil {
				if !strings.Contains(err.Error(), "file") {
					t.Errorf("the error does not name the file: %v", err)
				}
				return err
			}
			if row.Kind != Text {
				t.Fatalf("row %+v", row)
			}
		}
		return nil
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	const step = 5 // a prime, so as to meet all kinds of places
	for length := 0; length < len(whole); length += step {
		if err := read(whole[:length]); err == nil {
			t.Errorf("cut at byte %d: no error", length)
		}
	}
	refused := 0
	for i := 0; i < len(whole); i += step {
		altered := bytes.Clone(whole)
		altered[i] ^= 0xff
		if read(altered) != nil {
			refused++
		}
	}
	if refused < len(whole)/step/4 {
		t.Errorf("%d of %d altered files were refused", refused, len(whole)/step)
	}
	if err := read([]byte("{\"text\":\"a\"}\n{\"text\":\"b\"}\n")); err == nil || !strings.Contains(err.Error(), `does not end with "PAR1"`) {
		t.Errorf("another format: got %v", err)
	}
	lying := append([]byte("PAR1xxxx"), 0xff, 0xff, 0xff, 0xff, 'P', 'A', 'R', '1')
	if err := read(lying); err == nil || !strings.Contains(err.Error(), "longer than the file") {
		t.Errorf("a footer that lies: got %v", err)
	}
}

func TestThriftLength(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data   []byte
		length int
		err    error
	}{
		"empty":            {[]byte{0, 9}, 1, nil},
		"boolean":          {[]byte{0x11, 0}, 2, nil},
		"numbers":          {[]byte{0x15, 0x80, 1, 0x13, 7, 0x17, 1, 2, 3, 4, 5, 6, 7, 8, 0}, 15, nil},
		"long field id":    {[]byte{0x05, 0x40, 2, 0}, 4, nil},
		"string":           {[]byte{0x18, 2, 'a', 'b', 0}, 5, nil},
		"list of structs":  {[]byte{0x19, 0x2c, 0, 0, 0}, 5, nil},
		"long list":        {append([]byte{0x19, 0xf3, 20}, make([]byte, 21)...), 24, nil},
		"no end":           {[]byte{0x11}, 0, errThriftCut},
		"nothing":          {nil, 0, errThriftCut},
		"string too long":  {[]byte{0x18, 9, 'a', 0}, 0, errThriftCut},
		"list too long":    {[]byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, 0, errThriftCut},
		"map":              {[]byte{0x1b, 0, 0}, 0, errThriftUnknown},
		"nested for ever":  {bytes.Repeat([]byte{0x1c}, 100), 0, errThriftDeep},
		"lists in lists":   {append([]byte{0x19}, bytes.Repeat([]byte{0x19}, 100)...), 0, errThriftCut},
		"overlong integer": {append([]byte{0x15}, bytes.Repeat([]byte{0xff}, 11)...), 0, errThriftCut},
	} {
		if length, err := thriftLength(c.data); length != c.length || !errors.Is(err, c.err) {
			t.Errorf("%s: %d, %v", name, length, err)
		}
	}
}
