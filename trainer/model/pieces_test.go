package model

import (
	"fmt"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/architecture"
)

func TestNormsEqualAutodiff(t *testing.T) {
	t.Parallel()
	for _, kind := range []architecture.NormKind{architecture.RMSNorm, architecture.LayerNorm} {
		for _, shape := range [][]int{{5, 12}, {5, 3, 4}} {
			t.Run(fmt.Sprint(kind, shape), func(t *testing.T) {
				width := shape[len(shape)-1]
				(&pieceTest{
					shapes: [][]int{shape, {width}, {width}},
					hand: func(b *builder, in []*Node) (*Node, func(*Node) []*Node) {
						n := &norm{kind: kind, gain: in[1], epsilon: 0.1}
						if kind == architecture.LayerNorm {
							n.bias = in[2]
						}
						y, saved := n.forward(in[0])
						return y, func(g *Node) []*Node { return []*Node{n.backward(g, saved)} }
					},
					plain: func(in []*Node) *Node { return plainNorm(kind, in[0], in[1], in[2], 0.1) },
				}).check(t)
			})
		}
	}
}

func TestActivationsEqualAutodiff(t *testing.T) {
	t.Parallel()
	for _, kind := range []architecture.Activation{architecture.SiLU, architecture.GELU, architecture.GELUTanh} {
		t.Run(string(kind), func(t *testing.T) {
			(&pieceTest{
				shapes: [][]int{{300}},
				hand: func(b *builder, in []*Node) (*Node, func(*Node) []*Node) {
					return activated(kind, in[0]), func(g *Node) []*Node { return []*Node{Mul(g, activationSlope(kind, in[0]))} }
				},
				plain: func(in []*Node) *Node { return plainActivation(kind, in[0]) },
			}).check(t)
		})
	}
}

// headsCases are of 4 query heads on 2 key heads of 6 elements, in blocks of 4 queries.
var headsCases = map[string]plainHeads{
	"plain":          {},
	"turned in part": {rotary: architecture.NewRotary(4, 100)},
	"window":         {window: 3, rotary: architecture.NewRotary(6, 100)},
	"cap and window": {cap: 1.5, window: 6},
}

func headsOf(b *builder, p plainHeads) *heads {
	segments, positions := Const(b.graph, p.rows.segments), Const(b.graph, p.rows.positions)
	return &heads{
		builder: b, rows: len(p.rows.segments), length: len(p.rows.segments[0]),
		queryHeads: p.queryHeads, keyHeads: p.keyHeads, headDim: p.headDim, scale: p.scale, cap: softCap(p.cap),
		rotary: newRotary(positions, p.rotary), spans: newSpans(segments, p.window, 4),
	}
}

func TestAttentionOverHeadsEqualsAutodiff(t *testing.T) {
	t.Parallel()
	for name, p := range headsCases {
		p.rows, p.queryHeads, p.keyHeads, p.headDim, p.scale = twoRows, 4, 2, 6, 0.7
		t.Run(name, func(t *testing.T) {
			(&pieceTest{
				shapes: [][]int{{22, 24}, {22, 12}, {22, 12}},
				hand: func(b *builder, in []*Node) (*Node, func(*Node) []*Node) {
					h := headsOf(b, p)
					y, saved := h.forward(in[0], in[1], in[2])
					return y, func(g *Node) []*Node {
						q, k, v := h.backward(g, saved)
						return []*Node{q, k, v}
					}
				},
				plain: func(in []*Node) *Node { return p.forward(in[0], in[1], in[2]) },
			}).check(t)
		})
	}
}

// With a window, a block does not meet the keys that none of its queries sees.
func TestKeysBeforeTheWindowAreLeftOut(t *testing.T) {
	t.Parallel()
	_, err := CallOnce(openTestBackend(t), func(segments *Node) *Node {
		for window, want := range map[int][]int{0: {0, 0, 0}, 1: {0, 4, 8}, 2: {0, 0, 4}, 5: {0, 0, 4}, 6: {0, 0, 0}} {
			for i, span := range newSpans(segments, window, 4) {
				if span.start != want[i] {
					t.Errorf("window %d: block %d begins at key %d, want %d", window, i, span.start, want[i])
				}
			}
		}
		return segments
	}, twoRows.segments)
	if err != nil {
		t.Fatal(err)
	}
}

// linearCase is a layer of three modules on 5 inputs, of 4, 3 and 3 outputs; the second has no adapter.
type linearCase struct{ bias, dora, dropout bool }

// The inputs of linearCase: x, W, bias, A and B of the first module and of the third, and their magnitudes.
var linearShapes = [][]int{{7, 5}, {10, 5}, {10}, {2, 5}, {2, 4}, {2, 5}, {2, 3}, {4}, {3}}

const linearScale = 0.5

func (c linearCase) hand(b *builder, in []*Node) *linear {
	first := projection{out: 4, a: in[3], b: in[4]}
	third := projection{out: 3, a: in[5], b: in[6]}
	if c.dora {
		squares := ReduceSum(Square(in[1]), -1)
		first.magnitude, first.rowSquares = in[7], part(squares, 0, 0, 4)
		third.magnitude, third.rowSquares = in[8], part(squares, 0, 7, 10)
	}
	l := &linear{builder: b, weight: in[1], projections: []projection{first, {out: 3}, third}, scale: linearScale}
	if c.bias {
		l.bias = in[2]
	}
	if c.dropout {
		seed := Const(b.graph, uint32(3))
		l.dropout = newNoise(b, seed, Const(b.graph, uint32(0)), 1, 7, 5).draw(0.4)
	}
	return l
}

func (c linearCase) plain(in []*Node) *Node {
	whole := func(x *Node) *Node {
		return Concatenate([]*Node{
			c.module(in, x, 0, 4, in[3], in[4], in[7]), c.module(in, x, 4, 7, nil, nil, nil), c.module(in, x, 7, 10, in[5], in[6], in[8]),
		}, -1)
	}
	if !c.dropout {
		return whole(in[0])
	}
	// What the adapter changes, on the dropped input, is added to what the frozen layer gives on the whole one.
	frozen := func(x *Node) *Node { return Einsum("ni,oi->no", x, in[1]) }
	dropped := Mul(in[0], c.hand(&builder{in[0].Graph(), float32Type}, in).dropout.mask(5))
	return Add(frozen(in[0]), Sub(whole(dropped), frozen(dropped)))
}

func (c linearCase) module(in []*Node, x *Node, from, to int, a, b, magnitude *Node) *Node {
	var bias *Node
	if c.bias {
		bias = part(in[2], 0, from, to)
	}
	if !c.dora {
		magnitude = nil
	}
	return plainLinear(x, part(in[1], 0, from, to), bias, a, b, magnitude, linearScale)
}

func TestLinearLayersEqualAutodiff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]linearCase{
		"LoRA, bias": {bias: true}, "LoRA, dropout, bias": {dropout: true, bias: true},
		"DoRA, bias": {dora: true, bias: true}, "DoRA, dropout, bias": {dora: true, dropout: true, bias: true},
	} {
		t.Run(name, func(t *testing.T) {
			(&pieceTest{
				shapes: linearShapes,
				hand: func(b *builder, in []*Node) (*Node, func(*Node) []*Node) {
					l := c.hand(b, in)
					y, saved := l.forward(in[0])
					return y, func(g *Node) []*Node {
						x, adapters := l.backward(g, saved, true)
						gradients := []*Node{x, nil, nil, adapters[0].a, adapters[0].b, adapters[1].a, adapters[1].b}
						return append(gradients, adapters[0].magnitude, adapters[1].magnitude)
					}
				},
				plain: c.plain,
			}).check(t)
		})
	}
}
