package cache

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/shannon-labs/scu/trainer/data"
)

// readEntry reads and checks an entry's file.
func readEntry(path string) (*Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // opened for reading: a failure to close loses nothing
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	entry, err := parseEntry(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entry, nil
}

// parseEntry reads an entry of so many bytes. Whatever the bytes are, it takes no
// more memory than a few times their number.
func parseEntry(from io.Reader, size int64) (*Entry, error) {
	digest := sha256.New()
	in := &entryReader{from: from, digest: digest, buffer: make([]byte, bufferSize)}
	h, err := readHeader(io.TeeReader(from, digest), size)
	if err != nil {
		return nil, err
	}
	entry := &Entry{Details: h.Details}
	if entry.Train, err = in.part(h.Train, h.Files); err != nil {
		return nil, fmt.Errorf("its training rows: %w", err)
	}
	if entry.Val, err = in.part(h.Val, h.Files); err != nil {
		return nil, fmt.Errorf("its held-out rows: %w", err)
	}
	var checksum [checksumSize]byte
	if _, err := io.ReadFull(from, checksum[:]); err != nil {
		return nil, fmt.Errorf("its checksum: %w", err)
	}
	if !bytes.Equal(digest.Sum(nil), checksum[:]) {
		return nil, errors.New("its content does not agree with its checksum")
	}
	return entry, nil
}

// entryReader reads columns of numbers.
type entryReader struct {
	from   io.Reader
	digest hash.Hash
	buffer []byte
}

// column hands the bytes of count values of width bytes each to decode, in stretches
// that begin at the value first.
func (r *entryReader) column(count, width int, decode func(first int, values []byte)) error {
	most := len(r.buffer) / width
	for first := 0; first < count; first += most {
		values := r.buffer[:min(most, count-first)*width]
		if _, err := io.ReadFull(r.from, values); err != nil {
			return err
		}
		r.digest.Write(values)
		decode(first, values)
	}
	return nil
}

func (r *entryReader) part(about partHeader, files []string) (Part, error) {
	part := Part{Report: about.Report}
	if about.Samples > 0 {
		part.Samples = make([]data.Sample, about.Samples)
	}
	lengths, err := r.sampleColumns(part.Samples, files)
	if err != nil {
		return Part{}, err
	}
	tokens, target := make([]int32, about.Tokens), make([]bool, about.Tokens)
	if err := r.column(about.Tokens, 4, func(first int, values []byte) {
		into := tokens[first : first+len(values)/4]
		for i := range into {
			into[i] = int32(order.Uint32(values[4*i:]))
		}
	}); err != nil {
		return Part{}, err
	}
	if err := r.column((about.Tokens+7)/8, 1, func(first int, values []byte) {
		into := target[8*first : min(8*(first+len(values)), len(target))]
		for i := range into {
			into[i] = values[i/8]>>(i%8)&1 == 1
		}
	}); err != nil {
		return Part{}, err
	}
	return part, divide(part.Samples, lengths, tokens, target)
}

// sampleColumns reads what each sample has once.
func (r *entryReader) sampleColumns(samples []data.Sample, files []string) (lengths []uint32, err error) {
	lengths = make([]uint32, len(samples))
	err = r.column(len(samples), 4, func(first int, values []byte) {
		for i := range len(values) / 4 {
			lengths[first+i] = order.Uint32(values[4*i:])
		}
	})
	if err != nil {
		return nil, err
	}
	outside := false
	err = r.column(len(samples), 4, func(first int, values []byte) {
		for i := range len(values) / 4 {
			if place := order.Uint32(values[4*i:]); int(place) < len(files) {
				samples[first+i].File = files[place]
			} else {
				outside = true
			}
		}
	})
	if err == nil && outside {
		err = errors.New("a sample is of a file that is not listed")
	}
	if err != nil {
		return nil, err
	}
	err = r.column(len(samples), 8, func(first int, values []byte) {
		for i := range len(values) / 8 {
			samples[first+i].Row = int(order.Uint64(values[8*i:]))
		}
	})
	if err != nil {
		return nil, err
	}
	err = r.column(len(samples), 8, func(first int, values []byte) {
		for i := range len(values) / 8 {
			samples[first+i].Number = int(order.Uint64(values[8*i:]))
		}
	})
	return lengths, err
}

// divide gives each sample its stretch of the tokens and targets.
func divide(samples []data.Sample, lengths []uint32, tokens []int32, target []bool) error {
	from := 0
	for i := range samples {
		to := from + int(lengths[i])
		if to > len(tokens) {
			return errors.New("its samples are longer than its tokens")
		}
		samples[i].Tokens, samples[i].Target = tokens[from:to:to], target[from:to:to]
		from = to
	}
	if from != len(tokens) {
		return errors.New("it has tokens that belong to no sample")
	}
	return nil
}
