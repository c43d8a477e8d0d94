package model

import (
	"math"
	"testing"

	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/weights"
)

// The tolerances that this program promises against PyTorch, transformers and PEFT in float32.
const (
	logitTolerance    = 1e-4 // relative to the largest logit
	lossTolerance     = 1e-5 // relative
	gradientTolerance = 1e-3 // relative to the largest element of a matrix
	trainingTolerance = 1e-3
)

// rig is a model of the oracle with its adapter on the device.
type rig struct {
	reference *oracle.Case
	base      *Base
	programs  *Programs
	adapter   *lora.Adapter
	vector    *Vector
}

func newRig(t *testing.T, name, precision string, adapterDirectory func(*oracle.Case) string) *rig {
	t.Helper()
	backend := openTestBackend(t)
	r := &rig{reference: oracle.Load(t, name)}
	source, err := weights.Open(r.reference.ModelDirectory)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if r.base, err = LoadBase(backend, source, precision, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.base.Close)
	if r.adapter, err = lora.Load(adapterDirectory(r.reference), source.Config); err != nil {
		t.Fatal(err)
	}
	if r.programs, err = NewPrograms(r.base, r.adapter.Layout, Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.programs.Close)
	r.vector = NewVector(r.adapter.Values)
	t.Cleanup(r.vector.Close)
	return r
}

func fullAdapter(c *oracle.Case) string   { return c.AdapterDirectory }
func subsetAdapter(c *oracle.Case) string { return c.SubsetAdapterDirectory }

// sampleOf turns a row of the oracle into a sample; every adds all positions as targets to the oracle's.
func sampleOf(row oracle.Row, every bool) data.Sample {
	sample := data.Sample{Tokens: row.IDs, Target: make([]bool, len(row.IDs))}
	for i := 1; every && i < len(row.IDs); i++ {
		sample.Target[i] = true
	}
	for _, i := range row.Targets {
		sample.Target[i] = true
	}
	return sample
}

// The rig's batches all have one shape, with some filling, so that few programs are compiled.

// capacity holds every position of every row, and more.
func (r *rig) capacity() int { return r.length() + 4 }

// length is that of a row of a batch: all rows of the oracle fit into one.
func (r *rig) length() int {
	longest := 0
	for _, rows := range [][]oracle.Row{r.reference.Rows, r.reference.PackedRows} {
		length := 3
		for _, row := range rows {
			length += len(row.IDs)
		}
		longest = max(longest, length)
	}
	return longest
}

// rowsBatch holds some of the oracle's rows, one a row of the batch.
func (r *rig) rowsBatch(t *testing.T, rows []oracle.Row, every bool) *data.Batch {
	t.Helper()
	blocks := make([][]int, len(rows))
	for i := range rows {
		blocks[i] = []int{i}
	}
	return r.assemble(t, rows, every, blocks)
}

// packedBatch holds the rows in the first row of the batch.
func (r *rig) packedBatch(t *testing.T, rows []oracle.Row) *data.Batch {
	t.Helper()
	block := make([]int, len(rows))
	for i := range rows {
		block[i] = i
	}
	return r.assemble(t, rows, false, [][]int{block})
}

func (r *rig) assemble(t *testing.T, rows []oracle.Row, every bool, blocks [][]int) *data.Batch {
	t.Helper()
	var all []data.Sample
	for _, row := range rows {
		all = append(all, sampleOf(row, every))
	}
	batch, err := data.Assemble(all, blocks, len(r.reference.Rows), r.length())
	if err != nil {
		t.Fatal(err)
	}
	return &batch
}

func (r *rig) zero(t *testing.T) *Vector {
	t.Helper()
	zero := NewVector(make([]float32, r.adapter.Layout.Size))
	t.Cleanup(zero.Close)
	return zero
}

// allLogits are those of every row at every position that predicts one, row after row.
func (r *rig) allLogits(t *testing.T, adapter *Vector) []float32 {
	t.Helper()
	logits, err := r.programs.Logits(r.rowsBatch(t, r.reference.Rows, true), r.capacity(), adapter)
	if err != nil {
		t.Fatal(err)
	}
	return logits
}

// wantedLogits are the oracle's of every row as allLogits has them; the last position predicts nothing.
func (r *rig) wantedLogits(of func(row int) []float32) []float32 {
	var all []float32
	for i, row := range r.reference.Rows {
		all = append(all, of(i)[:(len(row.IDs)-1)*r.base.Arch.Vocab]...)
	}
	return all
}

func total(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum
}

func valuesOf(t *testing.T, vector *Vector) []float32 {
	t.Helper()
	values, err := vector.Values()
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Abs(want)) {
		t.Errorf("%s: %.9g, want %.9g (relative difference %.2g, allowed %g)", what, got, want, math.Abs(got-want)/math.Abs(want), relative)
	}
}

// relativeDifference is the largest difference of two arrays, relative to the largest element of want.
func relativeDifference(t *testing.T, got, want []float32) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	largest, difference := 0.0, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		difference = max(difference, math.Abs(float64(got[i])-float64(want[i]))) // NaN stays NaN
	}
	return difference / largest
}

// nearAll compares arrays relative to the largest element of want.
func nearAll(t *testing.T, what string, got, want []float32, relative float64) {
	t.Helper()
	if difference := relativeDifference(t, got, want); !(difference <= relative) {
		t.Errorf("%s: differs by up to %.3g of the largest element, allowed %g", what, difference, relative)
	}
}

// meanGradient is the gradient of the mean negative log-likelihood of a batch, by PEFT's names, and the sum of it.
func (r *rig) meanGradient(t *testing.T, batch *data.Batch) (gradients map[string][]float32, nll float64) {
	t.Helper()
	return r.meanGradientAt(t, batch, r.vector)
}

func (r *rig) meanGradientAt(t *testing.T, batch *data.Batch, adapter *Vector) (gradients map[string][]float32, nll float64) {
	t.Helper()
	losses, gradient, err := r.programs.Gradient(batch, r.capacity(), adapter, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gradient.Close()
	values := valuesOf(t, gradient)
	for i := range values {
		values[i] /= float32(len(losses))
	}
	return byName(r.adapterWith(values)), total(losses)
}

// adapterWith gives values the layout of the rig's adapter.
func (r *rig) adapterWith(values []float32) *lora.Adapter {
	return &lora.Adapter{Layout: r.adapter.Layout, Values: values}
}

func byName(adapter *lora.Adapter) map[string][]float32 {
	named := map[string][]float32{}
	for _, tensor := range adapter.Tensors() {
		named[tensor.Name] = tensor.Data
	}
	return named
}

func compareNamed(t *testing.T, what string, got map[string][]float32, want map[string]oracle.Array, relative float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d matrices, want %d", what, len(got), len(want))
	}
	for name, array := range want {
		nearAll(t, what+" of "+name, got[name], array.Values, relative)
	}
}
