package cache

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/shannon-labs/scu/trainer/data"
)

var order = binary.LittleEndian

// bufferSize is how much is written or read at a time, in bytes.
const bufferSize = 1 << 18

// writeEntry writes an entry and its checksum.
func writeEntry(to io.Writer, entry *Entry) error {
	digest := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(to, digest), bufferSize)
	h, places := describe(entry)
	if err := writeHeader(out, h); err != nil {
		return fmt.Errorf("write an encoded data set: %w", err)
	}
	for _, part := range []Part{entry.Train, entry.Val} {
		if err := writePart(out, part.Samples, places); err != nil {
			return fmt.Errorf("write an encoded data set: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write an encoded data set: %w", err)
	}
	if _, err := to.Write(digest.Sum(nil)); err != nil {
		return fmt.Errorf("write an encoded data set: %w", err)
	}
	return nil
}

// writePart writes the columns of the samples. A bufio.Writer keeps its first
// error and returns it from every later call, so that only the last is looked at.
func writePart(out *bufio.Writer, samples []data.Sample, places map[string]uint32) error {
	var number [8]byte
	put := func(n int, value uint64) {
		order.PutUint64(number[:], value)
		_, _ = out.Write(number[:n])
	}
	for _, sample := range samples {
		put(4, uint64(len(sample.Tokens)))
	}
	for _, sample := range samples {
		put(4, uint64(places[sample.File]))
	}
	for _, sample := range samples {
		put(8, uint64(sample.Row))
	}
	for _, sample := range samples {
		put(8, uint64(sample.Number))
	}
	for _, sample := range samples {
		for _, token := range sample.Tokens {
			put(4, uint64(uint32(token)))
		}
	}
	return writeTargets(out, samples)
}

func writeTargets(out *bufio.Writer, samples []data.Sample) error {
	packed, bits := byte(0), 0
	for _, sample := range samples {
		for _, target := range sample.Target {
			if target {
				packed |= 1 << bits
			}
			if bits++; bits == 8 {
				_ = out.WriteByte(packed)
				packed, bits = 0, 0
			}
		}
	}
	if bits > 0 {
		_ = out.WriteByte(packed)
	}
	_, err := out.Write(nil)
	return err
}
