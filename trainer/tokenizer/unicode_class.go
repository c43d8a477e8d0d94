package tokenizer

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// class sorts runes the way the published pre-tokenizer patterns do: \p{L}, \p{N}, \s and everything else.
type class uint8

const (
	classOther class = iota
	classLetter
	classNumber
	classSpace
)

// The libraries inside Hugging Face's tokenizers know different Unicode versions: the pattern engine and \w know 16.0,
// the test for digits 17.0, while Go's tables are at 15.0. The tables below hold what Go lacks. They were taken by
// asking tokenizers about every code point, and TestUnicodeClasses asks Go the same again, so that a new Go release
// with newer tables cannot change what a text is encoded to unnoticed.
var (
	letters16 = &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0x1C89, Hi: 0x1C8A, Stride: 1}, {Lo: 0xA7CB, Hi: 0xA7CD, Stride: 1}, {Lo: 0xA7DA, Hi: 0xA7DC, Stride: 1}},
		R32: []unicode.Range32{
			{Lo: 0x105C0, Hi: 0x105F3, Stride: 1}, {Lo: 0x10D4A, Hi: 0x10D65, Stride: 1}, {Lo: 0x10D6F, Hi: 0x10D85, Stride: 1},
			{Lo: 0x10EC2, Hi: 0x10EC4, Stride: 1}, {Lo: 0x11380, Hi: 0x11389, Stride: 1}, {Lo: 0x1138B, Hi: 0x1138B, Stride: 1},
			{Lo: 0x1138E, Hi: 0x1138E, Stride: 1}, {Lo: 0x11390, Hi: 0x113B5, Stride: 1}, {Lo: 0x113B7, Hi: 0x113B7, Stride: 1},
			{Lo: 0x113D1, Hi: 0x113D1, Stride: 1}, {Lo: 0x113D3, Hi: 0x113D3, Stride: 1}, {Lo: 0x11BC0, Hi: 0x11BE0, Stride: 1},
			{Lo: 0x13460, Hi: 0x143FA, Stride: 1}, {Lo: 0x16100, Hi: 0x1611D, Stride: 1}, {Lo: 0x16D40, Hi: 0x16D6C, Stride: 1},
			{Lo: 0x18CFF, Hi: 0x18CFF, Stride: 1}, {Lo: 0x1E5D0, Hi: 0x1E5ED, Stride: 1}, {Lo: 0x1E5F0, Hi: 0x1E5F0, Stride: 1},
			{Lo: 0x2EBF0, Hi: 0x2EE5D, Stride: 1},
		},
	}
	numbers16 = &unicode.RangeTable{R32: []unicode.Range32{
		{Lo: 0x10D40, Hi: 0x10D49, Stride: 1}, {Lo: 0x116D0, Hi: 0x116E3, Stride: 1}, {Lo: 0x11BF0, Hi: 0x11BF9, Stride: 1},
		{Lo: 0x16130, Hi: 0x16139, Stride: 1}, {Lo: 0x16D70, Hi: 0x16D79, Stride: 1}, {Lo: 0x1CCF0, Hi: 0x1CCF9, Stride: 1},
		{Lo: 0x1E5F1, Hi: 0x1E5FA, Stride: 1},
	}}
	numbers17 = &unicode.RangeTable{R32: []unicode.Range32{
		{Lo: 0x11DE0, Hi: 0x11DE9, Stride: 1}, {Lo: 0x16FF4, Hi: 0x16FF6, Stride: 1},
	}}
	// wordMarks16 are the word characters of Unicode 16.0 that are neither letters nor numbers: marks, mostly.
	wordMarks16 = &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0x0897, Hi: 0x0897, Stride: 1}},
		R32: []unicode.Range32{
			{Lo: 0x10D69, Hi: 0x10D6D, Stride: 1}, {Lo: 0x10EFC, Hi: 0x10EFC, Stride: 1}, {Lo: 0x113B8, Hi: 0x113C0, Stride: 1},
			{Lo: 0x113C2, Hi: 0x113C2, Stride: 1}, {Lo: 0x113C5, Hi: 0x113C5, Stride: 1}, {Lo: 0x113C7, Hi: 0x113CA, Stride: 1},
			{Lo: 0x113CC, Hi: 0x113D0, Stride: 1}, {Lo: 0x113D2, Hi: 0x113D2, Stride: 1}, {Lo: 0x113E1, Hi: 0x113E2, Stride: 1},
			{Lo: 0x11F5A, Hi: 0x11F5A, Stride: 1}, {Lo: 0x1611E, Hi: 0x1612F, Stride: 1}, {Lo: 0x1E5EE, Hi: 0x1E5EF, Stride: 1},
		},
	}
)

// asciiClass answers for the runes that most text is made of without a search.
var asciiClass = newASCIIClass()

func newASCIIClass() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = searchClass(rune(r))
	}
	return table
}

func classOf(r rune) class {
	if uint32(r) < utf8.RuneSelf {
		return asciiClass[r]
	}
	return unicodeClass(r)
}

// basicPlane is the number of runes of Unicode's basic multilingual plane.
const basicPlane = 1 << 16

// basicClass answers for the scripts of the living. It is made when it is first needed, which takes some milliseconds.
var basicClass = sync.OnceValue(func() *[basicPlane]class {
	var table [basicPlane]class
	for r := range table {
		table[r] = searchClass(rune(r))
	}
	return &table
})

func unicodeClass(r rune) class {
	if uint32(r) < basicPlane {
		return basicClass()[r]
	}
	return searchClass(r)
}

// searchClass looks a rune up in the tables.
func searchClass(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return classLetter
	case unicode.IsNumber(r):
		return classNumber
	case unicode.IsSpace(r):
		return classSpace
	case unicode.Is(letters16, r):
		return classLetter
	case unicode.Is(numbers16, r):
		return classNumber
	}
	return classOther
}

// isDigit is the test of the Digits pre-tokenizer. It takes every kind of number (½ and Ⅷ too), as Rust's
// char::is_numeric does.
func isDigit(r rune) bool {
	return classOf(r) == classNumber || unicode.Is(numbers17, r)
}

// isWordRune is \w of Unicode's technical standard 18: what a single_word added token may not touch.
func isWordRune(r rune) bool {
	if unicode.In(r, unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.M, unicode.Nd, unicode.Pc, unicode.Join_Control) {
		return true
	}
	return unicode.In(r, letters16, numbers16, wordMarks16)
}
