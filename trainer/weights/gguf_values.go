package weights

import (
	"fmt"
	"io"
	"math"
	"slices"
)

// bytes returns the next n bytes of the header.
func (r *ggufReader) bytes(n uint64) ([]byte, error) {
	if n > uint64(r.remaining) {
		return nil, errTruncatedGGUF
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.buffered, b); err != nil {
		return nil, err
	}
	r.remaining -= int64(n)
	return b, nil
}

func (r *ggufReader) uint32() (uint32, error) {
	b, err := r.bytes(4)
	return uint32(littleEndian(b)), err
}

func (r *ggufReader) uint64() (uint64, error) {
	b, err := r.bytes(8)
	return littleEndian(b), err
}

// text reads a length-prefixed string.
func (r *ggufReader) text() (string, error) {
	length, err := r.uint64()
	if err != nil {
		return "", err
	}
	b, err := r.bytes(length)
	return string(b), err
}

// value reads a typed metadata value.
func (r *ggufReader) value() (any, error) {
	valueType, err := r.uint32()
	if err != nil {
		return nil, err
	}
	switch valueType {
	case ggufString:
		return r.text()
	case ggufArray:
		return r.array()
	}
	size, ok := ggufValueSize[valueType]
	if !ok {
		return nil, fmt.Errorf("the value type %d is unknown", valueType)
	}
	b, err := r.bytes(uint64(size))
	if err != nil {
		return nil, err
	}
	return decodeGGUFScalar(valueType, b), nil
}

func decodeGGUFScalar(valueType uint32, b []byte) any {
	bits := littleEndian(b)
	switch valueType {
	case ggufInt8:
		return int64(int8(bits))
	case ggufInt16:
		return int64(int16(bits))
	case ggufInt32:
		return int64(int32(bits))
	case ggufInt64:
		return int64(bits)
	case ggufFloat32:
		return widenFloat32(math.Float32frombits(uint32(bits)))
	case ggufFloat64:
		return math.Float64frombits(bits)
	case ggufBool:
		return bits != 0
	default:
		return bits
	}
}

// array reads an array of strings or of fixed-size values. Arrays of arrays are in the specification, but no key that
// a language model has uses them.
func (r *ggufReader) array() (any, error) {
	elementType, err := r.uint32()
	if err != nil {
		return nil, err
	}
	count, err := r.uint64()
	if err != nil {
		return nil, err
	}
	if elementType == ggufString {
		return r.stringArray(count)
	}
	size, ok := ggufValueSize[elementType]
	if !ok {
		return nil, fmt.Errorf("arrays of value type %d are not supported", elementType)
	}
	if count > uint64(r.remaining)/uint64(size) {
		return nil, errTruncatedGGUF
	}
	raw, err := r.bytes(count * uint64(size))
	return ggufNumbers{elementType, int(count), raw}, err
}

func (r *ggufReader) stringArray(count uint64) ([]string, error) {
	if count > uint64(r.remaining)/8 { // each has at least its length
		return nil, errTruncatedGGUF
	}
	texts := make([]string, count)
	for i := range texts {
		text, err := r.text()
		if err != nil {
			return nil, fmt.Errorf("string %d of %d: %w", i+1, count, err)
		}
		texts[i] = text
	}
	return texts, nil
}

// tensor reads one tensor description; the offset in it is relative to the end of the header.
func (r *ggufReader) tensor() (storedTensor, error) {
	name, err := r.text()
	if err != nil {
		return storedTensor{}, err
	}
	shape, err := r.shape()
	if err != nil {
		return storedTensor{}, fmt.Errorf("%q: %w", name, err)
	}
	typeNumber, err := r.uint32()
	if err != nil {
		return storedTensor{}, err
	}
	offset, err := r.uint64()
	if err != nil {
		return storedTensor{}, err
	}
	encoding, ok := ggufEncodings[typeNumber]
	if !ok {
		return storedTensor{}, unsupportedGGUFType(name, typeNumber)
	}
	bytes, err := encodedBytes(encoding, shape)
	if err != nil {
		return storedTensor{}, fmt.Errorf("%q: %w", name, err)
	}
	if offset > math.MaxInt64/2 {
		return storedTensor{}, fmt.Errorf("%q: the offset %d is beyond any possible file", name, offset)
	}
	return storedTensor{name: name, encoding: encoding, shape: shape, offset: int64(offset), bytes: bytes}, nil
}

// shape reads dimensions, which GGUF stores innermost first, and returns them outermost first.
func (r *ggufReader) shape() ([]int, error) {
	count, err := r.uint32()
	if err != nil {
		return nil, err
	}
	if count > ggufMaxDimensions {
		return nil, fmt.Errorf("it has %d dimensions, more than %d", count, ggufMaxDimensions)
	}
	shape := make([]int, count)
	for i := range shape {
		dimension, err := r.uint64()
		if err != nil {
			return nil, err
		}
		if dimension > math.MaxInt32 {
			return nil, fmt.Errorf("dimension %d is %d, too large", i, dimension)
		}
		shape[i] = int(dimension)
	}
	slices.Reverse(shape)
	return shape, nil
}

func unsupportedGGUFType(tensor string, number uint32) error {
	name, ok := ggufUnsupported[number]
	if !ok {
		name = fmt.Sprintf("number %d", number)
	}
	return fmt.Errorf("%q has the type %s, which is not supported; supported: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K; "+
		"take the model in one of those", tensor, name)
}
