package progress

import "strings"

// Bar draws a fraction, 0 to 1, as a bar of so many characters. What is outside of that range fills it or leaves it empty;
// a fraction that is not nothing shows.
func Bar(fraction float64, width int) string {
	filled := 0
	if fraction > 0 {
		filled = max(1, int(min(1, fraction)*float64(width)+0.5))
	}
	return strings.Repeat("━", filled) + strings.Repeat("─", width-filled)
}
