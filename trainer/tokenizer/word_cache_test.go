package tokenizer

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	var oracle oracleFile
	readTestdataJSON(t, "oracle.json", &oracle)
	tok := small(t)
	want := oracle.Variants[0].Plain
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range oracle.Texts {
				i = (i*(worker+1) + worker) % len(oracle.Texts) // each worker in its own order
				if got := tok.Encode(oracle.Texts[i], false); !slices.Equal(got, want[i]) {
					t.Errorf("Encode(%q) = %v, want %v", oracle.Texts[i], got, want[i])
				}
			}
		})
	}
	wait.Wait()
}

func TestWordCacheKeepsShortWords(t *testing.T) {
	t.Parallel()
	cache := newWordCache()
	word := strings.Repeat("x", longestCached)
	cache.put(word, []token{{id: 1, end: len(word)}})
	if got := cache.get(word); len(got) != 1 || got[0].id != 1 {
		t.Errorf("a word of the greatest length came back as %v", got)
	}
	cache.put(word+"x", []token{{id: 1, end: len(word) + 1}})
	if got := cache.get(word + "x"); got != nil {
		t.Errorf("a word above the greatest length was kept as %v", got)
	}
	cache.put("", nil)
	if got := cache.get(""); got == nil || len(got) != 0 {
		t.Errorf("the empty list of tokens came back as %v, want it empty but known", got)
	}
}

// TestWordCacheCopies checks that a caller that goes on using its buffer does not change what was kept.
func TestWordCacheCopies(t *testing.T) {
	t.Parallel()
	cache := newWordCache()
	buffer := []token{{id: 1, end: 1}}
	cache.put("a", buffer)
	buffer[0].id = 2
	if got := cache.get("a"); len(got) != 1 || got[0].id != 1 {
		t.Errorf("the kept tokens became %v", got)
	}
}
