package model

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// frozenTensor says how one of the base's tensors on the device is made of stored ones.
type frozenTensor struct {
	pieces     []piece // laid on each other along the first axis
	narrow     bool    // an operand of products or a table, in the compute type; the others are float32
	transposed bool    // each piece is stored as [in, out], and wanted as [out, in]
	offset     float32 // what the stored values lack
}

// piece is one stored tensor, or as many zeros where it has no name.
type piece struct {
	name  string
	zeros int
}

// key is what a frozen tensor is found by: the name of its first stored tensor.
func (f *frozenTensor) key() string {
	named := slices.IndexFunc(f.pieces, func(p piece) bool { return p.name != "" })
	return f.pieces[named].name
}

// frozenTensors lists what a base model keeps on the device: linear layers that read one input are fused into one.
func frozenTensors(arch *architecture.Config) []frozenTensor {
	table := func(path string) frozenTensor {
		return frozenTensor{pieces: []piece{{name: weightOf(path)}}, narrow: true}
	}
	frozen := []frozenTensor{table(arch.Names.Embedding)}
	if arch.LearnedPositions {
		frozen = append(frozen, table(arch.Names.Positions))
	}
	for layer := range arch.Layers {
		b := &arch.Block
		for _, name := range []string{
			b.AttentionNorm, b.QueryNorm, b.KeyNorm, b.PostAttentionNorm, b.FeedForwardNorm, b.PostFeedForwardNorm,
		} {
			if name != "" {
				frozen = append(frozen, frozenNorm(arch, arch.Path(layer, name))...)
			}
		}
		for _, modules := range fusedModules(arch) {
			frozen = append(frozen, frozenLinear(arch, layer, modules)...)
		}
	}
	frozen = append(frozen, frozenNorm(arch, arch.Names.FinalNorm)...)
	if !arch.TieEmbeddings {
		frozen = append(frozen, table(arch.Names.Head))
	}
	return frozen
}

// fusedModules are the linear layers of a block, those together that read one input.
func fusedModules(arch *architecture.Config) [][]architecture.Linear {
	b := &arch.Block
	return [][]architecture.Linear{b.QueryKeyValue, {b.Output}, b.GateUp, {b.Down}}
}

func weightOf(path string) string { return path + ".weight" }
func biasOf(path string) string   { return path + ".bias" }

func frozenNorm(arch *architecture.Config, path string) []frozenTensor {
	gain := frozenTensor{pieces: []piece{{name: weightOf(path)}}}
	if arch.Norm.UnitOffset {
		gain.offset = 1
	}
	if arch.Norm.Kind != architecture.LayerNorm {
		return []frozenTensor{gain}
	}
	return []frozenTensor{gain, {pieces: []piece{{name: biasOf(path)}}}}
}

func frozenLinear(arch *architecture.Config, layer int, modules []architecture.Linear) []frozenTensor {
	weight := frozenTensor{narrow: true, transposed: modules[0].Transposed}
	var bias frozenTensor
	for _, m := range modules {
		path := arch.Path(layer, m.Name)
		weight.pieces = append(weight.pieces, piece{name: weightOf(path)})
		if m.Bias {
			bias.pieces = append(bias.pieces, piece{name: biasOf(path)})
		} else {
			bias.pieces = append(bias.pieces, piece{zeros: m.Out})
		}
	}
	if !slices.ContainsFunc(modules, func(m architecture.Linear) bool { return m.Bias }) {
		return []frozenTensor{weight}
	}
	return []frozenTensor{weight, bias}
}

// frozenNodes are the base's tensors inside a graph, by frozenTensor.key.
type frozenNodes map[string]*Node

// newFrozenNodes takes the nodes in the order of frozenTensors.
func newFrozenNodes(arch *architecture.Config, nodes []*Node) frozenNodes {
	named := frozenNodes{}
	for i, tensor := range frozenTensors(arch) {
		named[tensor.key()] = nodes[i]
	}
	return named
}
