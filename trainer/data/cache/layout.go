package cache

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/shannon-labs/scu/trainer/data"
)

// An entry's file, numbers little-endian:
//
//	magic       8 bytes; another layout has another
//	length      uint32, of the header
//	header      JSON, see header
//	the part of the training rows, then that of the held-out ones, each:
//	  lengths   uint32 of each sample, in tokens
//	  files     uint32 of each sample, an index into the header's Files
//	  rows      int64 of each sample, its Row
//	  numbers   int64 of each sample, its Number
//	  tokens    int32 of each token of all samples, one after the other
//	  targets   one bit for each token, the least significant of a byte first
//	checksum    SHA-256 of all before it, 32 bytes
const (
	magic        = "SCUDATA1"
	entrySuffix  = ".samples"
	checksumSize = 32
	// perSample is how many bytes a sample takes besides its tokens.
	perSample = 4 + 4 + 8 + 8
	// mostHeader bounds the header, in bytes.
	mostHeader = 1 << 28
)

// header says how long the rest of the file is, and holds what is small.
type header struct {
	Details    []byte
	Files      []string // what samples name as their File
	Train, Val partHeader
}

type partHeader struct {
	Samples, Tokens int
	Report          data.Report
}

// bytes is how long a part is, or an error if it cannot be within limit.
func (p partHeader) bytes(limit int64) (int64, error) {
	if p.Samples < 0 || p.Tokens < 0 || int64(p.Samples) > limit/perSample || int64(p.Tokens) > limit/4 {
		return 0, fmt.Errorf("%d samples of %d tokens do not fit in a file of %d bytes", p.Samples, p.Tokens, limit)
	}
	return int64(p.Samples)*perSample + int64(p.Tokens)*4 + int64(p.Tokens+7)/8, nil
}

// describe makes the header of an entry, and the place of each file in it.
func describe(entry *Entry) (header, map[string]uint32) {
	h := header{Details: entry.Details}
	places := map[string]uint32{}
	for _, side := range []struct {
		part  *Part
		about *partHeader
	}{{&entry.Train, &h.Train}, {&entry.Val, &h.Val}} {
		side.about.Samples, side.about.Report = len(side.part.Samples), side.part.Report
		for _, sample := range side.part.Samples {
			side.about.Tokens += len(sample.Tokens)
			if _, known := places[sample.File]; !known {
				places[sample.File] = uint32(len(h.Files))
				h.Files = append(h.Files, sample.File)
			}
		}
	}
	return h, places
}

// readHeader reads up to the end of the header and checks that the file has the
// length that follows from it, so that no count can ask for more memory than the
// file has bytes.
func readHeader(from io.Reader, size int64) (header, error) {
	var start [len(magic) + 4]byte
	if _, err := io.ReadFull(from, start[:]); err != nil {
		return header{}, fmt.Errorf("it is too short: %w", err)
	}
	if string(start[:len(magic)]) != magic {
		return header{}, errors.New("it does not begin as an encoded data set does")
	}
	length := int64(order.Uint32(start[len(magic):]))
	if length > min(size, mostHeader) {
		return header{}, fmt.Errorf("its header of %d bytes is longer than can be", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(from, text); err != nil {
		return header{}, fmt.Errorf("it ends in the header: %w", err)
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return header{}, fmt.Errorf("its header: %w", err)
	}
	train, err := h.Train.bytes(size)
	if err != nil {
		return header{}, err
	}
	val, err := h.Val.bytes(size)
	if err != nil {
		return header{}, err
	}
	if want := int64(len(start)) + length + train + val + checksumSize; want != size {
		return header{}, fmt.Errorf("it has %d bytes instead of %d", size, want)
	}
	return h, nil
}

func writeHeader(to *bufio.Writer, h header) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(text) > mostHeader || len(h.Files) > math.MaxUint32 {
		return fmt.Errorf("its header of %d bytes is longer than can be", len(text))
	}
	start := order.AppendUint32([]byte(magic), uint32(len(text)))
	_, err = to.Write(append(start, text...))
	return err
}
