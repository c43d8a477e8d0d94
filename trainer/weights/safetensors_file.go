package weights

import (
	"fmt"
	"maps"
	"os"
	"slices"
)

// Safetensors is an open safetensors file, such as a PEFT adapter. It is safe for concurrent use.
type Safetensors struct {
	path     string
	file     *os.File
	header   safetensorsHeader
	position map[string]int // of a tensor in header.tensors
}

// OpenSafetensors opens a safetensors file and checks its header against its size. Dtypes F32, F16, BF16 and F64 are
// read; any other is an error that names it.
func OpenSafetensors(path string) (*Safetensors, error) {
	file, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	header, err := readSafetensorsHeader(file, size, path)
	if err != nil {
		file.Close()
		return nil, err
	}
	position := make(map[string]int, len(header.tensors))
	for i, tensor := range header.tensors {
		if tensor.encoding.decode == nil {
			file.Close()
			return nil, fmt.Errorf("read %s: tensor %q: %w", path, tensor.name, unsupportedDtype(tensor.encoding.name))
		}
		position[tensor.name] = i
	}
	return &Safetensors{path: path, file: file, header: header, position: position}, nil
}

// Close releases the file.
func (s *Safetensors) Close() error { return s.file.Close() }

// Names returns the tensors' names, sorted.
func (s *Safetensors) Names() []string { return slices.Sorted(maps.Keys(s.position)) }

// Shape returns a tensor's dimensions, outermost first; a scalar has none.
func (s *Safetensors) Shape(name string) ([]int, error) {
	tensor, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(tensor.shape), nil
}

// Float32 reads a tensor, row-major, into dst when its capacity suffices and into a new slice otherwise. Values of F64
// are rounded to float32; the other dtypes are exact.
func (s *Safetensors) Float32(name string, dst []float32) ([]float32, error) {
	tensor, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	return tensor.float32s(dst)
}

func (s *Safetensors) tensor(name string) (storedTensor, error) {
	i, ok := s.position[name]
	if !ok {
		return storedTensor{}, fmt.Errorf("%s has no tensor %q", s.path, name)
	}
	return s.header.tensors[i], nil
}

// openRegular opens a regular file for reading and returns its size in bytes.
func openRegular(path string) (*os.File, int64, error) {
	// Stat first: opening a named pipe would wait for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("open %s: it is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	if info, err = file.Stat(); err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}
