package model

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/weights"
)

// Base is a frozen base model on a device.
type Base struct {
	Arch    architecture.Config
	backend compute.Backend
	compute dtypes.DType
	tensors []*tensors.Tensor // in the order of frozenTensors
}

// LoadBase reads a base model and puts it on the device. precision is "f32" or "bf16" and holds for the weights and for
// the operands of every product; norms and biases are always float32. A weight that is not finite is a
// [*DamagedWeightError]. progress, when not nil, is told the share done, 0 to 1.
func LoadBase(backend compute.Backend, source *weights.Model, precision string, progress func(float64)) (*Base, error) {
	b := &Base{Arch: source.Config, backend: backend}
	switch precision {
	case "f32":
		b.compute = dtypes.Float32
	case "bf16":
		b.compute = dtypes.BFloat16
	default:
		return nil, fmt.Errorf("precision is %q; it must be f32 or bf16", precision)
	}
	narrow, err := NewExec(backend, func(x *Node) *Node { return ConvertDType(x, b.compute) })
	if err != nil {
		return nil, err
	}
	defer narrow.Finalize()
	loader := &baseLoader{base: b, source: source, narrow: narrow}
	frozen := frozenTensors(&b.Arch)
	for i := range frozen {
		if err := loader.load(&frozen[i]); err != nil {
			b.Close()
			return nil, err
		}
		if progress != nil {
			progress(float64(loader.read) / float64(b.Arch.Parameters()))
		}
	}
	return b, nil
}

// DamagedWeightError says that a base model has a weight that is not finite.
type DamagedWeightError struct {
	File   string  // that stores the tensor
	Tensor string  // as architecture.Config.Tensors calls it
	Index  int     // of the first such weight, row-major
	Value  float32 // NaN or infinite
}

func (e *DamagedWeightError) Error() string {
	return fmt.Sprintf("element %d of the tensor %s of %s is %g, not a finite number", e.Index, e.Tensor, e.File, e.Value)
}

// Close frees the device's memory.
func (b *Base) Close() {
	for _, tensor := range b.tensors {
		tensor.MustFinalizeAll()
	}
	b.tensors = nil
}

// baseLoader moves a model's weights to a device, one frozen tensor at a time.
type baseLoader struct {
	base   *Base
	source *weights.Model
	narrow *Exec
	read   int64     // weights so far
	stored []float32 // room for a piece that has to be transposed
}

// load makes one frozen tensor and puts it on the device.
func (l *baseLoader) load(f *frozenTensor) error {
	dimensions, err := l.dimensions(f)
	if err != nil {
		return err
	}
	tensor := tensors.FromShape(shapes.Make(dtypes.Float32, dimensions...))
	if moved := tensors.MutableFlatData(tensor, func(flat []float32) { err = l.fill(flat, f) }); err == nil {
		err = moved
	}
	if err == nil {
		err = tensor.ToDevice(l.base.backend, 0)
	}
	if err == nil && f.narrow && l.base.compute != dtypes.Float32 {
		wide := tensor
		tensor, err = execute1(l.narrow, wide)
		wide.MustFinalizeAll()
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", f.key(), err)
	}
	l.base.tensors = append(l.base.tensors, tensor)
	return nil
}

// dimensions are those of a frozen tensor.
func (l *baseLoader) dimensions(f *frozenTensor) ([]int, error) {
	var total []int
	for _, p := range f.pieces {
		shape := []int{p.zeros}
		if p.name != "" {
			var err error
			if shape, err = l.source.Shape(p.name); err != nil {
				return nil, err
			}
		}
		if f.transposed {
			slices.Reverse(shape)
		}
		if total == nil {
			total = shape
		} else {
			total[0] += shape[0]
		}
	}
	return total, nil
}

// fill reads the pieces into flat.
func (l *baseLoader) fill(flat []float32, f *frozenTensor) error {
	for _, p := range f.pieces {
		if p.name == "" {
			clear(flat[:p.zeros])
			flat = flat[p.zeros:]
			continue
		}
		size, err := l.fillPiece(flat, f, p.name)
		if err != nil {
			return err
		}
		for i := range flat[:size] {
			flat[i] += f.offset
		}
		flat = flat[size:]
	}
	return nil
}

// fillPiece reads one stored tensor to the start of flat and returns its size.
func (l *baseLoader) fillPiece(flat []float32, f *frozenTensor, name string) (int, error) {
	values, err := l.read32(name, flat, f.transposed)
	if err != nil {
		return 0, err
	}
	if i := firstNonFinite(values); i >= 0 {
		return 0, &DamagedWeightError{File: l.source.File(name), Tensor: name, Index: i, Value: values[i]}
	}
	l.read += int64(len(values))
	if f.transposed {
		shape, err := l.source.Shape(name)
		if err != nil {
			return 0, err
		}
		transpose(flat[:len(values)], values, shape[0], shape[1])
	}
	return len(values), nil
}

// read32 reads a tensor to the start of flat or, where it lies otherwise than wanted, to the loader's own room.
func (l *baseLoader) read32(name string, flat []float32, apart bool) ([]float32, error) {
	if !apart {
		return l.source.Float32(name, flat[:0])
	}
	var err error
	l.stored, err = l.source.Float32(name, l.stored[:0])
	return l.stored, err
}

// firstNonFinite is the index of the first NaN or infinity, or -1.
func firstNonFinite(values []float32) int {
	for i, v := range values {
		if v-v != 0 {
			return i
		}
	}
	return -1
}

// transpose writes source [rows, columns] to target [columns, rows], square by square so that both sides stay in cache.
func transpose(target, source []float32, rows, columns int) {
	const side = 32
	for top := 0; top < rows; top += side {
		for left := 0; left < columns; left += side {
			for row := top; row < min(top+side, rows); row++ {
				for column := left; column < min(left+side, columns); column++ {
					target[column*rows+row] = source[row*columns+column]
				}
			}
		}
	}
}
