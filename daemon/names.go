package daemon

import (
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"regexp"
	"strings"
)

// newID makes an id such as job-k3v7…: 80 random bits after a word that tells ids of different things apart.
func newID(kind string) string {
	return kind + "-" + strings.ToLower(rand.Text()[:16])
}

// maxDerivedName leaves room for the ending in the longest name that the protocol allows.
const maxDerivedName = 60

var notInNames = regexp.MustCompile(`[^a-z0-9._-]+`)

// deriveName makes a name for a job whose user gave none: the base model's and four random hexadecimal digits.
func deriveName(baseModel string) string {
	stem := strings.TrimSuffix(strings.ToLower(filepath.Base(baseModel)), ".gguf")
	stem = strings.TrimLeft(notInNames.ReplaceAllString(stem, "-"), "._-")
	if len(stem) > maxDerivedName {
		stem = stem[:maxDerivedName]
	}
	if stem = strings.TrimRight(stem, "._-"); stem == "" {
		stem = "adapter"
	}
	var ending [2]byte
	_, _ = rand.Read(ending[:]) // it never fails
	return stem + "-" + hex.EncodeToString(ending[:])
}
