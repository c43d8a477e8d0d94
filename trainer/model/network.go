package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/weights"
)

// baseNodes are the frozen weights as a graph takes them: the embedding, then per block in the order of blockWeights,
// then the final norm and, unless it is tied, the head.
type baseNodes struct {
	embedding *Node
	blocks    []blockWeights
	norm      *Node
	head      *Node
}

// blockWeights are one block's: norms are float32, the others have the compute type.
type blockWeights struct {
	attentionNorm, queryKeyValue, output, feedForwardNorm, gateUp, down *Node
}

// arrange gives names to a flat list of nodes in the order in which Base keeps its tensors.
func arrange(arch weights.Config, nodes []*Node) baseNodes {
	next := func() *Node { node := nodes[0]; nodes = nodes[1:]; return node }
	base := baseNodes{embedding: next()}
	for range arch.Layers {
		base.blocks = append(base.blocks, blockWeights{next(), next(), next(), next(), next(), next()})
	}
	base.norm = next()
	base.head = base.embedding
	if !arch.TieEmbeddings {
		base.head = next()
	}
	return base
}

// network is a whole model inside one graph.
type network struct {
	*builder
	embedding *Node
	blocks    []*block
	head      *head
	layout    *lora.Layout // nil without an adapter
}

// newNetwork builds the model's parts for one batch shape. adapter is the flat vector [layout.Size]; seed (a uint32
// scalar) is nil when dropout is off.
func newNetwork(arch weights.Config, base baseNodes, compute dtypes.DType, positions, segments *Node, layout *lora.Layout, adapter, seed *Node) *network {
	b := &builder{graph: positions.Graph(), compute: compute}
	rows, length := positions.Shape().Dim(0), positions.Shape().Dim(1)
	heads := attention{
		builder: b, rows: rows, length: length, heads: arch.Heads, keyHeads: arch.KVHeads, headDim: arch.HeadDim,
		rotary: newRotary(positions, arch.HeadDim, arch.RopeTheta), masks: segmentMasks(segments),
	}
	var words *noise
	if layout != nil && seed != nil && layout.Config.Dropout > 0 {
		words = newNoise(b, seed, rows*length, max(arch.Hidden, arch.Heads*arch.HeadDim, arch.Intermediate))
	}
	n := &network{builder: b, embedding: base.embedding, layout: layout}
	n.head = &head{b, &rmsNorm{base.norm, arch.NormEpsilon}, base.head}
	for layer, w := range base.blocks {
		maker := newLinearMaker(b, arch, layout, adapter, words, layer)
		n.blocks = append(n.blocks, &block{
			attentionNorm:   &rmsNorm{w.attentionNorm, arch.NormEpsilon},
			queryKeyValue:   maker.linear(w.queryKeyValue, "q_proj", "k_proj", "v_proj"),
			output:          maker.linear(w.output, "o_proj"),
			attention:       &heads,
			feedForwardNorm: &rmsNorm{w.feedForwardNorm, arch.NormEpsilon},
			gateUp:          maker.linear(w.gateUp, "gate_proj", "up_proj"),
			down:            maker.linear(w.down, "down_proj"),
		})
	}
	return n
}

// linearMaker makes the fused linear layers of one block.
type linearMaker struct {
	*builder
	arch    weights.Config
	layout  *lora.Layout
	noise   *noise // nil when dropout is off
	layer   int
	adapter *Node // the block's part of the flat vector; nil without an adapter
	from    int   // where that part begins
}

// newLinearMaker takes the block's part out of the adapter first. The layers are alike within their parts, so XLA compiles
// what takes a matrix out of a part once, and not for every layer anew.
func newLinearMaker(b *builder, arch weights.Config, layout *lora.Layout, adapter *Node, noise *noise, layer int) *linearMaker {
	m := &linearMaker{builder: b, arch: arch, layout: layout, noise: noise, layer: layer}
	if layout != nil {
		size := layout.Size / arch.Layers
		m.from = layer * size
		m.adapter = b.apart(part(adapter, 0, m.from, m.from+size))
	}
	return m
}

func (m *linearMaker) linear(weight *Node, modules ...string) *linear {
	l := &linear{builder: m.builder, weight: weight}
	for _, module := range modules {
		l.projections = append(l.projections, m.projection(module))
	}
	if m.layout != nil {
		l.scale = m.layout.Config.Scale()
	}
	if m.noise != nil && len(l.adapted()) > 0 {
		l.dropout = m.noise.draw(m.layout.Config.Dropout)
	}
	return l
}

func (m *linearMaker) projection(module string) projection {
	_, out := lora.Dimensions(m.arch, module)
	p := projection{out: out}
	if m.layout == nil {
		return p
	}
	if slot, found := m.layout.Find(m.layer, module); found {
		rank := m.layout.Config.Rank
		matrix := func(offset, rows, columns int) *Node {
			return Reshape(part(m.adapter, 0, offset-m.from, offset-m.from+rows*columns), rows, columns)
		}
		p.a, p.b = matrix(slot.A, rank, slot.In), matrix(slot.B, rank, slot.Out)
	}
	return p
}

// forward runs the blocks on tokens [rows, length] (int32) and returns the residual stream [N, hidden] in float32.
func (n *network) forward(tokens *Node) (*Node, []*blockSaved) {
	x := ConvertDType(Gather(n.embedding, Reshape(tokens, tokens.Shape().Size(), 1)), float32Type)
	saved := make([]*blockSaved, len(n.blocks))
	for i, block := range n.blocks {
		x, saved[i] = block.forward(x)
	}
	return x, saved
}

// backward takes the gradient of the residual stream to that of the adapter, flat as the adapter is.
func (n *network) backward(gradient *Node, saved []*blockSaved) *Node {
	byBlock := make([][]adapterGradient, len(n.blocks))
	for i := len(n.blocks) - 1; i >= 0; i-- {
		gradient, byBlock[i] = n.blocks[i].backward(gradient, saved[i], i > 0)
	}
	var all []*Node
	for _, gradients := range byBlock {
		var flat []*Node
		for _, g := range gradients {
			flat = append(flat, Reshape(g.a, g.a.Shape().Size()), Reshape(g.b, g.b.Shape().Size()))
		}
		// The barriers keep XLA from fusing what makes the pieces into one long loop over all of them.
		all = append(all, n.apart(Concatenate(OptimizationBarriers(flat...), 0)))
	}
	return Concatenate(all, 0)
}

// scattered puts rows [M, hidden] at their positions in an otherwise zero [N, hidden]. place [N] (int32) is for each
// position its row, or M for none: a gather, since XLA's CPU scatter goes one row at a time.
func scattered(rows, place *Node) *Node {
	zero := Zeros(rows.Graph(), shapes.Make(float32Type, 1, rows.Shape().Dim(1)))
	return Gather(Concatenate([]*Node{rows, zero}, 0), ExpandAxes(place, -1))
}
