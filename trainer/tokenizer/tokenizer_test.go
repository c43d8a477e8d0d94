package tokenizer

import (
	"strings"
	"testing"
)

func TestLookups(t *testing.T) {
	t.Parallel()
	tok := small(t)
	for id := range int32(tok.Size()) {
		text, ok := tok.Token(id)
		if !ok {
			t.Fatalf("id %d of a vocabulary without gaps has no token", id)
		}
		if back, ok := tok.ID(text); !ok || back != id {
			t.Errorf("ID(%q) = %d, %t; want %d", text, back, ok, id)
		}
		if want := strings.HasPrefix(text, "<|") && strings.HasSuffix(text, "|>"); tok.IsSpecial(id) != want {
			t.Errorf("IsSpecial(%d), token %q, is %t", id, text, !want)
		}
	}
	for _, id := range []int32{-1, int32(tok.Size())} {
		if text, ok := tok.Token(id); ok || tok.IsSpecial(id) {
			t.Errorf("id %d, outside the vocabulary, has the token %q", id, text)
		}
	}
	if id, ok := tok.ID("no such token"); ok {
		t.Errorf("a token that does not exist has id %d", id)
	}
}
