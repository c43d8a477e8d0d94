package lora

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/shannon-labs/scu/trainer/weights"
)

// tensor is one tensor of a slot as PEFT stores it.
type tensor struct {
	name       string
	shape      []int
	offset     int  // of its values in the flat vector
	transposed bool // there, against the file
}

// TensorName is the name that PEFT gives to one matrix ("A" or "B") of a slot.
func (s Slot) TensorName(matrix string) string {
	return fmt.Sprintf("base_model.model.%s.lora_%s.weight", s.Path, matrix)
}

// MagnitudeName is the name that PEFT gives to the magnitudes of a slot.
func (s Slot) MagnitudeName() string {
	return fmt.Sprintf("base_model.model.%s.lora_magnitude_vector", s.Path)
}

// tensors lists what a file of PEFT's has for the layout.
func (l *Layout) tensors() []tensor {
	var tensors []tensor
	for _, slot := range l.Slots {
		tensors = append(tensors,
			tensor{name: slot.TensorName("A"), shape: []int{l.Config.Rank, slot.In}, offset: slot.A},
			tensor{name: slot.TensorName("B"), shape: []int{slot.Out, l.Config.Rank}, offset: slot.B, transposed: true})
		if l.Config.DoRA {
			tensors = append(tensors, tensor{name: slot.MagnitudeName(), shape: []int{slot.Out}, offset: slot.Magnitude})
		}
	}
	return tensors
}

func (t *tensor) size() int {
	size := 1
	for _, dimension := range t.shape {
		size *= dimension
	}
	return size
}

// Tensors returns copies of the weights with PEFT's names and shapes.
func (a *Adapter) Tensors() []weights.Tensor {
	var tensors []weights.Tensor
	for _, t := range a.Layout.tensors() {
		data := slices.Clone(a.Values[t.offset : t.offset+t.size()])
		if t.transposed {
			transpose(data, a.Values[t.offset:t.offset+len(data)], t.shape[1], t.shape[0])
		}
		tensors = append(tensors, weights.Tensor{Name: t.name, Shape: t.shape, Data: data})
	}
	return tensors
}

// transpose writes source [rows, columns] to target [columns, rows].
func transpose(target, source []float32, rows, columns int) {
	for row := range rows {
		for column := range columns {
			target[column*rows+row] = source[row*columns+column]
		}
	}
}

// readTensors reads a file that must hold every tensor of the layout, and nothing else. Shapes are compared before memory
// is taken, as a damaged configuration may ask for any amount.
func readTensors(path string, layout *Layout) (*Adapter, error) {
	file, err := weights.OpenSafetensors(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the adapter: %w; if it has an adapter_model.bin instead, load it with PEFT and save it again", err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	wanted := layout.tensors()
	if err := checkTensors(file, path, wanted); err != nil {
		return nil, err
	}
	adapter := &Adapter{Layout: layout, Values: make([]float32, layout.Size)}
	for _, t := range wanted {
		values, err := file.Float32(t.name, nil)
		if err != nil {
			return nil, err
		}
		for _, value := range values {
			if math.IsNaN(float64(value)) || math.IsInf(float64(value), 0) {
				return nil, fmt.Errorf("read %s: %s holds %g; an adapter's weights must be finite numbers", path, t.name, value)
			}
		}
		target := adapter.Values[t.offset : t.offset+len(values)]
		if t.transposed {
			transpose(target, values, t.shape[0], t.shape[1])
		} else {
			copy(target, values)
		}
	}
	return adapter, nil
}

func checkTensors(file *weights.Safetensors, path string, wanted []tensor) error {
	known := map[string]bool{}
	for _, t := range wanted {
		shape, err := file.Shape(t.name)
		if err != nil {
			return fmt.Errorf("%w; the adapter does not fit this model or its own %s", err, ConfigFile)
		}
		if !slices.Equal(shape, t.shape) {
			return fmt.Errorf("read %s: %s has the shape %v, but this model and rank want %v", path, t.name, shape, t.shape)
		}
		known[t.name] = true
	}
	for _, name := range file.Names() {
		if !known[name] {
			return fmt.Errorf("read %s: it holds %s, which belongs to no adapted layer of this model", path, name)
		}
	}
	return nil
}
