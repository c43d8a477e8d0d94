package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// symbolTable holds the tokens that a word is made of before any merge: bytes in a byte-level vocabulary, runes in others.
type symbolTable struct {
	byteLevel bool
	bytes     [256]int32 // byteLevel only: the token of each byte, or absent
	runes     runeTable  // otherwise: the token of each rune
	// fallback holds the tokens of single bytes, <0x00> to <0xFF>, that a rune without a token is made of; nil for none.
	fallback *[256]int32
	// unknown stands for a symbol that has no token. If it is absent, such a symbol is dropped: the symbols around it then become neighbours.
	unknown     int32
	fuseUnknown bool // a run of unknown symbols is one unknown token
}

// runeTable maps runes to tokens.
type runeTable struct {
	ascii [utf8.RuneSelf]int32
	other map[rune]int32
}

// get gives the token of a rune, or absent.
func (t *runeTable) get(r rune) int32 {
	if uint32(r) < utf8.RuneSelf {
		return t.ascii[r]
	}
	if id, ok := t.other[r]; ok {
		return id
	}
	return absent
}

func (d *definition) symbolTable() (symbolTable, error) {
	symbols := symbolTable{byteLevel: d.preTokenizer.byteLevel, unknown: absent, fuseUnknown: d.fuseUnknown}
	if symbols.byteLevel {
		symbols.bytes = d.byteTable()
	} else {
		symbols.runes = d.runeTable()
	}
	if d.unknown != "" {
		id, ok := d.vocabulary[d.unknown]
		if !ok {
			return symbols, fmt.Errorf("model: unk_token %q is not in the vocabulary; add it or set unk_token to null", d.unknown)
		}
		symbols.unknown = id
	}
	var err error
	if d.byteFallback {
		symbols.fallback, err = d.fallbackTable()
	}
	return symbols, err
}

func (d *definition) byteTable() (table [256]int32) {
	for b, r := range byteToRune {
		table[b] = absent
		if id, ok := d.vocabulary[string(r)]; ok {
			table[b] = id
		}
	}
	return table
}

func (d *definition) runeTable() runeTable {
	table := runeTable{other: make(map[rune]int32)}
	for r := range table.ascii {
		table.ascii[r] = absent
	}
	for token, id := range d.vocabulary {
		r, width := utf8.DecodeRuneInString(token)
		switch {
		case width != len(token) || width == 0:
		case r < utf8.RuneSelf:
			table.ascii[r] = id
		default:
			table.other[r] = id
		}
	}
	return table
}

// fallbackTable gives the tokens of single bytes; nil if there are none, and byte_fallback has no effect. A part of them is refused: the
// Hugging Face library then puts unknown tokens out of order.
func (d *definition) fallbackTable() (*[256]int32, error) {
	var table [256]int32
	found, missing := 0, ""
	for b := range table {
		name := fmt.Sprintf("<0x%02X>", b)
		id, ok := d.vocabulary[name]
		if ok {
			found++
		} else {
			missing = name
		}
		table[b] = id
	}
	switch {
	case found == 0:
		return nil, nil
	case missing != "":
		return nil, fmt.Errorf("model: byte_fallback with %d of the 256 byte tokens is not supported; %s is not in the vocabulary", found, missing)
	case d.preTokenizer.byteLevel:
		return nil, fmt.Errorf("model: byte_fallback is not supported after the pre-tokenizer ByteLevel; set it to false")
	}
	return &table, nil
}

// appendSymbols appends the tokens of the symbols of word to dst.
func (t *symbolTable) appendSymbols(dst []token, word string) []token {
	fuse := false
	for i := 0; i < len(word); {
		id, width := t.first(word[i:])
		end := i + width
		switch {
		case id != absent:
			dst = append(dst, token{id: id, start: i, end: end})
			fuse = false
		case t.fallback != nil:
			for ; i < end; i++ {
				dst = append(dst, token{id: t.fallback[word[i]], start: i, end: i + 1})
			}
		case t.unknown == absent:
		case fuse:
			dst[len(dst)-1].end = end
		default:
			dst = append(dst, token{id: t.unknown, start: i, end: end})
			fuse = t.fuseUnknown
		}
		i = end
	}
	return dst
}

// first gives the token of the first symbol of word, or absent, and the symbol's length in bytes. A byte that is not valid UTF-8 is
// a symbol without a token where symbols are runes.
func (t *symbolTable) first(word string) (id int32, width int) {
	if t.byteLevel {
		return t.bytes[word[0]], 1
	}
	if b := word[0]; b < utf8.RuneSelf {
		return t.runes.ascii[b], 1
	}
	r, width := utf8.DecodeRuneInString(word)
	if r == utf8.RuneError && width == 1 {
		return absent, 1
	}
	return t.runes.get(r), width
}

// mergesUnknown says whether a symbol without a token can become part of a merge.
func (t *symbolTable) mergesUnknown(merges map[pair]merge) bool {
	stray := make(map[int32]bool)
	if t.unknown != absent {
		stray[t.unknown] = true
	}
	if t.fallback != nil {
		for _, id := range t.fallback {
			stray[id] = true
		}
	}
	for pair := range merges {
		if stray[pair.left] || stray[pair.right] {
			return true
		}
	}
	return false
}
