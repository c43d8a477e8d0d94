package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is looked for in the text itself, before any splitting. The flags are those of a
// tokenizer.json.
type addedToken struct {
	id         int32
	content    string
	pattern    string // what is looked for: content, normalized if normalized is set
	singleWord bool   // not next to a word character
	lstrip     bool   // takes the white space before it along
	rstrip     bool   // takes the white space after it along
	normalized bool   // looked for in the normalized text, after the tokens that are not
	special    bool   // left out by Decode on request
}

// addedMatcher finds added tokens, the leftmost first and the longest of those that start at one place.
type addedMatcher struct {
	root   trieNode
	starts [256]bool // first bytes of the tokens
}

type trieNode struct {
	next  map[byte]*trieNode
	token *addedToken // that ends here, or nil
}

func newAddedMatcher(tokens []addedToken) *addedMatcher {
	if len(tokens) == 0 {
		return nil
	}
	m := &addedMatcher{}
	for i := range tokens {
		m.add(&tokens[i])
	}
	return m
}

func (m *addedMatcher) add(token *addedToken) {
	m.starts[token.pattern[0]] = true
	node := &m.root
	for i := range len(token.pattern) {
		if node.next == nil {
			node.next = make(map[byte]*trieNode)
		}
		child := node.next[token.pattern[i]]
		if child == nil {
			child = &trieNode{}
			node.next[token.pattern[i]] = child
		}
		node = child
	}
	node.token = token
}

// find gives the first added token at or after from, and where it starts; nil if there is none.
func (m *addedMatcher) find(text string, from int) (token *addedToken, start int) {
	for start = from; start < len(text); start++ {
		if !m.starts[text[start]] {
			continue
		}
		if token = m.longestAt(text[start:]); token != nil {
			return token, start
		}
	}
	return nil, len(text)
}

func (m *addedMatcher) longestAt(text string) (longest *addedToken) {
	node := &m.root
	for i := range len(text) {
		if node = node.next[text[i]]; node == nil {
			break
		}
		if node.token != nil {
			longest = node.token
		}
	}
	return longest
}

// cut goes through text and calls found for each added token with the stretch that it takes, and between for each
// stretch in between. A matched token that single_word rejects belongs to the stretch around it. The search goes on behind
// the token's own text, even where rstrip has taken more: this is how the Hugging Face library does it.
func (m *addedMatcher) cut(text string, found func(token *addedToken, start, end int), between func(start, end int)) {
	done := 0
	for from := 0; m != nil; {
		token, start := m.find(text, from)
		if token == nil {
			break
		}
		end := start + len(token.pattern)
		from = end
		if token.singleWord && touchesWord(text, start, end) {
			continue
		}
		if token.lstrip {
			start = max(done, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if token.rstrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		if done < start {
			between(done, start)
		}
		found(token, start, max(start, end))
		done = end
	}
	if done < len(text) {
		between(done, len(text))
	}
}

func touchesWord(text string, start, end int) bool {
	before, beforeWidth := utf8.DecodeLastRuneInString(text[:start])
	after, afterWidth := utf8.DecodeRuneInString(text[end:])
	return beforeWidth > 0 && isWordRune(before) || afterWidth > 0 && isWordRune(after)
}
