// Package frame is what daemon and worker say to each other over one stream, which a local worker inherits as a socket:
// msgpack values in each direction, one reader and one writer on each side. JSON would not do, because a metric can be NaN
// or infinite. It does not open the stream, and does not know what an order leads to.
//
// The daemon sends one [Start] and then, perhaps, a [Pause] and a [Cancel]. The worker answers with [Event] values of which
// the last is Done, Paused or Failed; a stream that ends without any of these is a worker that died. Each [Sync] among the
// events is answered by a [Stored] among the orders. The end of the orders tells the worker that its daemon is gone, and it
// stops.
package frame

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/vmihailenco/msgpack/v5"
)

// Descriptor is where a worker on this machine finds its end of the stream.
const Descriptor = 3

// Order is what the daemon sends: exactly one field is set.
type Order struct {
	Start  *Start  `msgpack:"start,omitempty"`
	Pause  *Pause  `msgpack:"pause,omitempty"`
	Cancel *Cancel `msgpack:"cancel,omitempty"`
	Stored *Stored `msgpack:"stored,omitempty"`
}

// Start tells a worker what to train. Every path is absolute.
type Start struct {
	JobID       string             `msgpack:"job_id"`
	Model       string             `msgpack:"model"`        // a directory or a GGUF file
	ModelName   string             `msgpack:"model_name"`   // as the user gave it, for adapter_config.json
	TrainData   string             `msgpack:"train_data"`   // rows
	ValData     string             `msgpack:"val_data"`     // rows; empty means a split
	InitAdapter string             `msgpack:"init_adapter"` // empty means a fresh adapter
	Output      string             `msgpack:"output"`       // the adapter's directory, which must not exist yet
	Device      string             `msgpack:"device"`       // cpu or cuda
	Config      protocol.SCUConfig `msgpack:"config"`
	Reasons     map[string]string  `msgpack:"reasons"`     // of Config's values
	Checkpoints string             `msgpack:"checkpoints"` // the job's directory of checkpoints; a job that finds one there goes on from it
	Cache       string             `msgpack:"cache"`       // where what can be fetched or computed again is kept
	CreatedAt   time.Time          `msgpack:"created_at"`  // of the job
	Told        int                `msgpack:"told"`        // steps that an earlier worker of this job has told of
	Before      Fit                `msgpack:"before"`      // how that worker made the job fit the memory
}

// Fit is how a worker makes its passes through the model fit the memory. The zero value is as the settings say.
type Fit struct {
	Parts             int    `msgpack:"parts"`              // in which it runs each micro-batch; 0 means 1
	GradCheckpointing bool   `msgpack:"grad_checkpointing"` // because memory demands it, and not because it was asked for
	OutOfMemory       string `msgpack:"out_of_memory"`      // how the worker ended all the same because memory ran out: begin smaller; empty if it did not
}

// Pause asks the worker to write a checkpoint at the next step and to end with Paused.
type Pause struct {
	Reason string `msgpack:"reason"`
}

// Stored answers a [Sync]: everything that was told before it is on disk.
type Stored struct{}

// Cancel asks the worker to stop at the next step and to leave nothing behind.
type Cancel struct {
	Reason string `msgpack:"reason"`
}

// Event is what a worker says: exactly one field is set.
type Event struct {
	Phase     *Phase                    `msgpack:"phase,omitempty"`
	Plan      *protocol.Plan            `msgpack:"plan,omitempty"`
	Metrics   *protocol.TrainingMetrics `msgpack:"metrics,omitempty"`
	Eval      *protocol.Evaluation      `msgpack:"eval,omitempty"`
	Log       *Log                      `msgpack:"log,omitempty"`
	Memory    *Memory                   `msgpack:"memory,omitempty"`
	Sync      *Sync                     `msgpack:"sync,omitempty"`
	Heartbeat *Heartbeat                `msgpack:"heartbeat,omitempty"`
	Done      *Done                     `msgpack:"done,omitempty"`
	Paused    *Paused                   `msgpack:"paused,omitempty"`
	Failed    *protocol.Error           `msgpack:"failed,omitempty"`
}

// Phase tells what the worker does from now on.
type Phase struct {
	Phase   protocol.Phase `msgpack:"phase"`
	Percent float64        `msgpack:"percent"` // of the phase done; 0 where it is not known
}

// Log is a line for a person.
type Log struct {
	Message string `msgpack:"message"`
	Warning bool   `msgpack:"warning"`
}

// Memory tells how much of its device's memory the job takes at most, once that is known better than it was estimated.
type Memory struct {
	Bytes int64 `msgpack:"bytes"`
}

// Sync asks for a [Stored]. A worker waits for it before a checkpoint becomes visible: a checkpoint that was ahead of what
// is stored would leave a gap in the metrics if the daemon died then.
type Sync struct{}

// Paused says that the worker has ended where another one can go on.
type Paused struct {
	Step int `msgpack:"step"` // of the checkpoint; 0 where there was none to write yet
}

// Heartbeat shows that the worker lives while nothing else is to tell.
type Heartbeat struct {
	MemoryBytes int64 `msgpack:"memory_bytes"` // of the worker process, resident on the host whatever the device
}

// Done says that the adapter stands whole at the place ordered.
type Done struct {
	Summary   protocol.RunSummary `msgpack:"summary"`
	Files     []string            `msgpack:"files"` // names inside Output
	SizeBytes int64               `msgpack:"size_bytes"`
	SHA256    string              `msgpack:"sha256"` // of adapter_model.safetensors, in hexadecimal
}

// Writer writes values to one stream. It is safe for concurrent use.
type Writer struct {
	mu     sync.Mutex
	buffer *bufio.Writer
	encode *msgpack.Encoder
}

// NewWriter returns a Writer on w.
func NewWriter(w io.Writer) *Writer {
	buffer := bufio.NewWriter(w)
	return &Writer{buffer: buffer, encode: msgpack.NewEncoder(buffer)}
}

// Write sends one *Order or *Event whole, and returns when the stream has taken it.
func (w *Writer) Write(value any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.encode.Encode(value); err != nil {
		return fmt.Errorf("write a frame: %w", err)
	}
	if err := w.buffer.Flush(); err != nil {
		return fmt.Errorf("write a frame: %w", err)
	}
	return nil
}

// Reader reads values from one stream.
type Reader struct {
	buffer *bufio.Reader
	decode *msgpack.Decoder
}

// NewReader returns a Reader on r.
func NewReader(r io.Reader) *Reader {
	buffer := bufio.NewReader(r)
	return &Reader{buffer: buffer, decode: msgpack.NewDecoder(buffer)}
}

// Read fills value, an *Order or *Event, with the next one. It returns io.EOF, unwrapped, at a clean end, and an error that
// is io.ErrUnexpectedEOF where the stream ends within a value.
func (r *Reader) Read(value any) (err error) {
	switch _, err := r.buffer.Peek(1); {
	case err == io.EOF:
		return io.EOF
	case err != nil:
		return fmt.Errorf("read a frame: %w", err)
	}
	// The library panics at some values that do not fit, such as a nil where a time should be.
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("read a frame: a value does not fit its field: %v", cause)
		}
	}()
	switch err = r.decode.Decode(value); {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read a frame: %w", err)
}
