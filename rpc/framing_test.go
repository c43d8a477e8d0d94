package rpc

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/shannon-labs/scu/protocol"
)

func TestFrameReader(t *testing.T) {
	t.Parallel()
	const limit = protocol.MaxFrameBytes
	for name, test := range map[string]struct {
		stream string
		frames []string
		end    string // text of the error after the frames
	}{
		"lines":                  {"{1}\n{2}\r\n\n \t\n {3} \n", []string{"{1}", "{2}", "{3}"}, "EOF"},
		"last line unfinished":   {"{1}\n{2}", []string{"{1}", "{2}"}, "EOF"},
		"nothing":                {"", nil, "EOF"},
		"only blank lines":       {"\n\n  \n", nil, "EOF"},
		"headers":                {"Content-Length: 3\r\n\r\n{1}Content-Length: 2\r\n\r\n{}", []string{"{1}", "{}"}, "EOF"},
		"header case and types":  {"content-length:2\nContent-Type: application/vscode-jsonrpc\n\n{}", []string{"{}"}, "EOF"},
		"frame with newlines":    {"Content-Length: 4\r\n\r\n{\n\n}", []string{"{\n\n}"}, "EOF"},
		"cut in the body":        {"Content-Length: 9\r\n\r\n{}", nil, "unexpected EOF"},
		"cut in the header":      {"Content-Le", nil, "unexpected EOF"},
		"no length":              {"Content-Type: x\r\n\r\n{}", nil, "no Content-Length"},
		"zero length":            {"Content-Length: 0\r\n\r\n", nil, "not a number of bytes above 0"},
		"negative length":        {"Content-Length: -1\r\n\r\n", nil, "not a number of bytes above 0"},
		"length in words":        {"Content-Length: two\r\n\r\n{}", nil, "not a number of bytes above 0"},
		"length above the limit": {"Content-Length: " + strconv.Itoa(limit+1) + "\r\n\r\n", nil, "the limit is"},
		"length above int64":     {"Content-Length: 99999999999999999999\r\n\r\n", nil, "the limit is"},
		"no colon":               {"Content-Length 3\r\n\r\n{1}", nil, "has no colon"},
		"many headers":           {strings.Repeat("C: 1\r\n", 100), nil, "more than 16 lines"},
		"long header":            {"C: " + strings.Repeat("x", 300) + "\r\n", nil, "more than 256 bytes"},
		"line at the limit":      {strings.Repeat("x", limit) + "\n", []string{strings.Repeat("x", limit)}, "EOF"},
		"line above the limit":   {strings.Repeat("x", limit+1) + "\n", nil, "the limit is"},
		"endless line":           {strings.Repeat("x", limit+1), nil, "the limit is"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader := newFrameReader(strings.NewReader(test.stream))
			for _, want := range test.frames {
				got, err := reader.next()
				if err != nil || string(got) != want {
					t.Fatalf("got %.40q, %v; want %.40q", got, err, want)
				}
			}
			if got, err := reader.next(); err == nil || !strings.Contains(err.Error(), test.end) {
				t.Errorf("after the frames: %.40q, %v; want an error with %q", got, err, test.end)
			}
		})
	}
}

func TestFrameReaderReturnsReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, begin := range []string{"", "{1}", "Content-Length: 5\r\n", "Content-Length: 5\r\n\r\n{"} {
		source := io.MultiReader(strings.NewReader(begin), iotest.ErrReader(broken))
		if _, err := newFrameReader(source).next(); !errors.Is(err, broken) {
			t.Errorf("after %q: got %v, want the read error", begin, err)
		}
	}
}

// FuzzFrameReader feeds any bytes, in pieces of any size, and checks the reader's promises; then it checks that what
// was read can be framed in both ways and read again.
func FuzzFrameReader(f *testing.F) {
	for _, seed := range []string{"{}\n{}\n", "Content-Length: 2\r\n\r\n{}", "C:\n\n", "\n\n", "Content-Length: 9999999\r\n\r\n{"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		frames, end := readAll(newFrameReader(bytes.NewReader(stream)))
		slowly, slowEnd := readAll(newFrameReader(iotest.OneByteReader(bytes.NewReader(stream))))
		if len(frames) != len(slowly) || end.Error() != slowEnd.Error() {
			t.Fatalf("read at once: %d frames, %v; byte by byte: %d frames, %v", len(frames), end, len(slowly), slowEnd)
		}
		for i, frame := range frames {
			if len(frame) == 0 || len(frame) > protocol.MaxFrameBytes || !bytes.Equal(frame, slowly[i]) {
				t.Fatalf("frame %d is %q and, byte by byte, %q", i, frame, slowly[i])
			}
			again, err := newFrameReader(bytes.NewReader(framingHeaders.frame(frame))).next()
			if err != nil || !bytes.Equal(again, frame) {
				t.Fatalf("%q came back as %q, %v", frame, again, err)
			}
		}
		var broken *frameError
		if !errors.Is(end, io.EOF) && !errors.Is(end, io.ErrUnexpectedEOF) && !errors.As(end, &broken) {
			t.Fatalf("the end is %v", end)
		}
	})
}

func readAll(reader *frameReader) (frames [][]byte, end error) {
	for {
		frame, err := reader.next()
		if err != nil {
			return frames, err
		}
		frames = append(frames, frame)
	}
}
