package model

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/lora"
)

// network is a whole model inside one graph.
type network struct {
	*builder
	embedding, positions *Node // tables; positions is nil where none are learned
	embeddingScale       float64
	blocks               []*block
	head                 *head
	layout               *lora.Layout // nil without an adapter
	recompute            bool         // see kept
}

// kept is what the forward pass keeps of a block for the backward pass: either all that it saved, or with recompute
// ("gradient checkpointing"; Chen and others, "Training Deep Nets with Sublinear Memory Cost", 2016) its input alone, from
// which the block is run again. That makes one forward pass more, and needs the memory of one block rather than of all.
type kept struct {
	input *Node
	saved *blockSaved
}

// embed returns the residual stream that the blocks begin with, [N, hidden] in float32, for tokens and positions
// [rows, length] (int32).
func (n *network) embed(tokens, positions *Node) *Node {
	row := func(table, index *Node) *Node {
		return widen(Gather(table, Reshape(index, index.Shape().Size(), 1)))
	}
	x := row(n.embedding, tokens)
	if n.embeddingScale != 1 {
		x = MulScalar(x, n.embeddingScale)
	}
	if n.positions != nil {
		x = Add(x, row(n.positions, positions))
	}
	return x
}

// forward runs the blocks and returns the residual stream after them, [N, hidden] in float32.
func (n *network) forward(tokens, positions *Node) (*Node, []kept) {
	x := n.embed(tokens, positions)
	trail := make([]kept, len(n.blocks))
	for i, block := range n.blocks {
		input := x
		x, trail[i].saved = block.forward(input)
		if n.recompute {
			trail[i] = kept{input: input}
		}
	}
	return x, trail
}

// backward takes the gradient of the residual stream to that of the adapter, flat as lora.Layout has it: all matrices,
// then all magnitudes.
func (n *network) backward(gradient *Node, trail []kept) *Node {
	matrices := make([]*Node, len(n.blocks))
	var magnitudes []*Node // in the order of matrices; none without DoRA
	for i := len(n.blocks) - 1; i >= 0; i-- {
		saved := trail[i].saved
		if n.recompute {
			// Tied to the gradient, the second pass cannot be taken for the first one, nor be run before it is needed.
			tied := OptimizationBarriers(trail[i].input, gradient)
			_, saved = n.blocks[i].forward(tied[0])
			gradient = tied[1]
		}
		var adapters []adapterGradient
		gradient, adapters = n.blocks[i].backward(gradient, saved, i > 0)
		ofBlock := n.flat(adapters)
		matrices[i] = ofBlock[0]
		magnitudes = append(ofBlock[1:], magnitudes...)
	}
	return joined(append(matrices, magnitudes...), 0)
}

// flat lays the gradients of one block out: the matrices in one vector and, with DoRA, the magnitudes in another.
func (n *network) flat(gradients []adapterGradient) []*Node {
	var matrices, magnitudes []*Node
	for _, g := range gradients {
		matrices = append(matrices, Reshape(g.a, g.a.Shape().Size()), Reshape(g.b, g.b.Shape().Size()))
		if g.magnitude != nil {
			magnitudes = append(magnitudes, g.magnitude)
		}
	}
	pieces := []*Node{n.inOnePiece(matrices)}
	if len(magnitudes) > 0 {
		pieces = append(pieces, n.inOnePiece(magnitudes))
	}
	return pieces
}

// inOnePiece joins vectors. The barriers keep XLA from fusing what makes the pieces into one long loop over all of them.
func (n *network) inOnePiece(vectors []*Node) *Node {
	return n.apart(joined(OptimizationBarriers(vectors...), 0))
}

// scattered puts rows [M, hidden] at their positions in an otherwise zero [N, hidden]. place [N] (int32) is for each
// position its row, or M for none: a gather, since XLA's CPU scatter goes one row at a time.
func scattered(rows, place *Node) *Node {
	zero := Zeros(rows.Graph(), shapes.Make(float32Type, 1, rows.Shape().Dim(1)))
	return Gather(Concatenate([]*Node{rows, zero}, 0), ExpandAxes(place, -1))
}
