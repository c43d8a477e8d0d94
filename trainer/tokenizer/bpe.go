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

// absent marks a byte that has no token.
const absent = -1

// bpe merges the bytes of one word into tokens: of all neighbouring pairs in the merge table, the one of lowest rank, and
// of equals the leftmost, becomes one token, until no pair is left (Sennrich et al. 2016, arXiv:1508.07909).
type bpe struct {
	merges mergeTable
	// byteIDs holds the token of each byte. A byte that has none is the unknown token, or is dropped
	// if the vocabulary has no unknown token: the bytes around it then become neighbours.
	byteIDs     [256]int32
	unknown     int32 // absent if there is none
	fuseUnknown bool  // a run of unknown bytes is one unknown token
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
	dst = m.appendBytes(dst, word)
	tokens := dst[before:]
	if len(tokens) <= longestShort {
		tokens = m.mergeShort(tokens)
	} else {
		tokens = m.mergeLong(tokens)
	}
	return dst[:before+len(tokens)]
}

// appendBytes appends the tokens that the single bytes of word are.
func (m *bpe) appendBytes(dst []token, word string) []token {
	fuse := false
	for i := range len(word) {
		if id := m.byteIDs[word[i]]; id != absent {
			dst = append(dst, token{id: id, start: i, end: i + 1})
			fuse = false
			continue
		}
		if m.unknown == absent {
			continue
		}
		if fuse {
			dst[len(dst)-1].end = i + 1
			continue
		}
		dst = append(dst, token{id: m.unknown, start: i, end: i + 1})
		fuse = m.fuseUnknown
	}
	return dst
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
