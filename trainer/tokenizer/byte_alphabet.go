package tokenizer

// alphabetSize is one more than the largest rune that stands for a byte.
const alphabetSize = 256 + 68

// A byte-level vocabulary is stored as text, so each of the 256 bytes is written as one printable rune. Bytes that are
// printable in Latin-1 stand for themselves; the other 68 take the runes from U+0100 on, in byte order. This is the
// table of GPT-2's encoder ("bytes_to_unicode").
var (
	byteToRune = newByteToRune()
	runeToByte = newRuneToByte()
)

func newByteToRune() (table [256]rune) {
	next := rune(256)
	for b := range table {
		if printableLatin1(b) {
			table[b] = rune(b)
			continue
		}
		table[b] = next
		next++
	}
	return table
}

func printableLatin1(b int) bool {
	return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE
}

// newRuneToByte inverts byteToRune; -1 marks runes below alphabetSize that stand for no byte.
func newRuneToByte() (table [alphabetSize]int16) {
	for r := range table {
		table[r] = -1
	}
	for b, r := range byteToRune {
		table[r] = int16(b)
	}
	return table
}

// tokenBytes gives the bytes that a token of the vocabulary stands for. A token that holds a rune outside the
// alphabet (an added token with a space, say) stands for its own text, as it does in Hugging Face's ByteLevel decoder.
func tokenBytes(token string) string {
	raw := make([]byte, 0, len(token))
	for _, r := range token {
		if r >= alphabetSize || runeToByte[r] < 0 {
			return token
		}
		raw = append(raw, byte(runeToByte[r]))
	}
	return string(raw)
}

// inAlphabet says whether every rune of token stands for a byte.
func inAlphabet(token string) bool {
	for _, r := range token {
		if r >= alphabetSize || runeToByte[r] < 0 {
			return false
		}
	}
	return true
}
