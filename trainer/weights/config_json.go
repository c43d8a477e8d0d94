package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// specialIDs are the ids that a config.json gives to the tokens that begin and end a text.
type specialIDs struct {
	BOS tokenIDs `json:"bos_token_id"`
	EOS tokenIDs `json:"eos_token_id"`
}

// tokenIDs reads a token id that may be null, a number or a list of numbers.
type tokenIDs []int32

func (t *tokenIDs) UnmarshalJSON(text []byte) error {
	var one int32
	if string(text) == "null" {
		return nil
	}
	if json.Unmarshal(text, &one) == nil {
		*t = tokenIDs{one}
		return nil
	}
	var many []int32
	if err := json.Unmarshal(text, &many); err != nil {
		return errors.New("a token id is neither null, nor an integer, nor a list of integers")
	}
	*t = many
	return nil
}

// first returns the first id, or -1 when there is none.
func (t tokenIDs) first() int32 {
	if len(t) == 0 {
		return -1
	}
	return t[0]
}

// readConfigJSON reads the architecture and the special tokens' ids from a config.json.
func readConfigJSON(path string) (architecture.Config, specialIDs, error) {
	var special specialIDs
	text, err := os.ReadFile(path)
	if err != nil {
		return architecture.Config{}, special, err
	}
	config, err := architecture.Parse(text)
	if err == nil {
		err = json.Unmarshal(text, &special)
	}
	if err != nil {
		return architecture.Config{}, special, fmt.Errorf("read %s: %w", path, err)
	}
	return config, special, nil
}

// valueOr returns what the pointer points to, or the default when it is nil.
func valueOr[T any](pointer *T, otherwise T) T {
	if pointer == nil {
		return otherwise
	}
	return *pointer
}
