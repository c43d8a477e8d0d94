package model

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/data"
)

// drawMask runs the graph of a dropout mask.
func drawMask(t *testing.T, rate float64, seed uint32, layer, rows, width int) []float32 {
	t.Helper()
	mask, err := CallOnce(openTestBackend(t), func(seed *Node) *Node {
		words := newNoise(&builder{seed.Graph(), float32Type}, seed, Const(seed.Graph(), uint32(0)), 1, rows, width+10)
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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

// droppingPrograms are those of a case with another dropout; everything else is as in its rig.
func droppingPrograms(t *testing.T, r *rig, rate float64, options Options) *Programs {
	t.Helper()
	layout := *r.adapter.Layout
	layout.Config.Dropout = rate
	programs, err := NewPrograms(r.base, &layout, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(programs.Close)
	return programs
}

// With dropout the hand-written gradient still is that of the loss: the derivative along a direction, taken numerically
// with the same mask, agrees.
func TestGradientUnderDropoutIsTheDerivativeOfTheLoss(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tied", "f32", fullAdapter)
	programs := droppingPrograms(t, r, 0.3, Options{})
	batch := r.rowsBatch(t, r.reference.Rows, false)
	lossAndGradient := func(values []float32) (float64, []float32) {
		vector := NewVector(values)
		defer vector.Close()
		nll, gradient, err := programs.Gradient(batch, r.capacity(), vector, 77, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer gradient.Close()
		return total(nll), valuesOf(t, gradient)
	}
	values := r.adapter.Values
	dropped, gradient := lossAndGradient(values)
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
	if plain := r.reference.Adapted.NLL; math.Abs(dropped-plain) < 1e-3 {
		t.Errorf("with dropout the loss is %g, without %g: nothing was dropped", dropped, plain)
	}
}

// A micro-batch that is run one row at a time, since it did not fit the device, drops what it would in one piece.
func TestPartsOfAMicroBatchDropWhatTheWholeDoes(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tied", "f32", fullAdapter)
	programs := droppingPrograms(t, r, 0.3, Options{})
	whole := r.rowsBatch(t, r.reference.Rows, false)
	losses, gradient, err := programs.Gradient(whole, r.capacity(), r.vector, 5, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gradient.Close()
	var apart []float32
	sum := make([]float32, r.adapter.Layout.Size)
	for row := range whole.Rows {
		part, err := data.Assemble([]data.Sample{sampleOf(r.reference.Rows[row], false)}, [][]int{{0}}, 1, whole.Length)
		if err != nil {
			t.Fatal(err)
		}
		nll, gradient, err := programs.Gradient(&part, r.capacity(), r.vector, 5, uint32(row))
		if err != nil {
			t.Fatal(err)
		}
		apart = append(apart, nll...)
		for i, g := range valuesOf(t, gradient) {
			sum[i] += g
		}
		gradient.Close()
	}
	nearAll(t, "losses", apart, losses, lossTolerance)
	nearAll(t, "gradient", sum, valuesOf(t, gradient), 1e-5)
}
