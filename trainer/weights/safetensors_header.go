package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A safetensors file is: the header's length (8 bytes, little-endian), the header (a JSON object from tensor names to
// dtype, shape and byte range, and "__metadata__" to strings), and the tensors' bytes, end to end.

// maxSafetensorsHeader is the format's own limit on the header.
const maxSafetensorsHeader = 100_000_000

// metadataKey is the one header key that names no tensor.
const metadataKey = "__metadata__"

// safetensorsEncodings are the format's dtypes of whole bytes. Those without decode are known by their size only: old
// checkpoints carry masks in them, which nobody reads.
var safetensorsEncodings = map[string]encoding{
	"F64": encodingF64, "F32": encodingF32, "F16": encodingF16, "BF16": encodingBF16,
	"BOOL": {"BOOL", 1, 1, nil}, "U8": {"U8", 1, 1, nil}, "I8": {"I8", 1, 1, nil},
	"F8_E4M3": {"F8_E4M3", 1, 1, nil}, "F8_E5M2": {"F8_E5M2", 1, 1, nil},
	"U16": {"U16", 1, 2, nil}, "I16": {"I16", 1, 2, nil}, "U32": {"U32", 1, 4, nil}, "I32": {"I32", 1, 4, nil},
	"U64": {"U64", 1, 8, nil}, "I64": {"I64", 1, 8, nil},
}

func unsupportedDtype(dtype string) error {
	return fmt.Errorf("the dtype %q is not supported; supported: F32, F16, BF16, F64", dtype)
}

// safetensorsHeader is a checked header: tensors in the order of their bytes, which fill the file exactly.
type safetensorsHeader struct {
	raw     []byte
	tensors []storedTensor
}

// readSafetensorsHeader reads and checks the header of a file of the given size; path is for messages.
func readSafetensorsHeader(file io.ReaderAt, size int64, path string) (safetensorsHeader, error) {
	raw, err := safetensorsHeaderBytes(file, size)
	if err != nil {
		return safetensorsHeader{}, fmt.Errorf("read %s: %w", path, err)
	}
	header, err := parseSafetensorsHeader(raw)
	if err != nil {
		return safetensorsHeader{}, fmt.Errorf("read %s: safetensors header: %w", path, err)
	}
	dataStart := 8 + int64(len(raw))
	if err := checkByteRanges(header.tensors, size-dataStart); err != nil {
		return safetensorsHeader{}, fmt.Errorf("read %s: %w", path, err)
	}
	for i := range header.tensors {
		header.tensors[i].source = file
		header.tensors[i].path = path
		header.tensors[i].offset += dataStart
	}
	return header, nil
}

func safetensorsHeaderBytes(file io.ReaderAt, size int64) ([]byte, error) {
	var prefix [8]byte
	if size < int64(len(prefix)) {
		return nil, fmt.Errorf("the file has %d bytes, too few for a safetensors file: it is empty or truncated; download it again", size)
	}
	if _, err := file.ReadAt(prefix[:], 0); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > maxSafetensorsHeader {
		return nil, fmt.Errorf("the header would be %d bytes long, more than safetensors allows: this is not a safetensors file", length)
	}
	if int64(length) > size-8 {
		return nil, fmt.Errorf("truncated: the header ends at byte %d, but the file has %d; download it again", 8+length, size)
	}
	raw := make([]byte, length)
	if _, err := file.ReadAt(raw, 8); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return raw, nil
}

// parseSafetensorsHeader decodes the JSON object key by key, because a duplicate key must be an error and not a
// silent overwrite. The offsets it returns are relative to the end of the header.
func parseSafetensorsHeader(raw []byte) (safetensorsHeader, error) {
	header := safetensorsHeader{raw: raw}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return header, errors.New("it does not begin with a JSON object")
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return header, err
		}
		name := token.(string) // a key of an object, or Token would have failed
		if seen[name] {
			return header, fmt.Errorf("%q occurs twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := decoder.Decode(&map[string]string{}); err != nil {
				return header, fmt.Errorf("%s: %w", metadataKey, err)
			}
			continue
		}
		tensor, err := decodeSafetensorsEntry(decoder, name)
		if err != nil {
			return header, fmt.Errorf("tensor %q: %w", name, err)
		}
		header.tensors = append(header.tensors, tensor)
	}
	if _, err := decoder.Token(); err != nil {
		return header, fmt.Errorf("the JSON object does not end: %w", err)
	}
	if rest := bytes.TrimSpace(raw[decoder.InputOffset():]); len(rest) > 0 {
		return header, errors.New("there is something after the JSON object")
	}
	return header, nil
}

func decodeSafetensorsEntry(decoder *json.Decoder, name string) (storedTensor, error) {
	var entry struct {
		Dtype   string  `json:"dtype"`
		Shape   []int   `json:"shape"`
		Offsets []int64 `json:"data_offsets"`
	}
	if err := decoder.Decode(&entry); err != nil {
		return storedTensor{}, err
	}
	encoding, ok := safetensorsEncodings[entry.Dtype]
	if !ok {
		return storedTensor{}, unsupportedDtype(entry.Dtype)
	}
	if entry.Shape == nil {
		return storedTensor{}, errors.New("it has no shape")
	}
	if len(entry.Offsets) != 2 || entry.Offsets[0] < 0 || entry.Offsets[1] < entry.Offsets[0] {
		return storedTensor{}, fmt.Errorf("data_offsets are %v, want a begin and an end", entry.Offsets)
	}
	bytes, err := encodedBytes(encoding, entry.Shape)
	if err != nil {
		return storedTensor{}, err
	}
	if got := entry.Offsets[1] - entry.Offsets[0]; got != bytes {
		return storedTensor{}, fmt.Errorf("%s of shape %v takes %d bytes, but data_offsets give it %d", entry.Dtype, entry.Shape, bytes, got)
	}
	return storedTensor{name: name, encoding: encoding, shape: entry.Shape, offset: entry.Offsets[0], bytes: bytes}, nil
}

// checkByteRanges sorts the tensors by position and checks that they fill the data part of the file end to end: the
// format allows neither gaps nor overlaps.
func checkByteRanges(tensors []storedTensor, dataSize int64) error {
	slices.SortFunc(tensors, func(a, b storedTensor) int {
		if a.offset != b.offset {
			return int(min(1, max(-1, a.offset-b.offset)))
		}
		if a.bytes != b.bytes { // an empty tensor may share its position with the next one
			return int(min(1, max(-1, a.bytes-b.bytes)))
		}
		return strings.Compare(a.name, b.name)
	})
	end := int64(0)
	for _, tensor := range tensors {
		if tensor.offset < end {
			return fmt.Errorf("tensor %q overlaps the tensor before it", tensor.name)
		}
		if tensor.offset > end {
			return fmt.Errorf("there is a gap of %d bytes before tensor %q", tensor.offset-end, tensor.name)
		}
		end += tensor.bytes
	}
	if end > dataSize {
		return fmt.Errorf("truncated: the tensors take %d bytes, but the file has %d of them; download it again", end, dataSize)
	}
	if end < dataSize {
		return fmt.Errorf("%d bytes after the last tensor belong to none: the file is damaged; download it again", dataSize-end)
	}
	return nil
}
