package weights

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/trainer/durable"
)

// Tensor is a named float32 array to be written.
type Tensor struct {
	Name string
	// Shape has the outermost dimension first.
	Shape []int
	// Data is row-major; its length is the product of Shape.
	Data []float32
}

// WriteSafetensors writes the tensors as F32, sorted by name, with the metadata (PEFT expects {"format": "pt"}).
//
// The file appears at path whole or not at all: it is written beside it under a temporary name, synced, renamed over
// path, and the directory is synced. On an error the temporary file is removed and what was at path stays.
func WriteSafetensors(path string, tensors []Tensor, metadata map[string]string) error {
	sorted := slices.SortedFunc(slices.Values(tensors), func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	header, err := encodeSafetensorsHeader(sorted, metadata)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = durable.WriteFile(path, func(file *os.File) error {
		w := bufio.NewWriterSize(file, readChunk)
		if _, err := w.Write(header); err != nil {
			return err
		}
		for _, tensor := range sorted {
			if err := writeFloat32s(w, tensor.Data); err != nil {
				return err
			}
		}
		return w.Flush()
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// encodeSafetensorsHeader returns the length prefix and the header, padded with spaces so that the data starts at a
// multiple of 8 bytes.
func encodeSafetensorsHeader(sorted []Tensor, metadata map[string]string) ([]byte, error) {
	type entry struct {
		Dtype   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	fields := map[string]any{}
	if len(metadata) > 0 {
		fields[metadataKey] = metadata
	}
	offset := int64(0)
	for _, tensor := range sorted {
		if _, taken := fields[tensor.Name]; taken || tensor.Name == "" || tensor.Name == metadataKey {
			return nil, fmt.Errorf("the tensor name %q is empty, reserved or used twice", tensor.Name)
		}
		bytes, err := encodedBytes(encodingF32, tensor.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", tensor.Name, err)
		}
		if bytes != 4*int64(len(tensor.Data)) {
			return nil, fmt.Errorf("tensor %q of shape %v has %d values", tensor.Name, tensor.Shape, len(tensor.Data))
		}
		// A nil shape would be written as null; a scalar's is [].
		fields[tensor.Name] = entry{"F32", append([]int{}, tensor.Shape...), [2]int64{offset, offset + bytes}}
		offset += bytes
	}
	text, err := json.Marshal(fields) // sorts the keys
	if err != nil {
		return nil, err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if len(text) > maxSafetensorsHeader {
		return nil, errors.New("the header would be longer than safetensors allows")
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), nil
}

func writeFloat32s(w io.Writer, values []float32) error {
	buffer := make([]byte, 0, min(readChunk, 4*len(values)))
	for chunk := range slices.Chunk(values, readChunk/4) {
		buffer = buffer[:0]
		for _, value := range chunk {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(value))
		}
		if _, err := w.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}
