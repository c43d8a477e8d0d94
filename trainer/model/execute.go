package model

import (
	"errors"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/hostmemory"
)

// ErrOutOfMemory is the cause of an error of a program that ran in a process which had been refused memory: what it made
// cannot be trusted, nor can what any later program makes in this process. What the program was given has not changed.
var ErrOutOfMemory = errors.New("out of memory")

// execute runs a program to its end. See hostmemory for why its results are thrown away where XLA reports no error.
func execute(program *Exec, arguments ...any) ([]*tensors.Tensor, error) {
	outputs, err := program.Call(arguments...)
	refused := hostmemory.Failures()
	switch {
	case err != nil && refused > 0: // whatever it says
		return nil, fmt.Errorf("%w: the system refused %d allocations, and %w", ErrOutOfMemory, refused, err)
	case err != nil:
		return nil, err
	case refused > 0:
		closeAll(outputs)
		return nil, fmt.Errorf("%w: the system refused %d allocations", ErrOutOfMemory, refused)
	}
	return outputs, nil
}

// execute1 runs a program of one result.
func execute1(program *Exec, arguments ...any) (*tensors.Tensor, error) {
	outputs, err := execute(program, arguments...)
	if err != nil {
		return nil, err
	}
	return outputs[0], nil
}
