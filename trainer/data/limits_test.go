package data

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/shannon-labs/scu/trainer/data/source"
)

// TestRowsBeyondTheLimit: each form refuses a row that is too long, and does not
// count the rows around it.
func TestRowsBeyondTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 18 // well above what a parser may read ahead
	fits, long := strings.Repeat("x", limit/2), strings.Repeat("x", 2*limit)
	for name, c := range map[string]struct {
		format     source.Format
		start, end string
		row        string // % stands for the text
	}{
		"lines":   {source.JSONLines, "", "", `{"text":"%"}` + "\n"},
		"array":   {source.JSON, "[" + `{"text":"a"}`, "]", `,{"text":"%"}`},
		"wrapped": {source.JSON, `{"data":[{"text":"a"}`, "]}", `,{"text":"%"}`},
		"values":  {source.JSON, "", "", "{\"text\":\n\"%\"}"},
		"CSV":     {source.CSV, "text\n", "", "\"%\"\n"},
		"TSV":     {source.TSV, "text\n", "", "%\n"},
		"text":    {source.Text, "", "", "%\n\n"},
	} {
		text := c.start
		for range 8 {
			text += strings.ReplaceAll(c.row, "%", fits)
		}
		read := func(text string) (count int, err error) {
			reader := newTextReader("file", c.format, strings.NewReader(text), &rowParser{})
			reader.limit = limit
			for _, err := range reader.rows() {
				if err != nil {
					return count, err
				}
				count++
			}
			return count, nil
		}
		if count, err := read(text + c.end); err != nil || count < 8 {
			t.Errorf("%s: %d rows that fit, %v", name, count, err)
		}
		count, err := read(text + strings.ReplaceAll(c.row, "%", long) + c.end)
		if !errors.As(err, new(rowTooLongError)) || count < 8 || !strings.Contains(err.Error(), "file, row ") {
			t.Errorf("%s: %d rows before one that is too long, %v", name, count, err)
		}
	}
}

// TestUnclosedQuoteIsBounded: a quote that is never closed makes all that follows
// one field.
func TestUnclosedQuoteIsBounded(t *testing.T) {
	t.Parallel()
	reader := newTextReader("file", source.CSV, io.MultiReader(strings.NewReader("text\na\n\"b\n"), endless("more\n")), &rowParser{})
	reader.limit = 1 << 18
	count := 0
	var last error
	for _, err := range reader.rows() {
		if last = err; err == nil {
			count++
		}
	}
	var rowError *RowError
	if !errors.As(last, &rowError) || rowError.Number != 3 || !errors.As(last, new(rowTooLongError)) || count != 1 {
		t.Errorf("%d rows, %v", count, last)
	}
}

// endless repeats a text.
type endless string

func (e endless) Read(into []byte) (int, error) {
	n := 0
	for n+len(e) <= len(into) {
		n += copy(into[n:], e)
	}
	return n, nil
}

// TestLongLine reads a long row and looks at what it costs. What is allocated in
// all bounds what is held at once. It is not parallel, so as to count its own.
func TestLongLine(t *testing.T) {
	const size = 20_000_000
	path := filepath.Join(t.TempDir(), "long.jsonl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(file, io.MultiReader(strings.NewReader(`{"text":"`), io.LimitReader(endless("x"), size), strings.NewReader(`"}`)))
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rows, err := ReadFile(path)
	runtime.ReadMemStats(&after)
	if err != nil || len(rows) != 1 || len(rows[0].Text) != size {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	t.Logf("%.1f bytes of memory in all for each of the row", float64(after.TotalAlloc-before.TotalAlloc)/size)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 8*size {
		t.Errorf("reading a row of %d bytes took %d bytes of memory in all", size, taken)
	}
}

func compressed(t testing.TB, compression source.Compression, text []byte) []byte {
	t.Helper()
	var into bytes.Buffer
	var writer io.WriteCloser = gzip.NewWriter(&into)
	if compression == source.Zstandard {
		encoder, err := zstd.NewWriter(&into, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		writer = encoder
	}
	if _, err := writer.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return into.Bytes()
}

func TestCompressedFiles(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("{\"text\":\"a\"}\n", 2_000)
	for extension, compression := range map[string]source.Compression{".gz": source.Gzip, ".zst": source.Zstandard, ".zstd": source.Zstandard} {
		whole := compressed(t, compression, []byte("\xef\xbb\xbf"+text))
		if rows, err := ReadFile(writeFile(t, "a.jsonl"+extension, string(whole))); err != nil || len(rows) != 2_000 || rows[1_999].Number != 2_000 {
			t.Errorf("%s: %d rows, %v", extension, len(rows), err)
		}
		// Two members or frames behind each other are one text.
		if rows, err := ReadFile(writeFile(t, "a.txt"+extension, string(append(compressed(t, compression, []byte("a\n\nb")), compressed(t, compression, []byte("c"))...)))); err != nil || len(rows) != 2 || rows[1].Text != "bc" {
			t.Errorf("%s, two parts: %+v, %v", extension, rows, err)
		}
		for name, damaged := range map[string][]byte{"cut short": whole[:len(whole)/2], "cut at the end": whole[:len(whole)-1], "altered": append(bytes.Clone(whole[:len(whole)-4]), 1, 2, 3, 4)} {
			for _, name2 := range []string{"a.jsonl", "a.json", "a.txt", "a.csv"} {
				_, err := ReadFile(writeFile(t, name2+extension, string(damaged)))
				if err == nil || !strings.Contains(err.Error(), name2+extension) || name2 != "a.csv" && !errors.Is(err, errDamaged) {
					t.Errorf("%s%s, %s: got %v", name2, extension, name, err)
				}
			}
		}
		for name, other := range map[string]string{"plain text": text, "empty": "", "one byte": "x"} {
			if _, err := ReadFile(writeFile(t, "a.jsonl"+extension, other)); err == nil || !strings.Contains(err.Error(), "a.jsonl"+extension) {
				t.Errorf("%s, %s: got %v", extension, name, err)
			}
		}
	}
}

// TestCompressedBomb: a small file that expands to one endless line is refused
// without holding it.
func TestCompressedBomb(t *testing.T) {
	t.Parallel()
	bomb := compressed(t, source.Gzip, bytes.Repeat([]byte("x"), 8<<20))
	for name, format := range map[string]source.Format{"lines": source.JSONLines, "JSON": source.JSON, "CSV": source.CSV, "text": source.Text} {
		text, err := decompress(bytes.NewReader(bomb), source.Gzip)
		if err != nil {
			t.Fatal(err)
		}
		reader := newTextReader("file", format, text, &rowParser{})
		reader.limit = 1 << 20
		var last error
		for _, last = range reader.rows() {
		}
		if last == nil || format != source.JSON && !errors.As(last, new(rowTooLongError)) {
			t.Errorf("%s: got %v", name, last)
		}
	}
}
