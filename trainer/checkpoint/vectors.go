package checkpoint

import (
	"fmt"
	"slices"

	"github.com/shannon-labs/scu/trainer/weights"
)

// Vectors are the flat float32 vectors of a run, all of one size: an adapter's layout's. The file does not know the layout,
// which follows from the model and the settings.
type Vectors struct {
	Adapter []float32
	First   []float32 // moment
	Second  []float32 // moment
	Center  []float32 // the prior's; nil is zero
	Best    []float32 // the adapter of State.Best; nil when it is Adapter, or when there is none
}

// vectorNames are the tensors of the file; the last two may be missing.
var vectorNames = []string{"adapter", "first_moment", "second_moment", "center", "best_adapter"}

const requiredVectors = 3

func (v *Vectors) all() []*[]float32 {
	return []*[]float32{&v.Adapter, &v.First, &v.Second, &v.Center, &v.Best}
}

// bytes is what the vectors take on disk.
func (v *Vectors) bytes() int64 {
	total := int64(0)
	for _, vector := range v.all() {
		total += 4 * int64(len(*vector))
	}
	return total
}

func (v *Vectors) write(path string) error {
	var tensors []weights.Tensor
	for i, vector := range v.all() {
		if *vector == nil {
			continue
		}
		if len(*vector) != len(v.Adapter) {
			return fmt.Errorf("%s has %d values, the adapter %d", vectorNames[i], len(*vector), len(v.Adapter))
		}
		tensors = append(tensors, weights.Tensor{Name: vectorNames[i], Shape: []int{len(*vector)}, Data: *vector})
	}
	return weights.WriteSafetensors(path, tensors, nil)
}

func readVectors(path string) (*Vectors, error) {
	file, err := weights.OpenSafetensors(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	v := &Vectors{}
	names := file.Names()
	for i, vector := range v.all() {
		if i >= requiredVectors && !slices.Contains(names, vectorNames[i]) {
			continue
		}
		if *vector, err = file.Float32(vectorNames[i], nil); err != nil {
			return nil, err
		}
		if len(*vector) != len(v.Adapter) {
			return nil, fmt.Errorf("%s: %s has %d values, the adapter %d", path, vectorNames[i], len(*vector), len(v.Adapter))
		}
	}
	return v, nil
}
