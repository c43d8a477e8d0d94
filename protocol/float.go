package protocol

import (
	"encoding/json"
	"math"
)

// Float is a float64 that travels as null when it is NaN or infinite. The struct that holds one says non_finite beside
// it, so that a reader can tell a number that went wrong from one that was not measured.
type Float float64

// MarshalJSON writes a finite number as JSON does and any other as null.
func (f Float) MarshalJSON() ([]byte, error) {
	if !f.Finite() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads null as NaN.
func (f *Float) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*f = Float(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(f))
}

// Finite reports whether f is neither NaN nor infinite.
func (f Float) Finite() bool {
	return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0)
}
