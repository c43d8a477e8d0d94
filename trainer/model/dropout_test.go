package model

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/oracle"
)

// drawMask runs the graph of a dropout mask.
func drawMask(t *testing.T, rate float64, seed uint32, layer, rows, width int) []float32 {
	t.Helper()
	mask, err := CallOnce(openTestBackend(t), func(seed *Node) *Node {
		words := newNoise(&builder{seed.Graph(), float32Type}, seed, rows, width+10)
		for range layer {
			words.draw(rate)
		}
		return words.draw(rate).mask(width)
	}, seed)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](mask)
}

func TestDropoutKeepsTheExpectedShareAndScalesIt(t *testing.T) {
	const rows, width = 400, 250
	for _, rate := range []float64{0.05, 0.5, 0.9} {
		mask := drawMask(t, rate, 11, 3, rows, width)
		kept := 0
		perColumn := make([]float64, width)
		for i, v := range mask {
			switch {
			case v == 0:
			case math.Abs(float64(v)-1/(1-rate)) < 1e-6:
				kept++
				perColumn[i%width]++
			default:
				t.Fatalf("rate %g: an element is %g", rate, v)
			}
		}
		deviation := math.Sqrt(rate * (1 - rate) / (rows * width))
		if share := float64(kept) / (rows * width); math.Abs(share-(1-rate)) > 5*deviation {
			t.Errorf("rate %g: %g are kept, want %g ± %g", rate, share, 1-rate, 5*deviation)
		}
		columnDeviation := math.Sqrt(rate * (1 - rate) / rows)
		for column, count := range perColumn {
			if math.Abs(count/rows-(1-rate)) > 6*columnDeviation {
				t.Errorf("rate %g: column %d keeps %g", rate, column, count/rows)
			}
		}
	}
}

// What one layer drops says nothing of what another drops.
func TestLayersDropIndependently(t *testing.T) {
	const rate, rows, width = 0.1, 500, 400
	first := drawMask(t, rate, 5, 0, rows, width)
	for _, layer := range []int{1, 2, 3, 4, 60, 119} {
		both := 0
		for i, v := range drawMask(t, rate, 5, layer, rows, width) {
			if v == 0 && first[i] == 0 {
				both++
			}
		}
		share, want := float64(both)/(rows*width), rate*rate
		if deviation := math.Sqrt(want * (1 - want) / (rows * width)); math.Abs(share-want) > 6*deviation {
			t.Errorf("layers 0 and %d both drop %g of the elements, want %g ± %g", layer, share, want, 6*deviation)
		}
	}
}

func TestDropoutFollowsSeedAndLayer(t *testing.T) {
	first := drawMask(t, 0.5, 1, 1, 64, 64)
	if !slices.Equal(first, drawMask(t, 0.5, 1, 1, 64, 64)) {
		t.Error("the same seed and layer drew another mask")
	}
	for what, other := range map[string][]float32{"seed": drawMask(t, 0.5, 2, 1, 64, 64), "layer": drawMask(t, 0.5, 1, 2, 64, 64)} {
		same := 0
		for i := range first {
			if first[i] == other[i] {
				same++
			}
		}
		if share := float64(same) / float64(len(first)); math.Abs(share-0.5) > 0.05 {
			t.Errorf("another %s agrees in %g of the elements, want half", what, share)
		}
	}
}

// With dropout the hand-written gradient still is that of the loss: the derivative along a direction, taken numerically
// with the same mask, agrees.
func TestGradientUnderDropoutIsTheDerivativeOfTheLoss(t *testing.T) {
	r := newRig(t, "tied", "f32", fullAdapter)
	layout := *r.adapter.Layout
	layout.Config.Dropout = 0.3
	programs, err := NewPrograms(r.base, &layout)
	if err != nil {
		t.Fatal(err)
	}
	defer programs.Close()
	batch := batchOf(t, samples(r.reference.Rows, false), false)
	lossAndGradient := func(values []float32) (float64, []float32) {
		vector := NewVector(values)
		defer vector.Close()
		nll, gradient, err := programs.Gradient(batch, len(batch.TargetIndex), vector, 77)
		if err != nil {
			t.Fatal(err)
		}
		defer gradient.Close()
		return total(nll), gradient.Values()
	}
	values := r.adapter.Values
	_, gradient := lossAndGradient(values)
	norm := 0.0
	for _, g := range gradient {
		norm += float64(g) * float64(g)
	}
	norm = math.Sqrt(norm)
	const step = 3e-3
	moved := func(sign float64) []float32 {
		out := make([]float32, len(values))
		for i, v := range values {
			out[i] = v + float32(sign*step*float64(gradient[i])/norm)
		}
		return out
	}
	above, _ := lossAndGradient(moved(1))
	below, _ := lossAndGradient(moved(-1))
	near(t, "slope along the gradient", (above-below)/(2*step), norm, 0.01)
	plain, err := r.programs.Loss(batch, len(batch.TargetIndex), r.vector)
	if err != nil {
		t.Fatal(err)
	}
	if dropped, _ := lossAndGradient(values); math.Abs(dropped-total(plain)) < 1e-3 {
		t.Errorf("with dropout the loss is %g, without %g: nothing was dropped", dropped, total(plain))
	}
}

// Attention over more positions than one query block gives what the reference gives: see the longest row of the oracle
// repeated until it spans several blocks.
func TestQueryBlocksDoNotChangeTheLoss(t *testing.T) {
	r := newRig(t, "untied", "f32", fullAdapter)
	var packed []oracle.Row
	for range 8 { // 8 × (24+17) positions: three blocks
		packed = append(packed, r.reference.Rows...)
	}
	batch := batchOf(t, samples(packed, false), true)
	if batch.Length <= 2*queryBlock {
		t.Fatalf("only %d positions", batch.Length)
	}
	nll, err := r.programs.Loss(batch, len(batch.TargetIndex), r.vector)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "loss of the packed rows", total(nll), 8*r.reference.Adapted.NLL, lossTolerance)
	_, gradient, err := r.programs.Gradient(batch, len(batch.TargetIndex), r.vector, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gradient.Close()
	values := gradient.Values()
	for i := range values {
		values[i] /= float32(len(nll))
	}
	named := byName(r.adapterWith(values))
	compareNamed(t, "gradient", named, r.reference.Gradients, gradientTolerance)
}
