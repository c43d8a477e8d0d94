package model

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/shannon-labs/scu/trainer/oracle"
)

// packedTolerance is how far the loss of packed rows may be from that of the same rows apart, relatively.
const packedTolerance = 1e-5

// parity is how far one model of the oracle is from transformers and PEFT.
type parity struct {
	name, family                   string
	logits, loss, gradient, packed float64
}

func (p *parity) holds() bool {
	return p.logits <= logitTolerance && p.loss <= lossTolerance && p.gradient <= gradientTolerance && p.packed <= packedTolerance
}

func (p *parity) verdict() string {
	if p.holds() {
		return "equal"
	}
	return "DIFFERS"
}

// Every family computes what transformers and PEFT compute, within what float32 allows. Printed as one table.
func TestParityOfEveryFamily(t *testing.T) {
	t.Parallel()
	measured := map[string]*parity{}
	var mutex sync.Mutex
	t.Run("cases", func(t *testing.T) {
		for _, name := range oracle.Names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := measureParity(t, name)
				if !p.holds() {
					t.Errorf("%s differs: see the table", name)
				}
				mutex.Lock()
				defer mutex.Unlock()
				measured[name] = p
			})
		}
	})
	var table strings.Builder
	fmt.Fprintf(&table, "largest relative differences to transformers and PEFT, in float32\n")
	fmt.Fprintf(&table, "%-12s %-20s %8s %8s %8s %8s  %s\n", "family", "case", "logits", "loss", "gradient", "packed", "verdict")
	for _, name := range oracle.Names {
		if p := measured[name]; p != nil {
			fmt.Fprintf(&table, "%-12s %-20s %8.1e %8.1e %8.1e %8.1e  %s\n", p.family, p.name, p.logits, p.loss, p.gradient, p.packed, p.verdict())
		}
	}
	fmt.Fprintf(&table, "%-33s %8.0e %8.0e %8.0e %8.0e", "allowed", logitTolerance, lossTolerance, gradientTolerance, packedTolerance)
	t.Log(table.String())
}

func measureParity(t *testing.T, name string) *parity {
	r := newRig(t, name, "f32", fullAdapter)
	zero := r.zero(t)
	p := &parity{name: name, family: r.base.Arch.Family}

	base := r.wantedLogits(func(i int) []float32 { return r.reference.Rows[i].BaseLogits })
	adapted := r.wantedLogits(func(i int) []float32 { return r.reference.Rows[i].AdaptedLogits })
	p.logits = max(relativeDifference(t, r.allLogits(t, zero), base), relativeDifference(t, r.allLogits(t, r.vector), adapted))

	apart, nll := r.meanGradient(t, r.rowsBatch(t, r.reference.Rows, false))
	p.loss = relative(nll, r.reference.Adapted.NLL)
	packed, nll := r.meanGradient(t, r.packedBatch(t, r.reference.Rows))
	_, baseNLL := r.meanGradientAt(t, r.packedBatch(t, r.reference.PackedRows), zero)
	p.packed = max(relative(nll, r.reference.Adapted.NLL), relative(baseNLL, r.reference.Packed.NLL))
	for _, gradients := range []map[string][]float32{apart, packed} {
		if len(gradients) != len(r.reference.Gradients) {
			t.Errorf("%d matrices have a gradient, want %d", len(gradients), len(r.reference.Gradients))
		}
		for matrix, want := range r.reference.Gradients {
			p.gradient = max(p.gradient, relativeDifference(t, gradients[matrix], want.Values))
		}
	}
	return p
}

func relative(got, want float64) float64 { return math.Abs(got-want) / math.Abs(want) }
