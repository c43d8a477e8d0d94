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
	byteFallback bool
	ignoreMerges bool
	added        []addedToken
	normalizer   []rewrite
	preTokenizer preTokenizer
	decoder      decoder
	special      specialTokens
}

// mergeRule is a merge as files spell it: two tokens that become their concatenation.
type mergeRule struct{ left, right string }

func (d *definition) build() (*Tokenizer, error) {
	if err := d.normalizeAdded(); err != nil {
		return nil, err
	}
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
		normalizer:      d.normalizer,
		normalizedAdded: newAddedMatcher(normalized),
		preTokenizer:    d.preTokenizer,
		model:           model,
		decoder:         d.decoder,
		special:         d.special,
	}, nil
}

// normalizeAdded sets the patterns that added tokens are looked for by.
func (d *definition) normalizeAdded() error {
	first := make(map[string]string, len(d.added))
	for i := range d.added {
		token := &d.added[i]
		token.pattern = token.content
		if !token.normalized {
			continue
		}
		token.pattern = normalize(part{text: token.content}, d.normalizer).text
		if token.pattern == "" {
			return fmt.Errorf("added token %q: the normalizer leaves nothing of it; set its normalized to false", token.content)
		}
		if other, double := first[token.pattern]; double {
			return fmt.Errorf("added tokens %q and %q are both %q after normalization; set normalized of one to false", other, token.content, token.pattern)
		}
		first[token.pattern] = token.content
	}
	return nil
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
		entries[id] = entry{text: token, decoded: token, known: true}
	}
	d.describeAdded(entries)
	if d.decoder.isByteLevel() {
		for id := range entries {
			entries[id].decoded = tokenBytes(entries[id].decoded)
		}
	}
	return entries, ids, nil
}

// describeAdded enters what is known of added tokens only. Hugging Face's decodes an added token to its normalized form, and goes by
// that form, too, when it looks whether a token is special.
func (d *definition) describeAdded(entries []entry) {
	special := make(map[string]bool, len(d.added))
	for _, token := range d.added {
		special[token.content] = special[token.content] || token.special
	}
	for _, token := range d.added {
		entry := &entries[token.id]
		entry.special = token.special
		entry.decoded = token.pattern
		entry.skipped = special[token.pattern]
	}
}

func (d *definition) model() (*bpe, error) {
	merges, err := d.mergeMap()
	if err != nil {
		return nil, err
	}
	symbols, err := d.symbolTable()
	if err != nil {
		return nil, err
	}
	model := &bpe{merges: newMergeTable(merges), symbols: symbols, cache: newWordCache()}
	if d.ignoreMerges {
		model.whole = d.wholeWords()
	} else if !d.preTokenizer.byteLevel && !symbols.mergesUnknown(merges) {
		model.joins = newRuneJoins(d.merges, symbols)
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

// wholeWords gives the tokens by the text of the words that they are.
func (d *definition) wholeWords() map[string]int32 {
	if !d.preTokenizer.byteLevel {
		return d.vocabulary
	}
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
