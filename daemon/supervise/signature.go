package supervise

import (
	"regexp"
	"strconv"
)

// What differs between two crashes of the same way: where files lie, and numbers, be they of lines, processes or addresses.
var (
	filePaths = regexp.MustCompile(`[\w.~+-]*(/[\w.~+@%=-]+)+/?`)
	numbers   = regexp.MustCompile(`\b(0x)?[0-9a-fA-F]*[0-9][0-9a-fA-F]*\b`) // hexadecimal ones have a digit in them, unlike words
	digits    = regexp.MustCompile(`[0-9]+`)
)

// signature names a way to crash: what kind of end it was, and what the process said of it first, if anything.
func signature(way, headline string) string {
	if headline == "" {
		return way
	}
	headline = filePaths.ReplaceAllLiteralString(headline, "…")
	headline = numbers.ReplaceAllLiteralString(headline, "#")
	return way + ": " + digits.ReplaceAllLiteralString(headline, "#")
}

// exitCode is a way to crash.
func exitCode(code int) string { return "exit code " + strconv.Itoa(code) }
