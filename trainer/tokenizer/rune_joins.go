package tokenizer

import "unicode/utf8"

// runeJoins knows between which runes a merge can take place. Where none can, a word may be cut: no token will reach across, and
// merges on one side do not depend on the other, so the pieces have the tokens that the word has. This is what makes vocabularies
// fast that have no pre-tokenizer (Llama 2, Gemma), whose "word" is a whole text: its pieces are words, which come from the cache.
type runeJoins struct {
	ascii [utf8.RuneSelf][utf8.RuneSelf]bool
	other mergeTable // holds the pairs that have a rune beyond ASCII; their merges mean nothing
	// known is asked where a rune without a token is not a token by itself: no cut is made next to it.
	known *runeTable // nil if every rune stands by itself
}

// newRuneJoins collects the runes that meet where the two tokens of a merge meet.
func newRuneJoins(merges []mergeRule, symbols symbolTable) *runeJoins {
	joins := &runeJoins{}
	other := make(map[pair]merge)
	for _, rule := range merges {
		left, _ := utf8.DecodeLastRuneInString(rule.left)
		right, _ := utf8.DecodeRuneInString(rule.right)
		if left < utf8.RuneSelf && right < utf8.RuneSelf {
			joins.ascii[left][right] = true
		} else {
			other[pair{left, right}] = merge{}
		}
	}
	joins.other = newMergeTable(other)
	if symbols.fallback == nil {
		joins.known = &symbols.runes
	}
	return joins
}

// separable says whether a word may be cut between left and right.
func (j *runeJoins) separable(left, right rune) bool {
	if uint32(left) < utf8.RuneSelf && uint32(right) < utf8.RuneSelf {
		if j.ascii[left][right] {
			return false
		}
	} else if j.other.get(left, right).rank != noMerge {
		return false
	}
	return j.known == nil || j.known.get(left) != absent && j.known.get(right) != absent
}

// firstPiece gives the length of the first piece of word, which is not empty, that can be encoded by itself.
func (m *bpe) firstPiece(word string) int {
	if m.joins == nil {
		return len(word)
	}
	left, n := utf8.DecodeRuneInString(word)
	for n < len(word) {
		right, width := utf8.DecodeRuneInString(word[n:])
		if m.joins.separable(left, right) {
			return n
		}
		left = right
		n += width
	}
	return n
}
