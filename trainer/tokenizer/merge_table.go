package tokenizer

import "math/bits"

// mergeTable maps pairs of token ids to their merges. It is a hash table with open addressing, filled once: looking a
// pair up is the innermost step of encoding, and most look-ups find nothing.
type mergeTable struct {
	slots []mergeSlot // a power of two, at most half full
	shift uint
}

type mergeSlot struct {
	pair  pair
	merge merge
}

var emptySlot = mergeSlot{pair: pair{absent, absent}, merge: merge{rank: noMerge, id: absent}}

func newMergeTable(merges map[pair]merge) mergeTable {
	size := uint(bits.Len(uint(2 * len(merges)))) // log2
	table := mergeTable{slots: make([]mergeSlot, 1<<size), shift: 64 - size}
	for i := range table.slots {
		table.slots[i] = emptySlot
	}
	for key, value := range merges {
		*table.slot(key) = mergeSlot{pair: key, merge: value}
	}
	return table
}

// get gives the merge of a pair; its rank is noMerge if there is none.
func (t *mergeTable) get(left, right int32) merge {
	return t.slot(pair{left, right}).merge
}

// slot gives the slot that holds key, or the empty one where the search for it ends.
func (t *mergeTable) slot(key pair) *mergeSlot {
	mixed := (uint64(uint32(key.left))<<32 | uint64(uint32(key.right))) * 0x9E3779B97F4A7C15 // 2⁶⁴ / golden ratio
	for i := mixed >> t.shift; ; i++ {
		slot := &t.slots[i&uint64(len(t.slots)-1)]
		if slot.pair == key || slot.pair == emptySlot.pair {
			return slot
		}
	}
}
