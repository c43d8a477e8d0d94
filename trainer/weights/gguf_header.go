package weights

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// A GGUF file is: magic, version, counts, key/value pairs, tensor descriptions, padding to the alignment, and the
// tensors' bytes, each aligned. Everything is little-endian.

const (
	ggufMagic            = "GGUF"
	ggufDefaultAlignment = 32
	ggufMaxAlignment     = 1 << 20
	ggufMaxDimensions    = 4
)

// The value types of metadata, numbered by the specification.
const (
	ggufUint8 uint32 = iota
	ggufInt8
	ggufUint16
	ggufInt16
	ggufUint32
	ggufInt32
	ggufFloat32
	ggufBool
	ggufString
	ggufArray
	ggufUint64
	ggufInt64
	ggufFloat64
)

// ggufValueSize is the size in bytes of the fixed-size value types.
var ggufValueSize = map[uint32]int{
	ggufUint8: 1, ggufInt8: 1, ggufUint16: 2, ggufInt16: 2, ggufUint32: 4, ggufInt32: 4,
	ggufFloat32: 4, ggufBool: 1, ggufUint64: 8, ggufInt64: 8, ggufFloat64: 8,
}

// ggufEncodings are the tensor types that can be read, by ggml's number.
var ggufEncodings = map[uint32]encoding{
	0: encodingF32, 1: encodingF16, 2: encodingQ4_0, 3: encodingQ4_1, 6: encodingQ5_0, 7: encodingQ5_1, 8: encodingQ8_0,
	12: encodingQ4_K, 13: encodingQ5_K, 14: encodingQ6_K, 30: encodingBF16,
}

// ggufUnsupported names the tensor types that cannot be read, so that a refusal can name them.
var ggufUnsupported = map[uint32]string{
	9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
	21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M",
	34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
}

// ggufHeader is a checked header: every tensor's bytes lie inside the file and none overlap.
type ggufHeader struct {
	metadata ggufMetadata
	tensors  []storedTensor
	size     int64 // of the header with its padding: where the tensors' bytes begin
}

// readGGUFHeader reads and checks the header of a file of the given size; path is for messages.
func readGGUFHeader(file io.ReaderAt, size int64, path string) (ggufHeader, error) {
	r := &ggufReader{
		buffered:  bufio.NewReaderSize(io.NewSectionReader(file, 0, size), readChunk),
		remaining: size,
	}
	header, err := r.header()
	if err != nil {
		return ggufHeader{}, fmt.Errorf("read %s: %w", path, err)
	}
	alignment, err := header.metadata.alignment()
	if err != nil {
		return ggufHeader{}, fmt.Errorf("read %s: %w", path, err)
	}
	header.size = (size - r.remaining + alignment - 1) / alignment * alignment
	if err := checkGGUFRanges(header.tensors, alignment, header.size, size); err != nil {
		return ggufHeader{}, fmt.Errorf("read %s: %w", path, err)
	}
	for i := range header.tensors {
		header.tensors[i].source = file
		header.tensors[i].path = path
		header.tensors[i].offset += header.size
	}
	return header, nil
}

func (m ggufMetadata) alignment() (int64, error) {
	alignment, present, err := m.integer("general.alignment")
	if err != nil {
		return 0, err
	}
	if !present {
		return ggufDefaultAlignment, nil
	}
	if alignment < 1 || alignment > ggufMaxAlignment || alignment&(alignment-1) != 0 {
		return 0, fmt.Errorf("metadata \"general.alignment\" is %d, want a power of two", alignment)
	}
	return int64(alignment), nil
}

// checkGGUFRanges checks the tensors' positions, which are still relative to dataStart.
func checkGGUFRanges(tensors []storedTensor, alignment, dataStart, size int64) error {
	sorted := slices.SortedFunc(slices.Values(tensors), func(a, b storedTensor) int {
		return int(min(1, max(-1, a.offset-b.offset)))
	})
	end := int64(0)
	for _, tensor := range sorted {
		if tensor.offset%alignment != 0 {
			return fmt.Errorf("tensor %q starts at %d, which is not a multiple of the alignment %d", tensor.name, tensor.offset, alignment)
		}
		if tensor.offset < end {
			return fmt.Errorf("tensor %q overlaps the tensor before it", tensor.name)
		}
		if tensor.bytes > math.MaxInt64-dataStart-tensor.offset {
			return fmt.Errorf("tensor %q ends beyond any possible file", tensor.name)
		}
		end = tensor.offset + tensor.bytes
	}
	if end > 0 && dataStart+end > size {
		return fmt.Errorf("truncated: expected %d bytes, but the file has %d; download it again", dataStart+end, size)
	}
	return nil
}

// errTruncatedGGUF is the answer to a header that does not end inside the file.
var errTruncatedGGUF = errors.New("truncated: the file ends inside its GGUF header; download it again")

// ggufReader reads the header's parts in order and knows how many bytes the file still has, so that no count in the
// file, however large, makes it allocate more than the file could fill.
type ggufReader struct {
	buffered  *bufio.Reader
	remaining int64
}

func (r *ggufReader) header() (ggufHeader, error) {
	magic, err := r.bytes(4)
	if err != nil || string(magic) != ggufMagic {
		return ggufHeader{}, errors.New("it does not begin with \"GGUF\": this is not a GGUF file")
	}
	version, err := r.uint32()
	if err != nil {
		return ggufHeader{}, err
	}
	switch {
	case version&0xffff == 0:
		return ggufHeader{}, errors.New("it is a big-endian GGUF file; only little-endian ones are supported")
	case version != 2 && version != 3:
		return ggufHeader{}, fmt.Errorf("the GGUF version %d is not supported; supported: 2, 3", version)
	}
	tensorCount, err := r.uint64()
	if err != nil {
		return ggufHeader{}, err
	}
	pairCount, err := r.uint64()
	if err != nil {
		return ggufHeader{}, err
	}
	metadata, err := r.metadata(pairCount)
	if err != nil {
		return ggufHeader{}, err
	}
	tensors, err := r.tensors(tensorCount)
	return ggufHeader{metadata: metadata, tensors: tensors}, err
}

func (r *ggufReader) metadata(count uint64) (ggufMetadata, error) {
	metadata := ggufMetadata{}
	for i := range count {
		key, err := r.text()
		if err != nil {
			return nil, fmt.Errorf("metadata pair %d of %d: %w", i+1, count, err)
		}
		value, err := r.value()
		if err != nil {
			return nil, fmt.Errorf("metadata %q: %w", key, err)
		}
		if _, taken := metadata[key]; taken {
			return nil, fmt.Errorf("metadata %q occurs twice", key)
		}
		metadata[key] = value
	}
	return metadata, nil
}

func (r *ggufReader) tensors(count uint64) ([]storedTensor, error) {
	var tensors []storedTensor
	seen := map[string]bool{}
	for i := range count {
		tensor, err := r.tensor()
		if err != nil {
			return nil, fmt.Errorf("tensor %d of %d: %w", i+1, count, err)
		}
		if seen[tensor.name] {
			return nil, fmt.Errorf("tensor %q occurs twice", tensor.name)
		}
		seen[tensor.name] = true
		tensors = append(tensors, tensor)
	}
	return tensors, nil
}
