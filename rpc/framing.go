package rpc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// framing says how the messages of a connection are told apart. The peer that connects chooses it with its first byte,
// and both directions use it.
type framing int

const (
	framingLines   framing = iota // one JSON value a line
	framingHeaders                // "Content-Length: n", a blank line, n bytes, as the Language Server Protocol does
)

// Bounds on the header lines before a frame: LSP has two short ones.
const (
	maxHeaderLines = 16
	maxHeaderLine  = 256
)

// frameError is a stream that cannot be cut into frames any more: what follows has no known beginning.
type frameError struct{ message string }

func (e *frameError) Error() string { return e.message }

func frameErrorf(format string, args ...any) error {
	return &frameError{message: fmt.Sprintf(format, args...)}
}

func frameTooLarge(size string) error {
	return frameErrorf("the message has %s bytes and the limit is %d: send less in one message", size, protocol.MaxFrameBytes)
}

// frameReader cuts a stream into frames.
type frameReader struct {
	source  *bufio.Reader
	framing framing
	begun   bool
}

func newFrameReader(source io.Reader) *frameReader {
	return &frameReader{source: bufio.NewReaderSize(source, 16<<10)}
}

// detect waits for the first byte and chooses the framing. Only a header can begin with the letter C: a JSON value
// cannot.
func (r *frameReader) detect() (framing, error) {
	first, err := r.source.Peek(1)
	if err != nil {
		return framingLines, err
	}
	r.begun = true
	if first[0] == 'C' || first[0] == 'c' {
		r.framing = framingHeaders
	}
	return r.framing, nil
}

// next returns the next frame, never empty and never above protocol.MaxFrameBytes. It returns io.EOF when the stream
// ends between frames, io.ErrUnexpectedEOF when it ends within one, and a *frameError when it cannot be cut.
func (r *frameReader) next() ([]byte, error) {
	if !r.begun {
		if _, err := r.detect(); err != nil {
			return nil, err
		}
	}
	if r.framing == framingHeaders {
		return r.nextByHeaders()
	}
	return r.nextLine()
}

// nextLine skips blank lines. The last line needs no newline: a shell's printf rarely writes one.
func (r *frameReader) nextLine() ([]byte, error) {
	for {
		line, err := r.readLine(protocol.MaxFrameBytes)
		if frame := bytes.TrimSpace(line); len(frame) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			return frame, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// readLine returns a line without its newline, and io.EOF beside a last line that had none.
func (r *frameReader) readLine(limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.source.ReadSlice('\n')
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		}
		if len(line)+len(part) > limit {
			return nil, frameTooLarge(fmt.Sprintf("more than %d", limit))
		}
		line = append(line, part...)
		if whole || !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

func (r *frameReader) nextByHeaders() ([]byte, error) {
	size, err := r.readHeaders()
	if err != nil {
		return nil, err
	}
	// The buffer grows with what comes, not with what was announced.
	var frame bytes.Buffer
	if _, err := io.CopyN(&frame, r.source, size); err != nil {
		return nil, unexpected(err)
	}
	return frame.Bytes(), nil
}

// readHeaders reads up to and with the blank line and returns the length. Other headers, such as Content-Type, are
// skipped.
func (r *frameReader) readHeaders() (int64, error) {
	size := int64(-1)
	for count := 0; count < maxHeaderLines; count++ {
		line, err := r.readLine(maxHeaderLine)
		if err != nil {
			return 0, headerError(err, count == 0 && len(line) == 0)
		}
		text := strings.TrimSuffix(string(line), "\r")
		if text == "" {
			if size < 0 {
				return 0, frameErrorf("the header has no Content-Length: begin a message with \"Content-Length: <bytes>\", an empty line, and that many bytes")
			}
			return size, nil
		}
		name, value, found := strings.Cut(text, ":")
		if !found {
			return 0, frameErrorf("the header line %q has no colon", text)
		}
		if !strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			continue
		}
		if size, err = parseLength(strings.TrimSpace(value)); err != nil {
			return 0, err
		}
	}
	return 0, frameErrorf("the header has more than %d lines", maxHeaderLines)
}

func headerError(err error, between bool) error {
	var tooLong *frameError
	if errors.As(err, &tooLong) {
		return frameErrorf("a header line has more than %d bytes", maxHeaderLine)
	}
	if between {
		return err
	}
	return unexpected(err)
}

func parseLength(text string) (int64, error) {
	size, err := strconv.ParseUint(text, 10, 63)
	if errors.Is(err, strconv.ErrRange) {
		return 0, frameTooLarge(text)
	}
	if err != nil || size == 0 {
		return 0, frameErrorf("Content-Length %q is not a number of bytes above 0", text)
	}
	if size > protocol.MaxFrameBytes {
		return 0, frameTooLarge(text)
	}
	return int64(size), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// frame wraps one JSON value, which holds no newline, for the wire.
func (f framing) frame(body []byte) []byte {
	if f == framingHeaders {
		return append(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(body)), body...)
	}
	return append(body[:len(body):len(body)], '\n')
}
