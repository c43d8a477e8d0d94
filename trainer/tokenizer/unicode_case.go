package tokenizer

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// letterCase sorts runes the way Tekken's pattern does.
type letterCase uint8

const (
	caseNone  letterCase = iota // no letter and no mark
	caseUpper                   // \p{Lu}, \p{Lt}
	caseLower                   // \p{Ll}
	caseOpen                    // \p{Lm}, \p{Lo}, \p{M}: fits upper and lower case
)

// The cased letters of Unicode 16.0 that Go lacks.
var (
	upper16 = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0x1C89, Hi: 0x1C89, Stride: 1}, {Lo: 0xA7CB, Hi: 0xA7CC, Stride: 1}, {Lo: 0xA7DA, Hi: 0xA7DA, Stride: 1}, {Lo: 0xA7DC, Hi: 0xA7DC, Stride: 1},
		},
		R32: []unicode.Range32{{Lo: 0x10D50, Hi: 0x10D65, Stride: 1}},
	}
	lower16 = &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0x1C8A, Hi: 0x1C8A, Stride: 1}, {Lo: 0xA7CD, Hi: 0xA7CD, Stride: 1}, {Lo: 0xA7DB, Hi: 0xA7DB, Stride: 1}},
		R32: []unicode.Range32{{Lo: 0x10D70, Hi: 0x10D85, Stride: 1}},
	}
)

// asciiCase answers for the runes that most text is made of without a search.
var asciiCase = newASCIICase()

func newASCIICase() (table [utf8.RuneSelf]letterCase) {
	for r := range table {
		table[r] = searchCase(rune(r))
	}
	return table
}

func caseOf(r rune) letterCase {
	if uint32(r) < utf8.RuneSelf {
		return asciiCase[r]
	}
	return unicodeCase(r)
}

// basicCase is for cases what basicClass is for classes.
var basicCase = sync.OnceValue(func() *[basicPlane]letterCase {
	var table [basicPlane]letterCase
	for r := range table {
		table[r] = searchCase(rune(r))
	}
	return &table
})

func unicodeCase(r rune) letterCase {
	if uint32(r) < basicPlane {
		return basicCase()[r]
	}
	return searchCase(r)
}

// searchCase looks a rune up in the tables.
func searchCase(r rune) letterCase {
	switch {
	case unicode.In(r, unicode.Ll, lower16):
		return caseLower
	case unicode.In(r, unicode.Lu, unicode.Lt, upper16):
		return caseUpper
	case searchClass(r) == classLetter, unicode.In(r, unicode.M, wordMarks16):
		return caseOpen
	}
	return caseNone
}

// lower17 is the mapping to lower case of Unicode 17.0, which Rust's char::to_lowercase knows, where Go lacks it.
var lower17 = unicode.SpecialCase{
	lowerRange(0x1C89, 0x1C89, 1),
	lowerRange(0xA7CB, 0xA7CB, 0x0264-0xA7CB),
	lowerRange(0xA7CC, 0xA7CC, 1),
	lowerRange(0xA7CE, 0xA7CE, 1),
	lowerRange(0xA7D2, 0xA7D2, 1),
	lowerRange(0xA7D4, 0xA7D4, 1),
	lowerRange(0xA7DA, 0xA7DA, 1),
	lowerRange(0xA7DC, 0xA7DC, 0x019B-0xA7DC),
	lowerRange(0x10D50, 0x10D65, 0x20),
	lowerRange(0x16EA0, 0x16EB8, 0x1B),
}

func lowerRange(first, last uint32, distance rune) unicode.CaseRange {
	lowered := unicode.CaseRange{Lo: first, Hi: last}
	lowered.Delta[unicode.LowerCase] = distance
	return lowered
}
