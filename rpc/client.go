package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/shannon-labs/scu/protocol"
)

// Client is a connection to the daemon. Its methods may be called from any goroutine, and calls run side by side. An
// error that the daemon answers with is a *protocol.Error where the request is at fault and a *[CallError] where the call
// is; [ErrDisconnected] is wrapped by the error of a call whose connection ended, and the context's error by that of a
// call that was given up. Giving a call up tells the daemon to cancel the call, never a job.
type Client struct {
	conn   *jsonrpc2.Conn
	stream *clientStream
	server protocol.InitializeResult
	lastID atomic.Uint64
	closed atomic.Bool

	mu            sync.Mutex
	subscribing   map[jsonrpc2.ID]string // calls of job/subscribe that somebody waits for, and their subscriptions' ids
	subscriptions map[string]*Subscription
}

func newClient(socket net.Conn) *Client {
	c := &Client{
		stream:        newClientStream(socket),
		subscribing:   map[jsonrpc2.ID]string{},
		subscriptions: map[string]*Subscription{},
	}
	// The library logs answers to calls that were given up, which are no news.
	quiet := jsonrpc2.SetLogger(log.New(io.Discard, "", 0))
	c.conn = jsonrpc2.NewConn(context.Background(), c.stream, c, quiet, jsonrpc2.OnRecv(c.received))
	return c
}

// Server returns what the daemon said of itself. Its Notice is for the user.
func (c *Client) Server() protocol.InitializeResult { return c.server }

// Close ends the connection. Calls in progress and subscriptions end with an error.
func (c *Client) Close() error {
	c.closed.Store(true)
	err := c.conn.Close()
	<-c.stream.out.done
	<-c.stream.readerDone
	if errors.Is(err, jsonrpc2.ErrClosed) {
		return nil // the daemon was first
	}
	return err
}

// Call calls any method. A nil params sends none; result is what the answer is decoded into, or nil.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	id := c.nextID()
	answer, err := c.dispatch(ctx, id, method, params)
	if err != nil {
		return err
	}
	return c.await(ctx, id, method, answer, result)
}

func (c *Client) nextID() jsonrpc2.ID { return jsonrpc2.ID{Num: c.lastID.Add(1)} }

func (c *Client) dispatch(ctx context.Context, id jsonrpc2.ID, method string, params any) (jsonrpc2.Waiter, error) {
	if err := ctx.Err(); err != nil {
		return jsonrpc2.Waiter{}, fmt.Errorf("%s: %w", method, err)
	}
	answer, err := c.conn.DispatchCall(ctx, method, params, jsonrpc2.PickID(id))
	if err != nil {
		return answer, c.describe(method, err)
	}
	return answer, nil
}

func (c *Client) await(ctx context.Context, id jsonrpc2.ID, method string, answer jsonrpc2.Waiter, result any) error {
	err := answer.Wait(ctx, result)
	if err != nil && errors.Is(err, ctx.Err()) {
		c.cancelCall(id)
		return fmt.Errorf("%s: %w", method, err)
	}
	return c.describe(method, err)
}

func (c *Client) describe(method string, err error) error {
	var wire *jsonrpc2.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wire):
		return fromWire(method, wire)
	case errors.Is(err, jsonrpc2.ErrClosed), errors.Is(err, errOutboxClosed):
		return fmt.Errorf("%s: %w", method, c.endReason())
	default:
		return fmt.Errorf("%s: %w", method, err)
	}
}

// endReason says why the connection is gone: what the daemon said last, if it said anything.
func (c *Client) endReason() error {
	if c.closed.Load() {
		return ErrClosed
	}
	if refusal := c.stream.refusal(); refusal != nil {
		return refusal
	}
	return ErrDisconnected
}

// cancelCall is queued behind the call itself. When that fails there is no call left to cancel.
func (c *Client) cancelCall(id jsonrpc2.ID) {
	raw, err := id.MarshalJSON()
	if err == nil {
		_ = c.conn.Notify(context.Background(), protocol.NotifyCancelRequest, protocol.CancelRequestParams{ID: raw})
	}
}

// Handle implements jsonrpc2.Handler: it takes the daemon's notifications, one after the other, and must not block.
func (c *Client) Handle(ctx context.Context, conn *jsonrpc2.Conn, message *jsonrpc2.Request) {
	switch {
	case !message.Notif:
		_ = conn.ReplyWithError(ctx, message.ID, wireError(protocol.RPCMethodNotFound, "a client serves no methods"))
	case message.Params == nil:
	case message.Method == protocol.NotifyJobEvent:
		c.deliver(*message.Params)
	case message.Method == protocol.NotifyLagged:
		c.lagged(*message.Params)
	}
}
