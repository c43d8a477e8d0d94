package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestUnicodeClasses asks about every code point what the Hugging Face library was asked.
func TestUnicodeClasses(t *testing.T) {
	t.Parallel()
	var classes map[string]json.RawMessage
	readTestdataJSON(t, "unicode_classes.json", &classes)
	isClass := func(c class) func(rune) bool { return func(r rune) bool { return classOf(r) == c } }
	for name, is := range map[string]func(rune) bool{
		"letter": isClass(classLetter), "number": isClass(classNumber), "space": isClass(classSpace), "digit": isDigit, "word": isWordRune, "inWord": isWordRune,
		"punctuation": isPunctuation, "white": unicode.IsSpace,
		"upper": func(r rune) bool { return caseOf(r) == caseUpper || caseOf(r) == caseOpen },
		"lower": func(r rune) bool { return caseOf(r) == caseLower || caseOf(r) == caseOpen },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ranges []rune // first, last, first, last, …
			if err := json.Unmarshal(classes[name], &ranges); err != nil || len(ranges) == 0 {
				t.Fatal("unicode_classes.json lacks this class; run testdata/make_unicode.py")
			}
			if differences := differ(ranges, is); len(differences) > 0 {
				t.Errorf("%d code points are classed otherwise than by tokenizers, the first %v", len(differences), differences[:min(10, len(differences))])
			}
		})
	}
}

func differ(ranges []rune, is func(rune) bool) (differences []string) {
	next := 0
	for r := rune(0); r <= 0x10FFFF; r++ {
		for next < len(ranges) && r > ranges[next+1] {
			next += 2
		}
		want := next < len(ranges) && r >= ranges[next]
		if is(r) != want {
			differences = append(differences, fmt.Sprintf("%U", r))
		}
	}
	return differences
}

// TestLowercase compares the lower case of every code point.
func TestLowercase(t *testing.T) {
	t.Parallel()
	var classes struct{ Lowered map[rune]string }
	readTestdataJSON(t, "unicode_classes.json", &classes)
	if len(classes.Lowered) == 0 {
		t.Fatal("unicode_classes.json lacks the lower case; run testdata/make_unicode.py")
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		want, ok := classes.Lowered[r]
		if !ok {
			want = string(r)
		}
		if got := normalize(part{text: string(r)}, []rewrite{lowercase}).text; got != want {
			t.Errorf("the lower case of %U is %q, want %q", r, got, want)
		}
	}
}

// TestUnicodeForms compares what each normalization form makes of every code point, alone and between marks of high and low
// combining class.
func TestUnicodeForms(t *testing.T) {
	t.Parallel()
	var forms map[string]struct {
		Changed []rune
		SHA256  string
	}
	readTestdataJSON(t, "unicode_forms.json", &forms)
	for name, form := range normalizeForms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(forms[name].Changed) == 0 {
				t.Fatal("unicode_forms.json lacks this form; run testdata/make_unicode.py")
			}
			become := func(text string) string { return normalize(part{text: text}, form).text }
			digest := sha256.New()
			differences := differ(forms[name].Changed, func(r rune) bool {
				text := ""
				if utf8.ValidRune(r) {
					text = string(r)
				}
				between := "a\u0315" + text + "\u0334"
				alone, ordered := become(text), become(between)
				fmt.Fprintf(digest, "%s|%s", alone, ordered)
				if r < unicode.MaxRune {
					digest.Write([]byte("\n"))
				}
				return alone != text || ordered != between
			})
			if len(differences) > 0 {
				t.Errorf("%d code points are changed otherwise than by tokenizers, the first %v", len(differences), differences[:min(10, len(differences))])
			}
			if got := hex.EncodeToString(digest.Sum(nil)); got != forms[name].SHA256 {
				t.Errorf("the digest of what code points become is %s, want %s", got, forms[name].SHA256)
			}
		})
	}
}
