package architecture

import (
	"fmt"
	"math"
)

// Rotary turns pairs of elements of a query or key head by an angle that grows with the position (RoPE; Su et al.,
// "RoFormer", 2021). Of a head's first 2·len(Frequencies) elements, element i pairs with element i+len(Frequencies); the
// others stay as they are.
type Rotary struct {
	// Frequencies are the angles between neighbouring positions, in radians, whatever scaling the model has included.
	Frequencies []float64
}

// NewRotary returns the frequencies θ^(−2i/dimensions) of the first dimensions elements of a head.
func NewRotary(dimensions int, theta float64) Rotary {
	frequencies := make([]float64, dimensions/2)
	for i := range frequencies {
		frequencies[i] = math.Pow(theta, -2*float64(i)/float64(dimensions))
	}
	return Rotary{frequencies}
}

// linear divides all frequencies by factor, which stretches every wavelength alike (position interpolation; Chen et al.,
// 2023).
func (r Rotary) linear(factor float64) Rotary {
	scaled := make([]float64, len(r.Frequencies))
	for i, frequency := range r.Frequencies {
		scaled[i] = frequency / factor
	}
	return Rotary{scaled}
}

// llama3 divides the frequencies whose wavelength exceeds context/low by factor, leaves those below context/high as they
// are, and goes from the one to the other in between, in proportion to how many wavelengths the context holds (the scaling
// of Llama 3.1, as transformers computes it).
func (r Rotary) llama3(factor, low, high, context float64) Rotary {
	scaled := make([]float64, len(r.Frequencies))
	for i, frequency := range r.Frequencies {
		turns := context * frequency / (2 * math.Pi)
		kept := min(1, max(0, (turns-low)/(high-low)))
		scaled[i] = (1-kept)*frequency/factor + kept*frequency
	}
	return Rotary{scaled}
}

func (r Rotary) validate(headDim int) error {
	if turning := 2 * len(r.Frequencies); turning > headDim {
		return fmt.Errorf("positions turn %d elements of a head that has %d", turning, headDim)
	}
	for _, frequency := range r.Frequencies {
		if !(frequency > 0) || math.IsInf(frequency, 0) {
			return fmt.Errorf("a rotary frequency is %g; check rope_theta and the rope scaling", frequency)
		}
	}
	return nil
}
