package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

// tiny is a vocabulary of nine tokens.
func tiny() Vocabulary {
	return Vocabulary{
		Tokens: []string{"<s>", "</s>", "<tool>", "a", "b", "ab", "Ġ", "1", "[PAD8]"},
		Merges: []string{"a b"},
		Types:  []int32{3, 3, 4, 1, 1, 1, 1, 1, 5},
		BOS:    0, EOS: 1,
		PreTokenizer: "gpt-2",
	}
}

func TestFromVocabulary(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change     func(*Vocabulary)
		text       string
		addSpecial bool
		want       []int32
	}{
		"plain":              {nil, "ab ba", false, []int32{5, 6, 4, 3}},
		"nothing is added":   {nil, "ab", true, []int32{5}},
		"control in text":    {nil, "a<s>b", false, []int32{3, 0, 4}},
		"user-defined":       {nil, "a<tool>b", false, []int32{3, 2, 4}},
		"unused in text":     {nil, "[PAD8]", false, nil},
		"merge over dropped": {nil, "axb", false, []int32{5}},
		"no merge of words":  {nil, "a\x00b", false, []int32{3, 4}}, // the dropped \x00 is a word of its own
		"BOS and EOS":        {func(v *Vocabulary) { v.AddBOS, v.AddEOS = true, true }, "a", true, []int32{0, 3, 1}},
		"BOS not asked for":  {func(v *Vocabulary) { v.AddBOS = true }, "a", false, []int32{3}},
		"qwen2 normalizes":   {func(v *Vocabulary) { v.PreTokenizer, v.Tokens[4] = "qwen2", "Ã"; v.Merges = nil; v.Tokens[5] = "ģ" }, "A\u0301", false, []int32{4, 5}},
		"tekken":             {func(v *Vocabulary) { v.PreTokenizer, v.Tokens[8], v.Types[8] = "tekken", "ba", 1 }, "baba", false, []int32{4, 5, 3}},
		"tekken, whole word": {func(v *Vocabulary) { v.PreTokenizer, v.Tokens[8], v.Types[8] = "tekken", "ba", 1 }, "ba", false, []int32{8}},
		"no types":           {func(v *Vocabulary) { v.Types = nil }, "<s>a</s><tool>", false, []int32{0, 3, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := tiny()
			if c.change != nil {
				c.change(&v)
			}
			tok, err := FromVocabulary(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := tok.Encode(c.text, c.addSpecial); !slices.Equal(got, c.want) {
				t.Errorf("Encode(%q, %t) = %v, want %v", c.text, c.addSpecial, got, c.want)
			}
		})
	}
}

// TestIgnoreMerges checks that Llama 3's words are tokens at once where they can be, even where no merge leads there.
func TestIgnoreMerges(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]int32{"llama-bpe": {9}, "gpt-2": {5, 3}} {
		v := tiny()
		v.Tokens, v.Types = append(v.Tokens, "aba"), append(v.Types, 1)
		v.PreTokenizer = name
		tok, err := FromVocabulary(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode("aba", false); !slices.Equal(got, want) {
			t.Errorf("%s: Encode(\"aba\") = %v, want %v", name, got, want)
		}
	}
}

func TestFromVocabularySpecial(t *testing.T) {
	t.Parallel()
	tok, err := FromVocabulary(tiny())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range []bool{true, true, false, false, false, false, false, false, false} {
		if got := tok.IsSpecial(int32(id)); got != want {
			t.Errorf("IsSpecial(%d) = %t", id, got)
		}
	}
	if got := tok.Decode([]int32{0, 2, 5, 1}, true); got != "<tool>ab" {
		t.Errorf("decoded %q, want %q", got, "<tool>ab")
	}
}

func TestFromVocabularyRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Vocabulary)
		want   string
	}{
		"pre-tokenizer": {func(v *Vocabulary) { v.PreTokenizer = "bloom" }, `pre-tokenizer "bloom" (tokenizer.ggml.pre) is not supported; supported: gpt-2, llama-bpe, llama-v3, llama3, qwen2, smollm, tekken`},
		"double":        {func(v *Vocabulary) { v.Tokens[4] = "a" }, `tokens 3 and 4 are both "a"`},
		"merge":         {func(v *Vocabulary) { v.Merges[0] = "a b c" }, `merge 0 is "a b c"`},
		"merge outside": {func(v *Vocabulary) { v.Merges[0] = "a c" }, `merge 0: token "c" is not in the vocabulary`},
		"types":         {func(v *Vocabulary) { v.Types = v.Types[:3] }, "3 token types (tokenizer.ggml.token_type) for 9 tokens"},
		"byte token":    {func(v *Vocabulary) { v.Types[3] = 6 }, `token 3, "a", has type 6`},
		"empty control": {func(v *Vocabulary) { v.Tokens[0] = "" }, "token 0 is an added token with no text"},
		"absent BOS":    {func(v *Vocabulary) { v.AddBOS, v.BOS = true, -1 }, "bos_token_id is -1 of 9 tokens"},
		"EOS outside":   {func(v *Vocabulary) { v.AddEOS, v.EOS = true, 9 }, "eos_token_id is 9 of 9 tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := tiny()
			c.change(&v)
			if _, err := FromVocabulary(v); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}
