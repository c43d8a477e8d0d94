package data

import (
	"encoding/binary"
	"errors"
)

// thriftSkimmer walks over a struct in Thrift's compact protocol, in which Parquet
// files describe themselves, without decoding it. It makes sure that no length in
// it goes beyond the data: the library allocates what a length asks for before it
// looks whether so much is there.
type thriftSkimmer struct{ rest []byte }

var (
	errThriftCut     = errors.New("its description is cut short, or a length in it is wrong")
	errThriftDeep    = errors.New("its description is nested too deep")
	errThriftUnknown = errors.New("its description has a value of an unknown type")
)

// deepestThrift is more than any Parquet description needs.
const deepestThrift = 32

// thriftLength returns how many bytes the struct at the front of data takes.
func thriftLength(data []byte) (int, error) {
	s := thriftSkimmer{data}
	if err := s.structure(0); err != nil {
		return 0, err
	}
	return len(data) - len(s.rest), nil
}

func (s *thriftSkimmer) bytes(n uint64) error {
	if n > uint64(len(s.rest)) {
		return errThriftCut
	}
	s.rest = s.rest[n:]
	return nil
}

func (s *thriftSkimmer) byte() (byte, error) {
	if len(s.rest) == 0 {
		return 0, errThriftCut
	}
	first := s.rest[0]
	s.rest = s.rest[1:]
	return first, nil
}

func (s *thriftSkimmer) varint() (uint64, error) {
	value, n := binary.Uvarint(s.rest)
	if n <= 0 {
		return 0, errThriftCut
	}
	s.rest = s.rest[n:]
	return value, nil
}

// structure skips fields: a byte with the type, and before it the distance to the
// number of the last field, or 0 if the number follows.
func (s *thriftSkimmer) structure(depth int) error {
	if depth > deepestThrift {
		return errThriftDeep
	}
	for {
		header, err := s.byte()
		if err != nil || header == 0 {
			return err
		}
		if header>>4 == 0 {
			if _, err := s.varint(); err != nil {
				return err
			}
		}
		if kind := header & 0xf; kind != 1 && kind != 2 { // a boolean field is its type
			if err := s.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

func (s *thriftSkimmer) value(kind byte, depth int) error {
	switch kind {
	case 1, 2, 3: // a boolean in a list, or a byte
		return s.bytes(1)
	case 4, 5, 6: // integers
		_, err := s.varint()
		return err
	case 7: // a double
		return s.bytes(8)
	case 8: // a binary or string
		length, err := s.varint()
		if err != nil {
			return err
		}
		return s.bytes(length)
	case 9, 10: // a list or set
		return s.list(depth)
	case 12:
		return s.structure(depth + 1)
	default: // a map has no place in Parquet
		return errThriftUnknown
	}
}

// list skips the elements of a list, each of which takes at least one byte.
func (s *thriftSkimmer) list(depth int) error {
	header, err := s.byte()
	if err != nil {
		return err
	}
	size := uint64(header >> 4)
	if size == 15 {
		if size, err = s.varint(); err != nil {
			return err
		}
	}
	if size > uint64(len(s.rest)) {
		return errThriftCut
	}
	for range size {
		if err := s.value(header&0xf, depth+1); err != nil {
			return err
		}
	}
	return nil
}
