package model

import (
	"errors"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/lora"
)

// squaresOfRows is Σ W² of every row of every adapted layer, in the order of the layout's magnitudes. It never changes, so
// it is made once, from the weights as they are on the device; a step would otherwise read all of them for it.
func squaresOfRows(base *Base, layout *lora.Layout) (*tensors.Tensor, error) {
	arguments := make([]any, len(base.tensors))
	for i, tensor := range base.tensors {
		arguments[i] = tensor
	}
	return CallOnce(base.backend, func(nodes []*Node) *Node {
		frozen := newFrozenNodes(&base.Arch, nodes)
		var squares []*Node
		for layer := range base.Arch.Layers {
			for _, modules := range fusedModules(&base.Arch) {
				weights := frozenLinear(&base.Arch, layer, modules)
				weight := frozen[weights[0].key()]
				from := 0
				for _, module := range modules {
					if _, adapted := layout.Find(layer, module.Name); adapted {
						rows := widen(part(weight, 0, from, from+module.Out))
						squares = append(squares, ReduceSum(Square(rows), -1))
					}
					from += module.Out
				}
			}
		}
		return joined(squares, 0)
	}, arguments...)
}

// Magnitudes returns ‖W + scale·B A‖ for every row of every adapted layer, in the order of the layout's magnitudes: where
// those of DoRA start. An adapter that has them there and B = 0 computes exactly what its base does. The magnitudes that
// adapter itself has do not matter.
func (p *Programs) Magnitudes(adapter *Vector) ([]float32, error) {
	if p.rowSquares == nil {
		return nil, errors.New("the adapter is not a DoRA adapter, so it has no magnitudes")
	}
	arguments := []any{adapter.tensor, p.rowSquares}
	for _, tensor := range p.base.tensors {
		arguments = append(arguments, tensor)
	}
	norms, err := CallOnce(p.base.backend, p.buildMagnitudes, arguments...)
	if err != nil {
		return nil, err
	}
	return takeFloats(norms)
}

func (p *Programs) buildMagnitudes(nodes []*Node) *Node {
	in := &ingredients{
		arch: &p.base.Arch, compute: p.base.compute, layout: p.layout,
		adapter: nodes[0], rowSquares: nodes[1], frozen: newFrozenNodes(&p.base.Arch, nodes[2:]),
	}
	b := &builder{graph: in.adapter.Graph(), compute: in.compute}
	var norms []*Node
	for layer := range in.arch.Layers {
		maker := newBlockMaker(b, in, nil, layer)
		for _, modules := range fusedModules(in.arch) {
			norms = append(norms, maker.linear(modules...).adaptedRowNorms()...)
		}
	}
	return joined(norms, 0)
}

// adaptedRowNorms is rowNorms by module, of those alone that carry an adapter.
func (l *linear) adaptedRowNorms() []*Node {
	a, b := l.fusedAdapter()
	if a == nil {
		return nil
	}
	norms := l.rowNorms(a, b)
	var adapted []*Node
	from := 0
	for _, p := range l.projections {
		if p.a != nil {
			adapted = append(adapted, part(norms, 0, from, from+p.out))
		}
		from += p.out
	}
	return adapted
}
