package main

import (
	"context"
	"errors"
	"io"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// streamEvents hands the snapshot of a job to begin and then every event after it, or after the cursor given, to each,
// until the job's last event. When events come faster than they are taken it subscribes again where it was left, so
// that none is lost. When ctx ends the job goes on.
func streamEvents(ctx context.Context, client *rpc.Client, id string, after *int64, begin func(*protocol.Job), each func(protocol.JobEvent) error) error {
	for {
		subscription, err := client.Subscribe(ctx, id, after)
		if err != nil {
			return err
		}
		if begin != nil {
			begin(&subscription.Result.Snapshot)
			begin = nil
		}
		err = drain(ctx, subscription, each)
		subscription.Close()
		var lagged *rpc.LaggedError
		if !errors.As(err, &lagged) {
			return err
		}
		after = &lagged.Cursor
	}
}

func drain(ctx context.Context, subscription *rpc.Subscription, each func(protocol.JobEvent) error) error {
	for {
		event, err := subscription.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = each(event)
		}
		if err != nil {
			return err
		}
	}
}
