package model

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
)

// Vector is an adapter, its gradient or an optimizer moment on the device: a flat float32 vector of a layout's size.
type Vector struct{ tensor *tensors.Tensor }

// NewVector copies values to a vector.
func NewVector(values []float32) *Vector {
	return &Vector{tensors.FromFlatDataAndDimensions(values, len(values))}
}

// Values copies the vector to the host.
func (v *Vector) Values() ([]float32, error) {
	values, err := tensors.CopyFlatData[float32](v.tensor)
	if err != nil {
		return nil, fmt.Errorf("read a vector from the device: %w", err)
	}
	return values, nil
}

// Close frees the device's memory. A nil vector is closed already.
func (v *Vector) Close() {
	if v != nil {
		v.tensor.MustFinalizeAll()
	}
}

// takeFloats copies a result to the host and frees it on the device.
func takeFloats(tensor *tensors.Tensor) ([]float32, error) {
	defer tensor.MustFinalizeAll()
	return (&Vector{tensor}).Values()
}

func closeAll(temporary []*tensors.Tensor) {
	for _, tensor := range temporary {
		tensor.MustFinalizeAll()
	}
}
