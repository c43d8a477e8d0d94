package checkpoint

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Number is a float64 that keeps its bits in JSON, where NaN and the infinities are words.
type Number float64

// MarshalJSON writes the shortest decimal that reads back as the same number.
func (n Number) MarshalJSON() ([]byte, error) {
	if x := float64(n); math.IsNaN(x) || math.IsInf(x, 0) {
		return json.Marshal(strconv.FormatFloat(x, 'g', -1, 64))
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(text []byte) error {
	var word string
	if json.Unmarshal(text, &word) == nil {
		switch word {
		case "NaN", "+Inf", "-Inf":
			x, err := strconv.ParseFloat(word, 64)
			*n = Number(x)
			return err
		}
		return fmt.Errorf("%q is not a number", word)
	}
	var x float64
	if err := json.Unmarshal(text, &x); err != nil {
		return err
	}
	*n = Number(x)
	return nil
}
