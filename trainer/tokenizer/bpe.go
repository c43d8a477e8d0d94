package tokenizer

import "math"

// token is one token of a word: its id and the bytes [start, end) of the word that it stands for.
type token struct {
	id         int32
	start, end int
}

// pair is two neighbouring tokens.
type pair struct{ left, right int32 }

// merge is what may become of a pair: the token id, and the rank, lowest first.
type merge struct{ rank, id int32 }

// noMerge is larger than every rank.
const noMerge = math.MaxInt32

// absent marks a symbol that has no token.
const absent = -1

// bpe merges the symbols of one word into tokens: of all neighbouring pairs in the merge table, the one of lowest rank, and
// of equals the leftmost, becomes one token, until no pair is left (Sennrich et al. 2016, arXiv:1508.07909).
type bpe struct {
	merges  mergeTable
	symbols symbolTable
	joins   *runeJoins // nil if words cannot be cut further
	// whole holds the tokens that a word may be at once, merges notwithstanding (ignore_merges); nil if not asked for.
	whole map[string]int32
	cache wordCache
}

// longestShort is the length in tokens up to which scanning for the lowest rank beats a heap.
const longestShort = 48

// appendTokens appends the tokens of word to dst.
func (m *bpe) appendTokens(dst []token, word string) []token {
	if cached := m.cache.get(word); cached != nil {
		return append(dst, cached...)
	}
	before := len(dst)
	dst = m.merged(dst, word)
	m.cache.put(word, dst[before:])
	return dst
}

func (m *bpe) merged(dst []token, word string) []token {
	if id, ok := m.whole[word]; ok {
		return append(dst, token{id: id, end: len(word)})
	}
	before := len(dst)
	dst = m.symbols.appendSymbols(dst, word)
	tokens := dst[before:]
	if len(tokens) <= longestShort {
		tokens = m.mergeShort(tokens)
	} else {
		tokens = m.mergeLong(tokens)
	}
	return dst[:before+len(tokens)]
}

// mergeShort merges tokens in place and gives what is left of them.
func (m *bpe) mergeShort(tokens []token) []token {
	var merges [longestShort]merge // merges[i] is that of tokens[i] and tokens[i+1]
	for i := range len(tokens) - 1 {
		merges[i] = m.merges.get(tokens[i].id, tokens[i+1].id)
	}
	for len(tokens) > 1 {
		best := lowestRank(merges[:len(tokens)-1])
		if merges[best].rank == noMerge {
			break
		}
		tokens[best].id = merges[best].id
		tokens[best].end = tokens[best+1].end
		copy(tokens[best+1:], tokens[best+2:])
		copy(merges[best:len(tokens)-2], merges[best+1:len(tokens)-1])
		tokens = tokens[:len(tokens)-1]
		if best > 0 {
			merges[best-1] = m.merges.get(tokens[best-1].id, tokens[best].id)
		}
		if best+1 < len(tokens) {
			merges[best] = m.merges.get(tokens[best].id, tokens[best+1].id)
		}
	}
	return tokens
}

func lowestRank(merges []merge) int {
	best := 0
	for i, candidate := range merges {
		if candidate.rank < merges[best].rank {
			best = i
		}
	}
	return best
}
