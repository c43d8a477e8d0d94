package tokenizer

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

const (
	cacheSlots = 1 << 17
	// longestCached is the length in bytes of the longest word that is kept. Longer words seldom come back.
	longestCached = 64
)

// wordCache remembers the tokens of words seen before, since most words of a text are repeats. Each word has one slot,
// chosen by its hash; a newer word that falls on the same slot takes it over. So the cache stays bounded (some
// 20 MB when full), and because an entry never changes and is put in place in one step, no lock is needed.
type wordCache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[cachedWord]
}

type cachedWord struct {
	word   string
	tokens []token // never nil, never written to
}

func newWordCache() wordCache {
	return wordCache{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[cachedWord], cacheSlots)}
}

func (c *wordCache) slot(word string) *atomic.Pointer[cachedWord] {
	return &c.slots[maphash.String(c.seed, word)%cacheSlots]
}

// get gives the tokens of word, which the caller must not change; nil if they are not known.
func (c *wordCache) get(word string) []token {
	if len(word) > longestCached {
		return nil
	}
	if entry := c.slot(word).Load(); entry != nil && entry.word == word {
		return entry.tokens
	}
	return nil
}

// put keeps copies, so that neither the text nor the caller's buffer is held on to.
func (c *wordCache) put(word string, tokens []token) {
	if len(word) > longestCached {
		return
	}
	entry := &cachedWord{word: strings.Clone(word), tokens: append(make([]token, 0, len(tokens)), tokens...)}
	c.slot(word).Store(entry)
}
