package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Identity names everything that the rest of a run follows from besides its state: settings, the base model, the data.
// A run may go on only where all of it is as it was. The values are JSON.
type Identity map[string]json.RawMessage

// Set adds one thing. It panics on a value that JSON cannot hold, which is a bug of the caller.
func (i Identity) Set(name string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("checkpoint: %s: %v", name, err))
	}
	i[name] = text
}

// Change is one thing that is not as it was. Old and New are as a person would read them; "unset" is one that is not there.
type Change struct{ Name, Old, New string }

func (c Change) String() string { return fmt.Sprintf("%s was %s and is %s", c.Name, c.Old, c.New) }

// Changes compares a saved identity with that of now, in the order of the names. A setting that one of them does not know
// counts as unchanged where the other has its zero value: it came with a newer program, which behaves as before then.
func (i Identity) Changes(now Identity) []Change {
	names := map[string]bool{}
	for _, identity := range []Identity{i, now} {
		for name := range identity {
			names[name] = true
		}
	}
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if was, is := i.text(name), now.text(name); was != is {
			changes = append(changes, Change{name, was, is})
		}
	}
	return changes
}

const unset = "unset"

func (i Identity) text(name string) string {
	var compact bytes.Buffer
	if json.Compact(&compact, i[name]) != nil {
		return unset
	}
	switch text := compact.String(); text {
	case `0`, `false`, `""`, `null`, `[]`, `{}`:
		return unset
	default:
		return text
	}
}
