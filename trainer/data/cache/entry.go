package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/shannon-labs/scu/trainer/data"
)

// Entry is a data set after encoding.
type Entry struct {
	Train, Val Part
	// Details is what the caller wants back besides, in a form of its own.
	Details []byte
}

// Part is one side of a data set's split.
type Part struct {
	Samples []data.Sample
	Report  data.Report
}

// Key names an entry.
type Key [sha256.Size]byte

// NewKey digests a description of what an entry is made of, which is encoded as
// JSON: a struct of plain fields will do. The version of the entries' layout is
// part of every key.
func NewKey(description any) (Key, error) {
	text, err := json.Marshal(description)
	if err != nil {
		return Key{}, fmt.Errorf("key of a cache entry: %w", err)
	}
	return sha256.Sum256(append([]byte(magic), text...)), nil
}

func (k Key) String() string { return hex.EncodeToString(k[:]) }
