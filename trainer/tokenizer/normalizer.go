package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// prependText puts prefix in front of a text that is not empty.
func prependText(prefix string) rewrite {
	return func(r *rewriter) {
		if r.source != "" && prefix != "" {
			r.replace(0, 0, prefix)
		}
	}
}

// replaceText replaces each occurrence of old, which is not empty.
func replaceText(old, with string) rewrite {
	return func(r *rewriter) {
		count := strings.Count(r.source, old)
		if count == 0 {
			return
		}
		r.grow(count, count*max(0, len(with)-len(old)))
		for from := 0; ; {
			i := strings.Index(r.source[from:], old)
			if i < 0 {
				return
			}
			r.replace(from+i, from+i+len(old), with)
			from += i + len(old)
		}
	}
}

// stripSpace removes white space from the ends of a text.
func stripSpace(left, right bool) rewrite {
	return func(r *rewriter) {
		end := len(r.source)
		start := 0
		if left {
			start = end - len(strings.TrimLeftFunc(r.source, unicode.IsSpace))
		}
		if right {
			end = max(start, len(strings.TrimRightFunc(r.source, unicode.IsSpace)))
		}
		if start > 0 {
			r.replace(0, start, "")
		}
		if end < len(r.source) {
			r.replace(end, len(r.source), "")
		}
	}
}

// lowercase maps each rune by itself, as Rust's char::to_lowercase does: the Greek final sigma is not told apart.
func lowercase(r *rewriter) {
	for i := 0; i < len(r.source); {
		c, width := utf8.DecodeRuneInString(r.source[i:])
		if c != utf8.RuneError || width > 1 {
			if lower := lowerOf(c); lower != r.source[i:i+width] {
				r.replace(i, i+width, lower)
			}
		}
		i += width
	}
}

// lowerOf gives the lower case of one rune. U+0130 is the only one whose lower case is two runes.
func lowerOf(r rune) string {
	if r == 'İ' {
		return "i\u0307"
	}
	return string(lower17.ToLower(r))
}
