package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/shannon-labs/scu/protocol"
)

// ErrMethodNotFound is what a [Handler] returns for a method that it does not serve.
var ErrMethodNotFound = errors.New("the method is not known")

// ErrDisconnected says that the connection to the daemon ended while something was still to come over it. Jobs are the
// daemon's, not the connection's, so they are most likely as they were.
var ErrDisconnected = errors.New("the daemon went away; run `scu status` to see how the job stands")

// ErrNotRunning says that no daemon serves the home.
var ErrNotRunning = errors.New("no daemon is running; start one with `scu daemon`")

// ErrClosed says that this client was closed by its own program.
var ErrClosed = errors.New("the connection to the daemon was closed by this program")

// CallError is an answer with an error that is not a *protocol.Error: the call itself was wrong, not what it asked for.
type CallError struct {
	Method  string
	Code    int // of JSON-RPC; see the protocol.RPC constants
	Message string
}

func (e *CallError) Error() string {
	return fmt.Sprintf("%s was refused: %s (JSON-RPC code %d)", e.Method, e.Message, e.Code)
}

func wireError(code int64, message string) *jsonrpc2.Error {
	return &jsonrpc2.Error{Code: code, Message: message}
}

// wireErrorWith carries the whole protocol.Error as data.
func wireErrorWith(code int64, cause *protocol.Error) *jsonrpc2.Error {
	wire := wireError(code, cause.Message)
	wire.SetError(cause)
	return wire
}

func refuse(id json.RawMessage, code int64, format string, args ...any) *response {
	return &response{id: id, err: wireError(code, fmt.Sprintf(format, args...))}
}

func refuseWith(id json.RawMessage, cause *protocol.Error) *response {
	return &response{id: id, err: wireErrorWith(protocol.RPCRefused, cause)}
}

// internalError tells the client that the daemon failed, and nothing of how: that is in the daemon's log.
func internalError(method string) *jsonrpc2.Error {
	return wireErrorWith(protocol.RPCInternal, protocol.NewError(protocol.CodeInternal, "the daemon failed at %s", clip(method)).
		WithHint("see the daemon's log in logs/ of its home"))
}

// expectedError maps the errors that a handler may return on purpose; anything else is the daemon's failure, and nil.
func expectedError(method string, err error) *jsonrpc2.Error {
	var params *paramsError
	var refused *protocol.Error
	switch {
	case errors.As(err, &params):
		return wireErrorWith(protocol.RPCInvalidParams, params.cause)
	case errors.As(err, &refused):
		return wireErrorWith(protocol.RPCRefused, refused)
	case errors.Is(err, ErrMethodNotFound):
		return wireError(protocol.RPCMethodNotFound, fmt.Sprintf("the method %q is not known: initialize answers with those that are", clip(method)))
	}
	return nil
}

// fromWire turns an answer's error into what a client's caller sees.
func fromWire(method string, wire *jsonrpc2.Error) error {
	if wire.Data != nil {
		var cause protocol.Error
		if json.Unmarshal(*wire.Data, &cause) == nil && cause.Code != "" {
			return &cause
		}
	}
	return &CallError{Method: method, Code: int(wire.Code), Message: wire.Message}
}

// clip shortens what a peer sent before it goes into a message.
func clip(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
