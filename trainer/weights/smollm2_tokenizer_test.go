package weights

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// TestSmolLM2Tokenizer compares with Hugging Face's tokenizers under the whole vocabulary of SmolLM2, which is too large for the
// repository and is read from the installed model. Without the model the test fails, or is left out with -short.
func TestSmolLM2Tokenizer(t *testing.T) {
	t.Parallel()
	tok := smolLM2(t)
	t.Run("golden", func(t *testing.T) {
		t.Parallel()
		var golden []struct {
			Text string
			IDs  []int32
			Dec  string
		}
		readJSON(t, "testdata/smollm2_golden.json", &golden)
		for _, g := range golden {
			checkEncoding(t, tok, g.Text, g.IDs)
			if got := tok.Decode(g.IDs, false); got != g.Dec {
				t.Errorf("Decode(%v) = %q, want %q", g.IDs, got, g.Dec)
			}
		}
	})
	t.Run("hard texts", func(t *testing.T) {
		t.Parallel()
		var texts []struct {
			Text string
			IDs  []int32
		}
		readJSON(t, "testdata/smollm2_texts.json", &texts)
		for _, c := range texts {
			checkEncoding(t, tok, c.Text, c.IDs)
		}
	})
	t.Run("vocabulary", func(t *testing.T) {
		t.Parallel()
		if tok.Size() != 49152 {
			t.Errorf("Size() = %d, want 49152", tok.Size())
		}
		if id, ok := tok.ID("<|im_end|>"); id != 2 || !ok || !tok.IsSpecial(id) {
			t.Errorf("<|im_end|> has id %d, found %t, special %t; want 2 and special", id, ok, tok.IsSpecial(id))
		}
	})
}

func smolLM2(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	model, err := Open(smollm2Path(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := model.Close(); err != nil {
			t.Error(err)
		}
	})
	tok, err := model.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func checkEncoding(t *testing.T, tok *tokenizer.Tokenizer, text string, want []int32) {
	t.Helper()
	if got := tok.Encode(text, false); !slices.Equal(got, want) {
		t.Errorf("Encode(%q)\n got %v\nwant %v", text, got, want)
	}
}
