package plan

import (
	"slices"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// What trainer/model computes in pieces, see its headChunk and queryBlock.
const (
	headChunk  = 256 // positions that meet the vocabulary at once
	queryBlock = 128 // query positions that meet the keys at once
)

// activations is what one micro-batch takes besides weights and gradients: what the forward pass keeps of every block, or
// with gradient checkpointing of one block and the inputs of the others, the words that dropout draws from, the gradient
// once more in pieces, and the widest that is worked on at a time, in a block or at the head.
func (w *workload) activations() int64 {
	arch := w.architecture
	positions := int64(w.batch.Rows) * int64(w.batch.Length)
	kept := int64(0)
	widestBlock := int64(0)
	for layer := range arch.Layers {
		block := positions*w.keptByPosition() + w.attentionWeights(layer)
		widestBlock = max(widestBlock, block)
		if w.config.GradCheckpointing {
			block = 4 * positions * int64(arch.Hidden)
		}
		kept += block
	}
	work := w.blockWork(positions)
	if w.config.GradCheckpointing {
		work += widestBlock
	}
	words := int64(0)
	if w.layout.Config.Dropout > 0 {
		words = 4 * positions * int64(widestInput(arch))
	}
	return kept + max(work, w.headWork()) + words + 4*int64(w.layout.Size)
}

// keptByPosition is what a block keeps for every position: its inputs to norms and to adapters in float32, and in the type
// of the products queries, keys, values, attention's output and what gate and up give. Of what the layer down reads
// nothing is kept, as it is made again.
func (w *workload) keptByPosition() int64 {
	arch, narrow := w.architecture, w.operandBytes()
	query, key := int64(arch.Heads*arch.HeadDim), int64(arch.KVHeads*arch.HeadDim)
	kept := 2*4*int64(arch.Hidden) + narrow*(query+2*key+query)
	for _, up := range arch.Block.GateUp {
		kept += narrow * int64(up.Out)
	}
	for _, fused := range [][]architecture.Linear{arch.Block.QueryKeyValue, {arch.Block.Output}, arch.Block.GateUp, {arch.Block.Down}} {
		kept += w.keptByAdapters(fused)
	}
	return kept
}

// keptByAdapters is what linear layers on one input keep for their adapters, for every position: the input, unless it is
// made again, and what A gives; with DoRA also what the layer and the adapter give each.
func (w *workload) keptByAdapters(fused []architecture.Linear) (kept int64) {
	adapted, outputs := int64(0), int64(0)
	for _, module := range fused {
		if _, found := w.layout.Find(0, module.Name); found {
			adapted++
		}
		outputs += int64(module.Out)
	}
	if adapted == 0 {
		return 0
	}
	kept = 4 * adapted * int64(w.layout.Config.Rank)
	if fused[0].Name != w.architecture.Block.Down.Name {
		kept += 4 * int64(fused[0].In)
	}
	if w.layout.Config.DoRA {
		kept += 2 * 4 * outputs
	}
	return kept
}

// attentionWeights are those of a layer after softmax, which meet the keys up to the end of each block of queries or as far
// back as the window reaches. XLA takes a fifth more than they have.
func (w *workload) attentionWeights(layer int) int64 {
	window := w.architecture.Window(layer)
	cells := int64(0)
	for from := 0; from < w.batch.Length; from += queryBlock {
		to, start := min(from+queryBlock, w.batch.Length), 0
		if window > 0 {
			start = max(0, from-window+1) / queryBlock * queryBlock
		}
		cells += int64(to-from) * int64(to-start)
	}
	return cells * int64(w.batch.Rows*w.architecture.Heads) * w.operandBytes() * 6 / 5
}

// blockWork is what the backward pass of one block works on at a time, in float32: what gate and up gave and its gradient,
// what the activation makes of it and that gradient, and three times the scores of one block of queries.
func (w *workload) blockWork(positions int64) int64 {
	arch := w.architecture
	up := int64(0)
	for _, module := range arch.Block.GateUp {
		up += int64(module.Out)
	}
	scores := int64(w.batch.Rows*arch.Heads) * int64(min(queryBlock, w.batch.Length)) * int64(w.batch.Length)
	return 4 * (positions*(2*up+2*int64(arch.Intermediate)) + 3*scores)
}

// headWork is the logits of one chunk of targets in float32, and all normed rows, the rows of their labels and their gradient.
func (w *workload) headWork() int64 {
	targets := int64(w.batch.Capacity)
	return 4 * (min(headChunk, targets)*int64(w.architecture.Vocab) + 3*targets*int64(w.architecture.Hidden))
}

func widestInput(arch *architecture.Config) int {
	return slices.MaxFunc(arch.Modules(), func(a, b architecture.Linear) int { return a.In - b.In }).In
}
