package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// caller is a client of the daemon that outlives daemons: it connects again when one has gone.
type caller struct {
	soak    *soak
	name    string
	client  *rpc.Client        // nil while there is none
	refusal protocol.ErrorCode // of the last call, where it was refused
}

// callPatience bounds a call. A pause takes the longest: the grace of a worker that does not obey.
const callPatience = 30 * time.Second

// outcome is what became of a call.
type outcome int

const (
	answered outcome = iota
	refused          // the daemon said no
	lost             // the answer did not come: it may have been done or not
)

// call calls a method and decodes its result. What the daemon may not answer is a fault.
func (c *caller) call(ctx context.Context, method string, params, result any) outcome {
	if c.client == nil {
		client, err := c.soak.connect(ctx, c.name)
		if err != nil {
			if ctx.Err() == nil {
				c.soak.faults.add("%s: nobody answers: %v", c.name, err)
			}
			return lost
		}
		c.client = client
	}
	limited, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	err := c.client.Call(limited, method, params, result)
	if err == nil {
		return answered
	}
	return c.judge(ctx, method, params, err)
}

func (c *caller) judge(ctx context.Context, method string, params any, err error) outcome {
	var refusal *protocol.Error
	var wrong *rpc.CallError
	switch {
	case errors.As(err, &refusal):
		return c.judgeRefusal(method, params, refusal)
	case errors.As(err, &wrong) && wrong.Code != protocol.RPCRequestCancelled:
		c.soak.faults.add("%s with %+v: %v", method, params, err)
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		c.soak.faults.add("%s with %+v has no answer after %s; what the daemon was at is in its log", method, params, callPatience)
		c.soak.showDaemon()
	}
	c.close()
	return lost
}

// refusals are what the daemon may say no with, when it is asked for what does not fit the moment.
var refusals = []protocol.ErrorCode{protocol.CodeConflict, protocol.CodeNotFound, protocol.CodeQueueFull}

func (c *caller) judgeRefusal(method string, params any, refusal *protocol.Error) outcome {
	if refusal.Retryable {
		return lost // the daemon ends; what was asked for may be done by the next one
	}
	if !slices.Contains(refusals, refusal.Code) {
		c.soak.faults.add("%s with %+v was refused with %s: %v", method, params, refusal.Code, refusal)
	}
	c.refusal = refusal.Code
	return refused
}

func (c *caller) close() {
	if c.client != nil {
		_ = c.client.Close() // the connection has failed already, or nobody needs it any more
		c.client = nil
	}
}

// instance tells one daemon from another. It is that of the last answer.
func (c *caller) instance() string {
	if c.client == nil {
		return ""
	}
	return c.client.Server().Server.InstanceID
}
