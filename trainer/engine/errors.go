package engine

import (
	"context"
	"errors"
	"strings"

	"github.com/gomlx/compute"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/durable"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/plan"
)

// explain gives an error the code and the hint that a person needs. An error that already has them, and the end of a
// context, pass as they are.
func explain(err error) error {
	var known *protocol.Error
	var damaged *model.DamagedWeightError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &damaged):
		return protocol.NewError(protocol.CodeModelUnsupported, "%v", damaged).WithHint("the file is damaged: download the model again")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case durable.IsFull(err):
		failure := protocol.NewError(protocol.CodeOutOfDisk, "the disk is full: %v", err)
		failure.Retryable = true
		return failure.WithHint("free some space there; the job goes on from its last checkpoint")
	case isOutOfMemory(err):
		failure := protocol.NewError(protocol.CodeOutOfMemory, "the device ran out of memory: %v", err)
		failure.Retryable = true
		return failure.WithHint("lower block_size or micro_batch")
	}
	return plan.Explain(err)
}

// findPlugin finds the XLA plugin of a device, or says how to install it.
func findPlugin(device, directory string) (string, error) {
	plugin, err := model.FindPlugin(device, directory)
	if err != nil {
		failure := protocol.NewError(protocol.CodeDeviceNotFound, "%v", err)
		if device == "cpu" {
			return "", failure.WithHint("install it with: scu setup")
		}
		return "", failure.WithHint("train on the CPU, or put the plugin there by hand")
	}
	return plugin, nil
}

// openDevice opens the device of a plugin; one that is there but cannot be loaded is best installed anew.
func openDevice(plugin string) (compute.Backend, error) {
	backend, err := model.OpenDevice(plugin)
	if err != nil {
		return nil, protocol.NewError(protocol.CodeDeviceNotFound, "%v", err).WithHint("remove the plugin and install it anew with: scu setup")
	}
	return backend, nil
}

// isOutOfMemory knows XLA's words for it as well: its errors come as text.
func isOutOfMemory(err error) bool {
	text := err.Error()
	return errors.Is(err, model.ErrOutOfMemory) || strings.Contains(text, "RESOURCE_EXHAUSTED") || strings.Contains(text, "Out of memory")
}
