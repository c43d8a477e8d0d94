package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder turns tokens into text: each step makes other texts of the list of texts. What the last one gives is joined. Without a
// step, the tokens are joined by spaces, as Hugging Face's does.
type decoder []decoderStep

type decoderStep interface {
	decode(texts []string) []string
}

// isByteLevel says whether the decoder is a single ByteLevel step, for which there is a shorter way.
func (d decoder) isByteLevel() bool {
	return len(d) == 1 && d[0] == byteLevelDecoder{}
}

func (d decoder) text(texts []string) string {
	if len(d) == 0 {
		return strings.Join(texts, " ")
	}
	for _, step := range d {
		texts = step.decode(texts)
	}
	return strings.Join(texts, "")
}

// byteLevelDecoder turns the byte alphabet into the bytes that it stands for, and all tokens into one text.
type byteLevelDecoder struct{}

func (byteLevelDecoder) decode(texts []string) []string {
	var raw strings.Builder
	for _, text := range texts {
		raw.WriteString(tokenBytes(text))
	}
	return []string{validUTF8(raw.String())}
}

// replaceDecoder replaces a text within each token.
type replaceDecoder struct{ old, with string }

func (d replaceDecoder) decode(texts []string) []string {
	for i := range texts {
		texts[i] = strings.ReplaceAll(texts[i], d.old, d.with)
	}
	return texts
}

// byteFallbackDecoder turns each run of byte tokens (<0xE2>) into the text that the bytes are. If they are no valid
// UTF-8, each byte becomes U+FFFD.
type byteFallbackDecoder struct{}

func (byteFallbackDecoder) decode(texts []string) []string {
	decoded := make([]string, 0, len(texts))
	var run []byte
	endRun := func() {
		if utf8.Valid(run) {
			decoded = append(decoded, string(run))
		} else {
			for range run {
				decoded = append(decoded, "\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, text := range texts {
		if b, ok := byteOf(text); ok {
			run = append(run, b)
			continue
		}
		if len(run) > 0 {
			endRun()
		}
		decoded = append(decoded, text)
	}
	if len(run) > 0 {
		endRun()
	}
	return decoded
}

// byteOf gives the byte that a token spells as <0xE2>. Rust's number parser, whose judgement counts, takes a plus sign too.
func byteOf(token string) (byte, bool) {
	if len(token) != len("<0xE2>") || !strings.HasPrefix(token, "<0x") || !strings.HasSuffix(token, ">") {
		return 0, false
	}
	b, err := strconv.ParseUint(strings.TrimPrefix(token[3:5], "+"), 16, 8)
	return byte(b), err == nil
}

// fuseDecoder joins all tokens into one text.
type fuseDecoder struct{}

func (fuseDecoder) decode(texts []string) []string {
	return []string{strings.Join(texts, "")}
}

// stripDecoder removes a rune from the ends of each text: at most start times from its start, stop times from its end.
type stripDecoder struct {
	content     string // one rune
	start, stop int
}

func (d stripDecoder) decode(texts []string) []string {
	for i, text := range texts {
		for n := 0; n < d.start && strings.HasPrefix(text, d.content); n++ {
			text = text[len(d.content):]
		}
		for n := 0; n < d.stop && strings.HasSuffix(text, d.content); n++ {
			text = text[:len(text)-len(d.content)]
		}
		texts[i] = text
	}
	return texts
}

// metaspaceDecoder turns Metaspace's replacement back into spaces. Those of the first token are removed if one was put in front.
type metaspaceDecoder struct{ metaspace }

func (d metaspaceDecoder) decode(texts []string) []string {
	for i := range texts {
		with := " "
		if i == 0 && d.scheme != prependNever {
			with = ""
		}
		texts[i] = strings.ReplaceAll(texts[i], d.replacement, with)
	}
	return texts
}
