package model

import (
	"reflect"
	"testing"
)

// Running each block again in the backward pass gives the same gradient, with windows, caps and dropout too.
func TestGradientCheckpointingDoesNotChangeTheGradient(t *testing.T) {
	t.Parallel()
	r := newRig(t, "gemma2", "f32", fullAdapter)
	batch := r.rowsBatch(t, r.reference.Rows, false)
	var gradients, losses [2][]float32
	for i, options := range []Options{{}, {GradientCheckpointing: true}} {
		programs := droppingPrograms(t, r, 0.2, options)
		nll, gradient, err := programs.Gradient(batch, r.capacity(), r.vector, 9, 0)
		if err != nil {
			t.Fatal(err)
		}
		losses[i], gradients[i] = nll, valuesOf(t, gradient)
		gradient.Close()
	}
	nearAll(t, "losses", losses[1], losses[0], 1e-6)
	nearAll(t, "gradient", gradients[1], gradients[0], 1e-5)
}

// temporaryBytes is what XLA needs for the gradient of a batch beside its arguments and results.
func temporaryBytes(t *testing.T, programs *Programs, rows, length, capacity int) int64 {
	t.Helper()
	graph, err := programs.compiledGradient(rows, length, capacity)
	if err != nil {
		t.Fatal(err)
	}
	// The backend keeps XLA's figures to itself; they are read, not changed.
	program := reflect.ValueOf(graph.Executable()).Elem().FieldByName("exec").Elem()
	return program.FieldByName("OnDeviceMemoryUsageStats").FieldByName("Temporary").Int()
}

// XLA might take the second pass for the first one, and keep everything after all.
func TestGradientCheckpointingSavesMemory(t *testing.T) {
	t.Parallel()
	r := newRig(t, "untied", "f32", fullAdapter) // three blocks
	without := temporaryBytes(t, r.programs, 4, 64, 8)
	with := temporaryBytes(t, droppingPrograms(t, r, 0, Options{GradientCheckpointing: true}), 4, 64, 8)
	if !(float64(with) < 0.6*float64(without)) {
		t.Errorf("%d bytes with checkpointing, %d without", with, without)
	}
}
