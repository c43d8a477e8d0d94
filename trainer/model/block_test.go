package model

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// blockCase is a block of hidden width 8, 2 heads of 4 elements and an intermediate width of 6, with adapters on the fused
// projection and on the last layer.
type blockCase struct{ interleaved, headNorms, postNorms, gated, parallel bool }

// The inputs of blockCase.
const (
	blockX = iota
	attentionGain
	feedForwardGain
	postAttentionGain
	postFeedForwardGain
	queryGain
	keyGain
	blockQKV
	blockOutput
	blockGateUp
	blockDown
	qkvA
	qkvB
	downA
	downB
)

var blockShapes = [][]int{{22, 8}, {8}, {8}, {8}, {8}, {4}, {4}, {24, 8}, {8, 8}, {12, 8}, {8, 6}, {2, 8}, {2, 24}, {2, 6}, {2, 8}}

var blockHeads = plainHeads{rows: twoRows, queryHeads: 2, keyHeads: 2, headDim: 4, scale: 0.3, rotary: architecture.NewRotary(4, 100)}

func (c blockCase) gateUp(in []*Node) *Node {
	if c.gated {
		return in[blockGateUp]
	}
	return part(in[blockGateUp], 0, 0, 6)
}

func (c blockCase) hand(b *builder, in []*Node) *block {
	rms := func(gain int, wanted bool) *norm {
		if !wanted {
			return nil
		}
		return &norm{kind: architecture.RMSNorm, gain: in[gain], epsilon: 0.1}
	}
	layer := func(weight *Node, a, bT *Node) *linear {
		return &linear{builder: b, weight: weight, scale: linearScale, projections: []projection{{out: weight.Shape().Dim(0), a: a, b: bT}}}
	}
	return &block{
		attention: &attention{
			norm: rms(attentionGain, true), postNorm: rms(postAttentionGain, c.postNorms),
			queryNorm: rms(queryGain, c.headNorms), keyNorm: rms(keyGain, c.headNorms),
			queryKeyValue: layer(in[blockQKV], in[qkvA], in[qkvB]), output: layer(in[blockOutput], nil, nil),
			heads: headsOf(b, blockHeads), interleaved: c.interleaved,
		},
		feedForward: &feedForward{
			norm: rms(feedForwardGain, true), postNorm: rms(postFeedForwardGain, c.postNorms),
			gateUp: layer(c.gateUp(in), nil, nil), down: layer(in[blockDown], in[downA], in[downB]),
			activation: architecture.SiLU, gated: c.gated,
		},
		parallel: c.parallel,
	}
}

func (c blockCase) plain(in []*Node) *Node {
	x := in[blockX]
	if c.parallel {
		return Add(Add(x, c.plainAttention(in, x)), c.plainFeedForward(in, x))
	}
	x = Add(x, c.plainAttention(in, x))
	return Add(x, c.plainFeedForward(in, x))
}

func rmsOf(x, gain *Node) *Node { return plainNorm(architecture.RMSNorm, x, gain, nil, 0.1) }

func (c blockCase) plainAttention(in []*Node, x *Node) *Node {
	fused := plainLinear(rmsOf(x, in[attentionGain]), in[blockQKV], nil, in[qkvA], in[qkvB], nil, linearScale)
	// heads[i] are the heads of queries, keys and values, each [N, 4].
	var heads [3][]*Node
	for kind := range 3 {
		for head := range 2 {
			at := 8*kind + 4*head
			if c.interleaved {
				at = 12*head + 4*kind
			}
			one := part(fused, 1, at, at+4)
			if c.headNorms && kind < 2 {
				one = rmsOf(one, in[queryGain+kind])
			}
			heads[kind] = append(heads[kind], one)
		}
	}
	mixed := blockHeads.forward(Concatenate(heads[0], -1), Concatenate(heads[1], -1), Concatenate(heads[2], -1))
	y := plainLinear(mixed, in[blockOutput], nil, nil, nil, nil, 0)
	if c.postNorms {
		y = rmsOf(y, in[postAttentionGain])
	}
	return y
}

func (c blockCase) plainFeedForward(in []*Node, x *Node) *Node {
	inner := plainLinear(rmsOf(x, in[feedForwardGain]), c.gateUp(in), nil, nil, nil, nil, 0)
	active := plainActivation(architecture.SiLU, part(inner, 1, 0, 6))
	if c.gated {
		active = Mul(active, part(inner, 1, 6, 12))
	}
	y := plainLinear(active, in[blockDown], nil, in[downA], in[downB], nil, linearScale)
	if c.postNorms {
		y = rmsOf(y, in[postFeedForwardGain])
	}
	return y
}

func TestBlocksEqualAutodiff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]blockCase{
		"gated": {gated: true}, "four norms": {gated: true, postNorms: true, headNorms: true},
		"parallel, interleaved": {parallel: true, interleaved: true},
	} {
		t.Run(name, func(t *testing.T) {
			(&pieceTest{
				shapes: blockShapes,
				hand: func(b *builder, in []*Node) (*Node, func(*Node) []*Node) {
					block := c.hand(b, in)
					y, saved := block.forward(in[blockX])
					return y, func(g *Node) []*Node {
						x, adapters := block.backward(g, saved, true)
						gradients := make([]*Node, len(in))
						gradients[blockX], gradients[qkvA], gradients[qkvB] = x, adapters[0].a, adapters[0].b
						gradients[downA], gradients[downB] = adapters[1].a, adapters[1].b
						return gradients
					}
				},
				plain: c.plain,
			}).check(t)
		})
	}
}

// The loss of 5 of 7 positions over 9 tokens, by the residual stream; without and with a cap on the logits.
func TestHeadEqualsAutodiff(t *testing.T) {
	t.Parallel()
	index, labels := []int32{0, 2, 3, 5, 6}, []int32{8, 0, 3, 3, 1}
	for name, bound := range map[string]float64{"plain": 0, "capped": 2} {
		t.Run(name, func(t *testing.T) {
			(&pieceTest{
				shapes: [][]int{{7, 6}, {6}, {9, 6}},
				hand: func(b *builder, in []*Node) (*Node, func(*Node) []*Node) {
					h := &head{b, &norm{kind: architecture.RMSNorm, gain: in[1], epsilon: 0.1}, in[2], softCap(bound)}
					normed, saved := h.rows(in[0], Const(b.graph, index))
					nll, gradient := h.crossEntropy(normed, Const(b.graph, labels), true)
					return nll, func(g *Node) []*Node {
						weighted := Mul(gradient, BroadcastToShape(ExpandAxes(g, -1), gradient.Shape()))
						place := Const(b.graph, []int32{0, 5, 1, 2, 5, 3, 4})
						return []*Node{scattered(h.norm.backward(weighted, saved), place)}
					}
				},
				plain: func(in []*Node) *Node {
					logits := Einsum("nh,vh->nv", rmsOf(in[0], in[1]), in[2])
					if bound > 0 {
						logits = MulScalar(Tanh(DivScalar(logits, bound)), bound)
					}
					chosen := Gather(LogSoftmax(logits, -1), ExpandAxes(Const(in[0].Graph(), index), -1))
					return Neg(ReduceSum(Mul(chosen, OneHot(Const(in[0].Graph(), labels), 9, float32Type)), -1))
				},
			}).check(t)
		})
	}
}
