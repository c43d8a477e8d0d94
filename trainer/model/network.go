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
	n := &network{builder: b, embedding: base.embedding, layout: layout}
	n.head = &head{b, &rmsNorm{base.norm, arch.NormEpsilon}, base.head}
	for layer, w := range base.blocks {
		maker := &linearMaker{b, arch, layout, adapter, seed, layer, uint32(layer) * 4}
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
	adapter *Node
	seed    *Node
	layer   int
	salt    uint32 // of the next layer's dropout
}

func (m *linearMaker) linear(weight *Node, modules ...string) *linear {
	l := &linear{builder: m.builder, weight: weight}
	for _, module := range modules {
		l.projections = append(l.projections, m.projection(module))
	}
	if m.layout != nil {
		l.scale = m.layout.Config.Scale()
		if rate := m.layout.Config.Dropout; m.seed != nil && rate > 0 {
			l.dropout = &dropout{m.builder, rate, m.seed, m.salt}
		}
	}
	m.salt++
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
		p.a = Reshape(part(m.adapter, 0, slot.A, slot.B), rank, slot.In)
		p.b = Reshape(part(m.adapter, 0, slot.B, slot.B+slot.Out*rank), rank, slot.Out)
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
	var flat []*Node
	for _, gradients := range byBlock {
		for _, g := range gradients {
			flat = append(flat, Reshape(g.a, g.a.Shape().Size()), Reshape(g.b, g.b.Shape().Size()))
		}
	}
	// The barrier keeps XLA from fusing what makes the pieces into one long loop over all of them.
	return Concatenate(OptimizationBarriers(flat...), 0)
}

// scattered puts rows [M, hidden] at their positions in an otherwise zero [N, hidden]. place [N] (int32) is for each
// position its row, or M for none: a gather, since XLA's CPU scatter goes one row at a time.
func scattered(rows, place *Node) *Node {
	zero := Zeros(rows.Graph(), shapes.Make(float32Type, 1, rows.Shape().Dim(1)))
	return Gather(Concatenate([]*Node{rows, zero}, 0), ExpandAxes(place, -1))
}
