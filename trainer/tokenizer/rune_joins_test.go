package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

// TestPiecesEqualWhole compares the tokens of a text that is cut where no merge can take place with those of the text as one word.
func TestPiecesEqualWhole(t *testing.T) {
	t.Parallel()
	file := readFamilies(t)
	cuts := 0
	for _, family := range file.Families {
		tok := family.tokenizer(t)
		if tok.model.joins == nil {
			continue
		}
		cut := *tok.model
		whole := cut
		whole.joins = nil
		for _, text := range file.Texts {
			text = strings.ReplaceAll(text, " ", "▁")
			want := whole.appendTokens(nil, text)
			var got []token
			for start := 0; start < len(text); {
				end := start + cut.firstPiece(text[start:])
				for _, token := range cut.appendTokens(nil, text[start:end]) {
					token.start += start
					token.end += start
					got = append(got, token)
				}
				start = end
				cuts++
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: the pieces of %q have tokens %v, the whole has %v", family.Name, text, got, want)
			}
		}
	}
	if cuts < 10000 {
		t.Errorf("only %d pieces were compared", cuts)
	}
}

// TestNoPiecesWhereUnknownTokensMerge checks that a text stays whole if the cut would have to know what has no token.
func TestNoPiecesWhereUnknownTokensMerge(t *testing.T) {
	t.Parallel()
	const rest = `"decoder":null,"pre_tokenizer":null`
	for name, c := range map[string]struct {
		model string
		want  []int32
	}{
		"unknown": {`"vocab":{"?":0,"a":1,"a?":2},"merges":["a ?"],"unk_token":"?"`, []int32{2, 0}},
		"dropped": {`"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]`, []int32{0}},
	} {
		tok := mustParse(t, []byte(`{`+rest+`,"model":{"type":"BPE",`+c.model+`}}`))
		if got := tok.Encode("axx", false); !slices.Equal(got, c.want) {
			t.Errorf("%s: Encode(\"axx\") = %v, want %v", name, got, c.want)
		}
	}
	tok := mustParse(t, []byte(`{`+rest+`,"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`))
	if got := tok.Encode("axxb", false); !slices.Equal(got, []int32{2}) {
		t.Errorf("Encode(\"axxb\") = %v: what is left of dropped runes was not merged", got)
	}
}
