package model

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/lora"
)

// ingredients are what a network is made of: a description, and the nodes of one graph.
type ingredients struct {
	arch      *architecture.Config
	frozen    frozenNodes
	compute   dtypes.DType
	recompute bool

	layout              *lora.Layout // nil without an adapter
	adapter, rowSquares *Node        // flat, [layout.Size] and [Size−Matrices]; nil without an adapter and without DoRA

	positions, segments *Node // [rows, length], int32
	seed, firstRow      *Node // uint32 scalars, for dropout; nil where it is off
}

// newNetwork builds the model's parts for one batch shape.
func newNetwork(in *ingredients) *network {
	arch := in.arch
	b := &builder{graph: in.positions.Graph(), compute: in.compute}
	n := &network{
		builder: b, embedding: in.frozen[weightOf(arch.Names.Embedding)], embeddingScale: arch.EmbeddingScale,
		layout: in.layout, recompute: in.recompute,
	}
	if arch.LearnedPositions {
		n.positions = in.frozen[weightOf(arch.Names.Positions)]
	}
	n.head = &head{b, in.norm(arch.Names.FinalNorm), n.embedding, softCap(arch.FinalSoftCap)}
	if !arch.TieEmbeddings {
		n.head.weight = in.frozen[weightOf(arch.Names.Head)]
	}
	words := in.noise(b)
	byWindow := map[int]*heads{} // layers that see alike share masks and turns
	for layer := range arch.Layers {
		window := arch.Window(layer)
		if byWindow[window] == nil {
			byWindow[window] = in.heads(b, layer)
		}
		maker := newBlockMaker(b, in, words, layer)
		n.blocks = append(n.blocks, maker.block(byWindow[window]))
	}
	return n
}

// norm is the norm of this full name.
func (in *ingredients) norm(path string) *norm {
	return &norm{
		kind: in.arch.Norm.Kind, epsilon: in.arch.Norm.Epsilon,
		gain: in.frozen[weightOf(path)], bias: in.frozen[biasOf(path)],
	}
}

// noise is nil when dropout is off.
func (in *ingredients) noise(b *builder) *noise {
	if in.layout == nil || in.seed == nil || in.layout.Config.Dropout == 0 {
		return nil
	}
	rows, length := in.positions.Shape().Dim(0), in.positions.Shape().Dim(1)
	widest := 0
	for _, module := range in.arch.Modules() {
		widest = max(widest, module.In)
	}
	return newNoise(b, in.seed, in.firstRow, rows, length, widest)
}

// heads is what attention over the heads of a layer needs beside its projections.
func (in *ingredients) heads(b *builder, layer int) *heads {
	arch := in.arch
	return &heads{
		builder: b, rows: in.positions.Shape().Dim(0), length: in.positions.Shape().Dim(1),
		queryHeads: arch.Heads, keyHeads: arch.KVHeads, headDim: arch.HeadDim,
		scale: arch.AttentionScale, cap: softCap(arch.AttentionSoftCap),
		rotary: newRotary(in.positions, arch.RotaryOf(layer)), spans: newSpans(in.segments, arch.Window(layer), queryBlock),
	}
}

// blockMaker makes one block.
type blockMaker struct {
	*builder
	*ingredients
	words      *noise // nil when dropout is off
	layer      int
	matrices   *flatPart // the block's; nil without an adapter
	magnitudes *flatPart // nil without DoRA
	squares    *flatPart // likewise
}

// newBlockMaker takes the block's part out of the adapter first. The blocks are alike within their parts, so XLA compiles
// what takes a matrix out of a part once, and not for every block anew.
func newBlockMaker(b *builder, in *ingredients, words *noise, layer int) *blockMaker {
	m := &blockMaker{builder: b, ingredients: in, words: words, layer: layer}
	if in.layout == nil {
		return m
	}
	m.matrices = b.flatPart(in.adapter, 0, in.layout.Matrices, layer, in.arch.Layers)
	if in.layout.Config.DoRA {
		m.magnitudes = b.flatPart(in.adapter, in.layout.Matrices, in.layout.Size, layer, in.arch.Layers)
		m.squares = b.flatPart(in.rowSquares, 0, in.layout.Size-in.layout.Matrices, layer, in.arch.Layers)
	}
	return m
}

// flatPart is one block's part of a flat vector.
type flatPart struct {
	values *Node
	from   int // where the part begins in the whole
}

// flatPart takes a block's equal share of [from, to).
func (b *builder) flatPart(flat *Node, from, to, layer, layers int) *flatPart {
	size := (to - from) / layers
	from += layer * size
	return &flatPart{b.apart(part(flat, 0, from, from+size)), from}
}

// take returns the tensor that begins at offset of the whole.
func (p *flatPart) take(offset int, dimensions ...int) *Node {
	size := 1
	for _, d := range dimensions {
		size *= d
	}
	return Reshape(part(p.values, 0, offset-p.from, offset-p.from+size), dimensions...)
}

func (m *blockMaker) block(shared *heads) *block {
	b := &m.arch.Block
	// The layers are made in the order of the forward pass, in which dropout draws its keys.
	queryKeyValue, output := m.linear(b.QueryKeyValue...), m.linear(b.Output)
	gateUp, down := m.linear(b.GateUp...), m.linear(b.Down)
	gateUp.rounded = true // the widest of what a block keeps
	return &block{
		attention: &attention{
			norm: m.optionalNorm(b.AttentionNorm), postNorm: m.optionalNorm(b.PostAttentionNorm),
			queryNorm: m.optionalNorm(b.QueryNorm), keyNorm: m.optionalNorm(b.KeyNorm),
			queryKeyValue: queryKeyValue, output: output, heads: shared, interleaved: b.InterleavedHeads,
		},
		feedForward: &feedForward{
			norm: m.optionalNorm(b.FeedForwardNorm), postNorm: m.optionalNorm(b.PostFeedForwardNorm),
			gateUp: gateUp, down: down, activation: m.arch.Activation, gated: b.Gated,
		},
		parallel: b.Parallel,
	}
}

// optionalNorm is the norm of this name inside the block, or nil for "".
func (m *blockMaker) optionalNorm(name string) *norm {
	if name == "" {
		return nil
	}
	return m.norm(m.arch.Path(m.layer, name))
}

// linear fuses modules that read the same input.
func (m *blockMaker) linear(modules ...architecture.Linear) *linear {
	frozen := frozenLinear(m.arch, m.layer, modules)
	l := &linear{builder: m.builder, weight: m.frozen[frozen[0].key()]}
	if len(frozen) > 1 {
		l.bias = m.frozen[frozen[1].key()]
	}
	for _, module := range modules {
		l.projections = append(l.projections, m.projection(module))
	}
	if l.adapted() {
		l.scale = m.layout.Config.Scale()
		if m.words != nil {
			l.dropout = m.words.draw(m.layout.Config.Dropout)
		}
	}
	return l
}

func (m *blockMaker) projection(module architecture.Linear) projection {
	p := projection{out: module.Out}
	if m.layout == nil {
		return p
	}
	slot, found := m.layout.Find(m.layer, module.Name)
	if !found {
		return p
	}
	rank := m.layout.Config.Rank
	p.a, p.b = m.matrices.take(slot.A, rank, slot.In), m.matrices.take(slot.B, rank, slot.Out)
	if m.layout.Config.DoRA {
		p.magnitude = m.magnitudes.take(slot.Magnitude, slot.Out)
		p.rowSquares = m.squares.take(slot.Magnitude-m.layout.Matrices, slot.Out)
	}
	return p
}
