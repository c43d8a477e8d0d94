package data

import (
	"strconv"
	"strings"
)

// RowRef names a row of a data file.
type RowRef struct {
	File   string // as in Row
	Number int    // as in Row
}

// RowNumbers names the rows that a micro-batch's samples come from, in the order
// of its blocks, each once: what to look at when something is wrong with it.
func (f *Feed) RowNumbers(m MicroBatch) []RowRef {
	var refs []RowRef
	seen := map[RowRef]bool{}
	for _, block := range m.blocks {
		for _, index := range f.blocks[block] {
			ref := RowRef{f.Samples[index].File, f.Samples[index].Number}
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// nameRows lists rows by file: "rows 3, 7 of a.jsonl; row 1 of b.jsonl".
func nameRows(refs []RowRef) string {
	var names strings.Builder
	for i := 0; i < len(refs); {
		end := i + 1
		for end < len(refs) && refs[end].File == refs[i].File {
			end++
		}
		numbers := make([]string, end-i)
		for k, ref := range refs[i:end] {
			numbers[k] = strconv.Itoa(ref.Number)
		}
		if i > 0 {
			names.WriteString("; ")
		}
		names.WriteString("row")
		if len(numbers) > 1 {
			names.WriteString("s")
		}
		names.WriteString(" " + strings.Join(numbers, ", "))
		if refs[i].File != "" {
			names.WriteString(" of " + refs[i].File)
		}
		i = end
	}
	return names.String()
}
