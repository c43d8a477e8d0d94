package plan

import (
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
)

// workload is what the memory of a job depends on.
type workload struct {
	architecture *architecture.Config
	layout       *lora.Layout
	config       *protocol.SCUConfig
	device       string     // kind
	batch        data.Shape // of the largest micro-batch
	dataBytes    int64      // of the rows as stored, those held out as well
}

// largestBatch is the shape of a micro-batch as large as the settings allow, every token of which is a target.
func largestBatch(c *protocol.SCUConfig) data.Shape {
	return data.Shape{Rows: c.MicroBatch, Length: c.BlockSize, Capacity: c.MicroBatch * c.BlockSize}
}

// memory estimates what a job takes of its device at most, in bytes.
func (w *workload) memory() int64 {
	return 0
}
