package tokenizer

import (
	"fmt"
	"maps"
	"slices"
)

// largestID bounds the ids of a vocabulary, and with them the memory that a bad file can ask for. The largest
// published vocabularies have some 260,000 tokens.
const largestID = 1<<21 - 1

// definition is what a tokenizer is built from, whatever file it came from.
type definition struct {
	vocabulary   map[string]int32
	merges       []mergeRule // in order of rank
	unknown      string      // "" for none
	fuseUnknown  bool
	ignoreMerges bool
	added        []addedToken
	preTokenizer preTokenizer
	special      specialTokens
}

// mergeRule is a merge as files spell it: two tokens that become their concatenation.
type mergeRule struct{ left, right string }

func (d *definition) build() (*Tokenizer, error) {
	entries, ids, err := d.entries()
	if err != nil {
		return nil, err
	}
	model, err := d.model()
	if err != nil {
		return nil, err
	}
	raw, normalized := splitByNormalized(d.added)
	return &Tokenizer{
		entries:         entries,
		ids:             ids,
		rawAdded:        newAddedMatcher(raw),
		normalizedAdded: newAddedMatcher(normalized),
		preTokenizer:    d.preTokenizer,
		model:           model,
		special:         d.special,
	}, nil
}

// entries gives what is known of each id, and the id of each token.
func (d *definition) entries() ([]entry, map[string]int32, error) {
	ids := maps.Clone(d.vocabulary)
	largest := int32(-1)
	for _, token := range d.added {
		ids[token.content] = token.id
	}
	for token, id := range ids {
		if id < 0 || id > largestID {
			return nil, nil, fmt.Errorf("vocabulary: token %q has id %d, outside 0 to %d; the file is damaged", token, id, largestID)
		}
		largest = max(largest, id)
	}
	entries := make([]entry, largest+1)
	for token, id := range ids {
		if entries[id].known {
			first, second := min(token, entries[id].text), max(token, entries[id].text)
			return nil, nil, fmt.Errorf("vocabulary: tokens %q and %q share the id %d; the file is damaged", first, second, id)
		}
		entries[id] = entry{text: token, bytes: tokenBytes(token), known: true}
	}
	for _, token := range d.added {
		entries[token.id].special = token.special
	}
	return entries, ids, nil
}

func (d *definition) model() (*bpe, error) {
	merges, err := d.mergeMap()
	if err != nil {
		return nil, err
	}
	model := &bpe{merges: newMergeTable(merges), unknown: absent, fuseUnknown: d.fuseUnknown, cache: newWordCache()}
	for b, r := range byteToRune {
		model.byteIDs[b] = absent
		if id, ok := d.vocabulary[string(r)]; ok {
			model.byteIDs[b] = id
		}
	}
	if d.unknown != "" {
		id, ok := d.vocabulary[d.unknown]
		if !ok {
			return nil, fmt.Errorf("model: unk_token %q is not in the vocabulary; add it or set unk_token to null", d.unknown)
		}
		model.unknown = id
	}
	if d.ignoreMerges {
		model.whole = d.wholeWords()
	}
	return model, nil
}

func (d *definition) mergeMap() (map[pair]merge, error) {
	merges := make(map[pair]merge, len(d.merges))
	for rank, rule := range d.merges {
		left, err := d.mergeToken(rank, rule.left)
		if err != nil {
			return nil, err
		}
		right, err := d.mergeToken(rank, rule.right)
		if err != nil {
			return nil, err
		}
		joined, err := d.mergeToken(rank, rule.left+rule.right)
		if err != nil {
			return nil, err
		}
		merges[pair{left, right}] = merge{rank: int32(rank), id: joined} // of doubles the last counts, as in Hugging Face's
	}
	return merges, nil
}

func (d *definition) mergeToken(rank int, token string) (int32, error) {
	id, ok := d.vocabulary[token]
	if !ok {
		return 0, fmt.Errorf("merge %d: token %q is not in the vocabulary; vocabulary and merges are not from the same model", rank, token)
	}
	return id, nil
}

// wholeWords gives the tokens by the bytes that they stand for.
func (d *definition) wholeWords() map[string]int32 {
	whole := make(map[string]int32, len(d.vocabulary))
	for token, id := range d.vocabulary {
		if inAlphabet(token) {
			whole[tokenBytes(token)] = id
		}
	}
	return whole
}

func splitByNormalized(tokens []addedToken) (raw, normalized []addedToken) {
	for _, token := range tokens {
		if token.normalized {
			normalized = append(normalized, token)
		} else {
			raw = append(raw, token)
		}
	}
	return slices.Clip(raw), slices.Clip(normalized)
}
