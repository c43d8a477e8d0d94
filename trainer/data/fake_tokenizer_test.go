package data

import (
	"strings"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// byteTokenizer gives each byte its own token, and each of the special texts one
// token from 256 up: with it a test can read targets as text. It stands in for
// the real tokenizer where a test is about which characters are targets.
type byteTokenizer struct {
	special []string
	before  []int32 // what the post-processor puts before and after
	after   []int32
}

var chatSpecial = []string{"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>", "<|end|>"}

func (b byteTokenizer) Encode(text string, addSpecial bool) []int32 {
	ids, _ := b.EncodeSpans(text, addSpecial)
	return ids
}

func (b byteTokenizer) EncodeSpans(text string, addSpecial bool) ([]int32, []tokenizer.Span) {
	var ids []int32
	var spans []tokenizer.Span
	if addSpecial {
		ids = append(ids, b.before...)
		spans = make([]tokenizer.Span, len(ids))
	}
	for i := 0; i < len(text); {
		id, width := int32(text[i]), 1
		for s, special := range b.special {
			if strings.HasPrefix(text[i:], special) {
				id, width = int32(256+s), len(special)
			}
		}
		ids = append(ids, id)
		spans = append(spans, tokenizer.Span{Start: i, End: i + width})
		i += width
	}
	if addSpecial {
		ids = append(ids, b.after...)
		spans = append(spans, make([]tokenizer.Span, len(b.after))...)
	}
	return ids, spans
}

func (b byteTokenizer) IsSpecial(id int32) bool { return id >= 256 }

// show writes a sample as text, with targets between brackets.
func (b byteTokenizer) show(s Sample) string {
	var out strings.Builder
	inside := false
	for i, id := range s.Tokens {
		if s.Target[i] != inside {
			out.WriteByte("[]"[map[bool]int{true: 0, false: 1}[s.Target[i]]])
			inside = s.Target[i]
		}
		if id < 256 {
			out.WriteByte(byte(id))
		} else {
			out.WriteString(b.special[id-256])
		}
	}
	if inside {
		out.WriteByte(']')
	}
	return out.String()
}
