package data

import (
	"cmp"
	"fmt"
	"slices"
)

// Pack puts samples into blocks of at most blockSize tokens, by best fit in
// order of decreasing length: each sample goes into the fullest block that still
// has room for it. It returns the indices of the samples of each block. The
// result depends on the lengths only, and takes O(n log n) time.
//
// A sample longer than blockSize is a bug of the caller (an Encoder cuts to the
// block size) and panics.
func Pack(samples []Sample, blockSize int) [][]int {
	order := make([]int, len(samples))
	for i, sample := range samples {
		if len(sample.Tokens) > blockSize {
			panic(fmt.Sprintf("data: sample %d has %d tokens, more than the block size %d", i, len(sample.Tokens), blockSize))
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(len(samples[b].Tokens), len(samples[a].Tokens))
	})
	var blocks [][]int
	open := newRoomIndex(blockSize)
	for _, i := range order {
		need := len(samples[i].Tokens)
		room, block, found := open.take(need)
		if !found {
			room, block = blockSize, len(blocks)
			blocks = append(blocks, nil)
		}
		blocks[block] = append(blocks[block], i)
		open.put(room-need, block)
	}
	return blocks
}

// roomIndex finds the block with the least room that is enough. It is a binary
// tree over the amounts of room 0…blockSize, in an array: the leaves are stacks
// of blocks, and each node above counts the blocks below it.
type roomIndex struct {
	leaves int     // a power of two
	count  []int   // count[1] is the root; count[leaves+r] is the leaf for room r
	blocks [][]int // blocks[r] have room r
}

func newRoomIndex(blockSize int) *roomIndex {
	leaves := 1
	for leaves < blockSize+1 {
		leaves *= 2
	}
	return &roomIndex{leaves: leaves, count: make([]int, 2*leaves), blocks: make([][]int, blockSize+1)}
}

func (x *roomIndex) add(room, change int) {
	for node := x.leaves + room; node > 0; node /= 2 {
		x.count[node] += change
	}
}

func (x *roomIndex) put(room, block int) {
	x.blocks[room] = append(x.blocks[room], block)
	x.add(room, 1)
}

// take removes and returns the block with the least room that is at least need.
func (x *roomIndex) take(need int) (room, block int, found bool) {
	node := x.leaves + need
	for x.count[node] == 0 {
		// Go up until a right sibling holds something.
		for node%2 == 1 || x.count[node+1] == 0 {
			node /= 2
			if node <= 1 {
				return 0, 0, false
			}
		}
		node++
		for node < x.leaves {
			node *= 2
			if x.count[node] == 0 {
				node++
			}
		}
	}
	room = node - x.leaves
	stack := x.blocks[room]
	block = stack[len(stack)-1]
	x.blocks[room] = stack[:len(stack)-1]
	x.add(room, -1)
	return room, block, true
}
