package plan

import (
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
)

// workload is what the memory of a job depends on. Its methods give bytes, of the device and at the job's peak, and are an
// estimate: what trainer/model keeps is counted from the shapes of its tensors (see the package documentation there), and
// what else XLA and the process take was measured; bench/memory measures it again.
//
//	weights       every weight of the base in the precision of the products
//	optimizer     the adapter, the prior's centre, AdamW's two moments, gradients and copies on the host (adapterCopies)
//	activations   of one micro-batch, see activations.go
//	process       what the program, the compiler and compiled programs take
//	rows          on the CPU the tokenised rows, since the host's memory is the device's
//
// The peak is while the largest micro-batch is run, or else while its program is compiled.
type workload struct {
	architecture *architecture.Config
	layout       *lora.Layout
	config       *protocol.SCUConfig
	device       string     // kind
	batch        data.Shape // of the largest micro-batch
	dataBytes    int64      // of the rows as stored, those held out as well
}

const (
	// adapterCopies is how many vectors of an adapter's size there are at once: four that the optimizer keeps, the sum of the
	// gradients, the gradient, three that take the place of others as a step is taken, and on the host the adapter as it
	// began, what a checkpoint is made of, and what was made of an earlier one.
	adapterCopies = 14

	// The process on a CPU: the program with XLA's plugin and, for each layer of the model and within it for each block of
	// queries, compiled programs and what the compiler leaves behind. A program that runs layers again, converts between
	// types, or takes the norms of DoRA has more of it.
	cpuProcess     = 150_000_000
	cpuLayer       = 8_000_000
	cpuLargerLayer = 4_000_000
	cpuDoRALayer   = 16_000_000
	cpuQueryBlock  = 2_000_000

	rowsPerByte      = 3           // bytes of memory for a byte of rows: its text, and 5 bytes for each token of it
	acceleratorBasis = 500_000_000 // of a GPU: the driver's context and the libraries' workspaces; not measured
	margin           = 1.05        // since too much is better than too little
)

// largestBatch is the shape of a micro-batch as large as the settings allow, every token of which is a target.
func largestBatch(c *protocol.SCUConfig) data.Shape {
	return data.Shape{Rows: c.MicroBatch, Length: c.BlockSize, Capacity: c.MicroBatch * c.BlockSize}
}

// memoryOf is memory for micro-batches of these shapes.
func (w workload) memoryOf(shapes []data.Shape) (most int64) {
	for _, w.batch = range shapes {
		most = max(most, w.memory())
	}
	return most
}

// memory is the sum, and a little more.
func (w *workload) memory() int64 {
	total := w.weights() + w.optimizer()
	if w.device == DeviceCPU {
		// Between programs trainer/hostmemory keeps up to an eighth more than was asked for.
		total += w.activations()*9/8 + w.process() + rowsPerByte*w.dataBytes
	} else {
		total += w.activations() + acceleratorBasis
	}
	return int64(margin * float64(total))
}

// weights leaves out that norms and biases are in float32 always: they are few.
func (w *workload) weights() int64 { return w.operandBytes() * w.architecture.Parameters() }

func (w *workload) optimizer() int64 { return adapterCopies * 4 * int64(w.layout.Size) }

func (w *workload) process() int64 {
	queryBlocks := int64((w.batch.Length + queryBlock - 1) / queryBlock)
	layer := cpuLayer + cpuQueryBlock*queryBlocks
	if w.config.GradCheckpointing {
		layer += cpuLargerLayer
	}
	if w.operandBytes() < 4 {
		layer += cpuLargerLayer
	}
	if w.config.UseDora {
		layer += cpuDoRALayer
	}
	return cpuProcess + layer*int64(w.architecture.Layers)
}

// operandBytes is the size of an operand of a product.
func (w *workload) operandBytes() int64 {
	if w.config.Precision == protocol.PrecisionBF16 {
		return 2
	}
	return 4
}
