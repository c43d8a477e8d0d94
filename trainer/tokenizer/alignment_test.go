package tokenizer

import (
	"slices"
	"testing"
)

// TestSpansThroughRewriting follows each rune of a rewritten text back to the input.
func TestSpansThroughRewriting(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, out string
		rewrites      []rewrite
		want          []Span // of the runes of out
	}{
		{"nothing to do", "ab", "ab", []rewrite{replaceText("x", "y")}, []Span{{0, 1}, {1, 2}}},
		{"put in front", "ab", ">ab", []rewrite{prependText(">")}, []Span{{0, 0}, {0, 1}, {1, 2}}},
		{"longer", "a b", "a▁b", []rewrite{replaceText(" ", "▁")}, []Span{{0, 1}, {1, 2}, {2, 3}}},
		{"shorter", "a<->b", "a-b", []rewrite{replaceText("<->", "-")}, []Span{{0, 1}, {1, 4}, {4, 5}}},
		{"one for several", "a=b", "a:=b", []rewrite{replaceText("=", ":=")}, []Span{{0, 1}, {1, 2}, {2, 2}, {2, 3}}},
		{"several for several", "a===b", "a:=b", []rewrite{replaceText("===", ":=")}, []Span{{0, 1}, {1, 2}, {2, 4}, {4, 5}}},
		{"removed", "a--b-", "ab", []rewrite{replaceText("-", "")}, []Span{{0, 1}, {3, 4}}},
		{"removed at the start", "--ab", "ab", []rewrite{replaceText("-", "")}, []Span{{2, 3}, {3, 4}}},
		{"stripped", " \tab \n", "ab", []rewrite{stripSpace(true, true)}, []Span{{2, 3}, {3, 4}}},
		{"stripped to nothing", " \t ", "", []rewrite{stripSpace(true, true)}, nil},
		{"composed", "e\u0301e\u0301", "éé", normalizeForms["NFC"], []Span{{0, 3}, {3, 6}}},
		{"decomposed", "éx", "e\u0301x", normalizeForms["NFD"], []Span{{0, 1}, {1, 2}, {2, 3}}},
		{"lower case", "AİB", "ai\u0307b", []rewrite{lowercase}, []Span{{0, 1}, {1, 2}, {2, 3}, {3, 4}}},
		{"twice", " e\u0301 x", ">é▁x", []rewrite{stripSpace(true, false), formC.rewrite, prependText(">"), replaceText(" ", "▁")}, []Span{{1, 1}, {1, 4}, {4, 5}, {5, 6}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := normalize(part{text: c.in, withSpans: true}, c.rewrites)
			if p.text != c.out {
				t.Fatalf("%q becomes %q, want %q", c.in, p.text, c.out)
			}
			var got []Span
			for i, r := range c.out {
				got = append(got, p.span(i, i+len(string(r))))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the runes of %q have spans %v, want %v", c.out, got, c.want)
			}
			slices.Reverse(c.want)
			var backwards []Span
			for i := len(c.out); i > 0; {
				runes := []rune(c.out[:i])
				start := i - len(string(runes[len(runes)-1]))
				backwards = append(backwards, p.span(start, i))
				i = start
			}
			if !slices.Equal(backwards, c.want) {
				t.Errorf("asked for from the end, the runes of %q have spans %v, want %v", c.out, backwards, c.want)
			}
		})
	}
}

// TestSpansOfBytesOfComposedRune checks that tokens which are parts of a composed character share what it was composed of.
func TestSpansOfBytesOfComposedRune(t *testing.T) {
	t.Parallel()
	p := normalize(part{text: "xe\u0301y", withSpans: true}, normalizeForms["NFC"])
	var got []Span
	for i := range len(p.text) {
		got = append(got, p.span(i, i+1))
	}
	if want := []Span{{0, 1}, {1, 2}, {2, 4}, {4, 5}}; !slices.Equal(got, want) {
		t.Errorf("the bytes of %q have spans %v, want %v", p.text, got, want)
	}
}
