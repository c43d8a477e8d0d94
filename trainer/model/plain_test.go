package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// Plain forward passes, written for reading alone: what the pieces of a graph are compared with, values and gradients.

func plainNorm(kind architecture.NormKind, x, gain, bias *Node, epsilon float64) *Node {
	gain = BroadcastToShape(ExpandLeftToRank(gain, x.Rank()), x.Shape())
	if kind == architecture.RMSNorm {
		return Mul(Div(x, Sqrt(AddScalar(ReduceAndKeep(Mul(x, x), ReduceMean, -1), epsilon))), gain)
	}
	centered := Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	variance := ReduceAndKeep(Mul(centered, centered), ReduceMean, -1)
	scaled := Mul(Div(centered, Sqrt(AddScalar(variance, epsilon))), gain)
	return Add(scaled, BroadcastToShape(ExpandLeftToRank(bias, x.Rank()), x.Shape()))
}

func plainActivation(kind architecture.Activation, x *Node) *Node {
	switch kind {
	case architecture.SiLU:
		return Div(x, OnePlus(Exp(Neg(x))))
	case architecture.GELU:
		return Mul(MulScalar(x, 0.5), OnePlus(Erf(DivScalar(x, math.Sqrt2))))
	default:
		cubic := Add(x, MulScalar(Mul(x, Mul(x, x)), 0.044715))
		return Mul(MulScalar(x, 0.5), OnePlus(Tanh(MulScalar(cubic, math.Sqrt(2/math.Pi)))))
	}
}

// plainRows are the rows of a test's batch: segments and, by them, positions.
type plainRows struct{ segments, positions [][]int32 }

// twoRows are of 11 positions: two samples and some filling, and one sample.
var twoRows = plainRows{
	segments:  [][]int32{{1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
	positions: [][]int32{{0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 0}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
}

func (p *plainRows) maySee(window int) [][][]bool {
	var all [][][]bool
	for _, segments := range p.segments {
		var row [][]bool
		for query := range segments {
			seen := make([]bool, len(segments))
			for key := range segments {
				seen[key] = key <= query && segments[key] == segments[query] && (window == 0 || query-key < window)
			}
			row = append(row, seen)
		}
		all = append(all, row)
	}
	return all
}

// plainHeads is attention head by head with whole masks.
type plainHeads struct {
	rows                          plainRows
	queryHeads, keyHeads, headDim int
	scale, cap                    float64
	window                        int
	rotary                        architecture.Rotary
}

func (p *plainHeads) forward(q, k, v *Node) *Node {
	g := q.Graph()
	rows, length := len(p.rows.segments), len(p.rows.segments[0])
	one := func(x *Node, heads, head int) *Node {
		return Squeeze(part(Reshape(x, rows, length, heads, p.headDim), 2, head, head+1), 2)
	}
	mask := Const(g, p.rows.maySee(p.window))
	var outputs []*Node
	for head := range p.queryHeads {
		keyHead := head / (p.queryHeads / p.keyHeads)
		query, key := p.turn(one(q, p.queryHeads, head)), p.turn(one(k, p.keyHeads, keyHead))
		scores := MulScalar(Einsum("rqd,rkd->rqk", query, key), p.scale)
		if p.cap > 0 {
			scores = MulScalar(Tanh(DivScalar(scores, p.cap)), p.cap)
		}
		scores = Where(mask, scores, MulScalar(OnesLike(scores), -1e9))
		outputs = append(outputs, Einsum("rqk,rkd->rqd", Softmax(scores, -1), one(v, p.keyHeads, keyHead)))
	}
	return Reshape(Concatenate(outputs, -1), rows*length, p.queryHeads*p.headDim)
}

// turn turns x [rows, length, headDim] pair by pair.
func (p *plainHeads) turn(x *Node) *Node {
	half := len(p.rotary.Frequencies)
	element := func(i int) *Node { return part(x, 2, i, i+1) }
	turned := make([]*Node, p.headDim)
	for i := range turned {
		turned[i] = element(i)
	}
	for i, frequency := range p.rotary.Frequencies {
		var cosine, sine [][][]float32
		for _, positions := range p.rows.positions {
			var c, s [][]float32
			for _, position := range positions {
				angle := float64(position) * frequency
				c, s = append(c, []float32{float32(math.Cos(angle))}), append(s, []float32{float32(math.Sin(angle))})
			}
			cosine, sine = append(cosine, c), append(sine, s)
		}
		cos, sin := Const(x.Graph(), cosine), Const(x.Graph(), sine)
		turned[i] = Sub(Mul(element(i), cos), Mul(element(i+half), sin))
		turned[i+half] = Add(Mul(element(i+half), cos), Mul(element(i), sin))
	}
	return Concatenate(turned, -1)
}

// plainLinear is one module by itself. a, b [rank, out] and magnitude may be nil.
func plainLinear(x, weight, bias, a, b, magnitude *Node, scale float64) *Node {
	if a != nil {
		weight = Add(weight, MulScalar(Einsum("ro,ri->oi", b, a), scale))
	}
	y := Einsum("ni,oi->no", x, weight)
	if magnitude != nil {
		norm := StopGradient(Sqrt(ReduceSum(Mul(weight, weight), -1)))
		y = Mul(y, ExpandAxes(Div(magnitude, norm), 0))
	}
	if bias != nil {
		y = Add(y, ExpandAxes(bias, 0))
	}
	return y
}

// random is a tensor of normal numbers.
func random(seed uint64, dimensions ...int) *tensors.Tensor {
	source := rand.New(rand.NewPCG(seed, 1))
	size := 1
	for _, d := range dimensions {
		size *= d
	}
	values := make([]float32, size)
	for i := range values {
		values[i] = float32(source.NormFloat64())
	}
	return tensors.FromFlatDataAndDimensions(values, dimensions...)
}

// piece is a part of the graph with the same part written plainly.
type pieceTest struct {
	// shapes are those of the inputs.
	shapes [][]int
	// hand returns the part's value, and what takes its gradient to those of the inputs: nil for a frozen one.
	hand func(b *builder, in []*Node) (y *Node, backward func(gradient *Node) []*Node)
	// plain returns the value.
	plain func(in []*Node) *Node
}

// check compares values, and the gradients by hand with those of automatic differentiation of the plain value.
func (p *pieceTest) check(t *testing.T) {
	t.Helper()
	var arguments []any
	for i, shape := range p.shapes {
		arguments = append(arguments, random(uint64(i), shape...))
	}
	var compared []int
	exec, err := NewExec(openTestBackend(t), func(in []*Node) []*Node {
		inputs, direction := in[:len(in)-1], in[len(in)-1]
		y, backward := p.hand(&builder{direction.Graph(), float32Type}, inputs)
		want := p.plain(inputs)
		direction = Reshape(part(direction, 0, 0, want.Shape().Size()), want.Shape().Dimensions...)
		outputs := []*Node{y, want}
		byAutodiff := Gradient(ReduceAllSum(Mul(want, direction)), inputs...)
		for i, byHand := range backward(direction) {
			if byHand != nil {
				compared = append(compared, i)
				outputs = append(outputs, byHand, byAutodiff[i])
			}
		}
		return outputs
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	outputs, err := exec.Call(append(arguments, random(99, 4096))...)
	if err != nil {
		t.Fatal(err)
	}
	var values [][]float32
	for _, output := range outputs {
		floats, err := takeFloats(output)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, floats)
	}
	nearAll(t, "value", values[0], values[1], 1e-5)
	for i, input := range compared {
		nearAll(t, "gradient of input "+string('0'+rune(input)), values[2+2*i], values[3+2*i], 1e-4)
	}
	if len(compared) == 0 || slices.Equal(values[2], values[0]) {
		t.Error("nothing was compared")
	}
}
