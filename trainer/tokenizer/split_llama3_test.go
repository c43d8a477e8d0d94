package tokenizer

import "testing"

// TestContractionAnyCase holds what tokenizers makes of (?i:'s|'t|'re|'ve|'m|'ll|'d). Asked about every letter, it takes
// one outside ASCII, the long s.
func TestContractionAnyCase(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"'sz": 2, "'Tz": 2, "'m": 2, "'Dz": 2, "'rez": 3, "'RE": 3, "'vE": 3, "'Ve": 3, "'lL": 3, "'Llz": 3, "'ſz": 3,
		"'": 0, "'r": 0, "'v": 0, "'lx": 0, "'ra": 0, "'a": 0, "'\x13": 0, "’s": 0, "s": 0, "''s": 0,
	} {
		if got := contractionAnyCase(text); got != want {
			t.Errorf("contractionAnyCase(%q) = %d, want %d", text, got, want)
		}
	}
}
