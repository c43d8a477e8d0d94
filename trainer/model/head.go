package model

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// headChunk is how many positions meet the vocabulary at once: enough for a good product, few enough that a chunk's
// logits stay small (50 MB for 49,152 tokens in float32).
const headChunk = 256

// head is the final norm and the output projection, at chosen positions only.
type head struct {
	*builder
	norm   *norm
	weight *Node // [vocab, hidden], compute type
	cap    softCap
}

// rows takes the residual stream x [N, hidden] at index [M] (int32) and norms it.
func (h *head) rows(x, index *Node) (*Node, *normSaved) {
	return h.norm.forward(Gather(x, ExpandAxes(index, -1)))
}

// logits returns [M, vocab] in float32 for the positions of index.
func (h *head) logits(x, index *Node) *Node {
	normed, _ := h.rows(x, index)
	return h.cap.forward(h.timesTransposed(h.narrow(normed), h.weight))
}

// crossEntropy returns the negative log-likelihood of labels [M] at the positions of index [M], in nats, [M] in float32.
// With needGradient it also returns the gradient of their sum by the normed rows, [M, hidden] in float32: the chunk's
// logits are at hand then, and need not be kept or made again.
func (h *head) crossEntropy(normed, labels *Node, needGradient bool) (nll, gradient *Node) {
	var normalizers, gradients []*Node
	var previous *Node
	count := normed.Shape().Dim(0)
	for from := 0; from < count; from += headChunk {
		chunk := h.narrow(part(normed, 0, from, min(from+headChunk, count)))
		if previous != nil { // one chunk after the other, so that one chunk's logits are alive at a time
			chunk = OptimizationBarriers(chunk, previous)[0]
		}
		logits := h.cap.forward(h.timesTransposed(chunk, h.weight))
		largest := ReduceAndKeep(logits, ReduceMax, -1)
		exponentials := Exp(Sub(logits, largest))
		sum := ReduceAndKeep(exponentials, ReduceSum, -1)
		previous = Add(Log(sum), largest)
		normalizers = append(normalizers, previous)
		if needGradient {
			byLogit := h.narrow(h.cap.backward(exponentials, logits))
			previous = Div(h.times(byLogit, h.weight), sum) // Σ p·W over the vocabulary
			gradients = append(gradients, previous)
		}
	}
	labelRows := widen(Gather(h.weight, ExpandAxes(labels, -1))) // [M, hidden]
	labelLogits := h.cap.forward(ReduceAndKeep(Mul(widen(h.narrow(normed)), labelRows), ReduceSum, -1))
	nll = Squeeze(Sub(joined(normalizers, 0), labelLogits), -1)
	if needGradient {
		gradient = Sub(joined(gradients, 0), h.cap.backward(labelRows, BroadcastToShape(labelLogits, labelRows.Shape())))
	}
	return nll, gradient
}
