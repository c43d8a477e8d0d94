package model

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
)

var testAdamW = AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, MaxGradNorm: 1}

func newTestOptimizer(t *testing.T, settings AdamW, values, center []float32) *Optimizer {
	t.Helper()
	optimizer, err := NewOptimizer(openTestBackend(t), settings, values, center)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(optimizer.Close)
	if err := optimizer.Compile(); err != nil {
		t.Fatal(err)
	}
	return optimizer
}

func mustState(t *testing.T, optimizer *Optimizer) OptimizerState {
	t.Helper()
	state, err := optimizer.State()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// take takes the steps from…to−1 with gradients that depend on the step alone.
func take(t *testing.T, optimizer *Optimizer, from, to int) {
	t.Helper()
	for step := from; step < to; step++ {
		gradient := []float32{float32(step) - 2, 0.3, float32(math.Sin(float64(step))), 1e-4}
		if _, err := optimizer.Step(NewVector(gradient), 3, 0.01, 1e-2/float64(step+1)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARestoredOptimizerGoesOnBitForBit(t *testing.T) {
	values, center := []float32{1, -2, 0.5, 0}, []float32{1, 1, 1, 1}
	whole := newTestOptimizer(t, testAdamW, values, center)
	take(t, whole, 0, 7)
	first := newTestOptimizer(t, testAdamW, values, center)
	take(t, first, 0, 3)
	saved := mustState(t, first)
	take(t, first, 3, 4) // what is saved does not move with the optimizer

	second := newTestOptimizer(t, testAdamW, saved.Adapter, center)
	if err := second.Restore(saved); err != nil {
		t.Fatal(err)
	}
	if got := mustState(t, second); !reflect.DeepEqual(got, saved) || got.Steps != 3 {
		t.Errorf("restored %+v, want %+v", got, saved)
	}
	take(t, second, 3, 7)
	if got, want := mustState(t, second), mustState(t, whole); !reflect.DeepEqual(got, want) {
		t.Errorf("went on to %+v, want %+v", got, want)
	}
	if got, err := second.Center(); err != nil || !slices.Equal(got, center) {
		t.Errorf("the centre is %v, %v", got, err)
	}
	saved.First = saved.First[:3]
	if err := second.Restore(saved); err == nil {
		t.Error("a state of another size was restored")
	}
}

func TestThePriorIsOnTheMatricesAlone(t *testing.T) {
	settings := testAdamW
	settings.Matrices, settings.MaxGradNorm = 2, 0
	optimizer := newTestOptimizer(t, settings, []float32{3, 4, 100, 200}, nil)
	moved, err := optimizer.Step(NewVector(make([]float32, 4)), 1, 2, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	if moved.Squares != 25 || moved.GradNorm != 10 {
		t.Errorf("Σw² is %v and the gradient's norm %v, want 25 and 10", moved.Squares, moved.GradNorm)
	}
	if got := mustState(t, optimizer).Adapter; !(got[0] < 3 && got[1] < 4) || got[2] != 100 || got[3] != 200 {
		t.Errorf("the adapter is %v", got)
	}
}

func TestAGradientThatIsNotFiniteMovesNothing(t *testing.T) {
	optimizer := newTestOptimizer(t, testAdamW, []float32{1, 2, 3, 4}, nil)
	take(t, optimizer, 0, 2)
	before := mustState(t, optimizer)
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		moved, err := optimizer.Step(NewVector([]float32{1, float32(bad), 1, 1}), 1, 0, 0.1)
		if err != nil || !moved.Skipped {
			t.Errorf("%v: %+v, %v", bad, moved, err)
		}
	}
	if after := mustState(t, optimizer); !reflect.DeepEqual(after, before) {
		t.Errorf("moved from %+v to %+v", before, after)
	}
}

func TestSizesThatDoNotGoTogetherAreRefused(t *testing.T) {
	backend := openTestBackend(t)
	if _, err := NewOptimizer(backend, testAdamW, make([]float32, 4), make([]float32, 3)); err == nil {
		t.Error("a centre of another size was taken")
	}
	settings := testAdamW
	settings.Matrices = 5
	if _, err := NewOptimizer(backend, settings, make([]float32, 4), nil); err == nil {
		t.Error("a prior on more weights than there are was taken")
	}
}

func TestFiguresThatCannotBeReadAreFreedToo(t *testing.T) {
	good, bad, last := tensors.FromValue(1.5), tensors.FromValue(float32(1)), tensors.FromValue(2.5)
	if _, err := takeFloat64s(good, bad, last); err == nil {
		t.Error("a float32 was taken for a float64")
	}
	for i, scalar := range []*tensors.Tensor{good, bad, last} {
		if scalar.Ok() {
			t.Errorf("scalar %d is still held", i)
		}
	}
}
