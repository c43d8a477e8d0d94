package rpc

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/shannon-labs/scu/protocol"
)

// nullID answers a message whose id could not be read.
var nullID = json.RawMessage("null")

// request is a call, or a notification when id is nil. The id is kept as the peer wrote it, so that any JSON number or
// string comes back unchanged.
type request struct {
	id     json.RawMessage
	method string
	params json.RawMessage
}

// response is an answer: exactly one of result and err is set.
type response struct {
	id     json.RawMessage
	result json.RawMessage
	err    *jsonrpc2.Error
}

func (r *response) encode() ([]byte, error) {
	return json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  json.RawMessage `json:"result,omitempty"`
		Error   *jsonrpc2.Error `json:"error,omitempty"`
	}{"2.0", r.id, r.result, r.err})
}

func encodeNotification(method string, params any) ([]byte, error) {
	notification := jsonrpc2.Request{Method: method, Notif: true}
	if err := notification.SetParams(params); err != nil {
		return nil, err
	}
	return notification.MarshalJSON()
}

// parseRequest reads one frame. A frame that is no request comes back as the error to answer with, under the id when
// that could be read. Both results are nil for a response: the daemon asks its clients nothing, so there is nothing
// that it could answer.
func parseRequest(frame []byte) (*request, *response) {
	if !utf8.Valid(frame) {
		return nil, refuse(nullID, protocol.RPCParseError, "the message is not valid UTF-8 (at byte %d)", invalidUTF8At(frame))
	}
	if frame = bytes.TrimSpace(frame); len(frame) > 0 && frame[0] == '[' {
		return nil, refuse(nullID, protocol.RPCInvalidRequest, "batches are not served: send each request as a message of its own")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(frame, &fields); err != nil || fields == nil {
		return nil, refuseUnreadable(frame, err)
	}
	_, isResult := fields["result"]
	_, isError := fields["error"]
	if _, isRequest := fields["method"]; !isRequest && (isResult || isError) {
		return nil, nil
	}
	return requestFrom(fields)
}

func refuseUnreadable(frame []byte, err error) *response {
	if !json.Valid(frame) {
		return refuse(nullID, protocol.RPCParseError, "the message is not valid JSON: %v", err)
	}
	return refuse(nullID, protocol.RPCInvalidRequest, "the message is not a JSON object")
}

func requestFrom(fields map[string]json.RawMessage) (*request, *response) {
	id := fields["id"]
	if id != nil && id[0] != '"' && id[0] != '-' && (id[0] < '0' || id[0] > '9') {
		return nil, refuse(nullID, protocol.RPCInvalidRequest, "id must be a string or a number, or left out of a notification")
	}
	answerTo := id
	if id == nil {
		answerTo = nullID
	}
	if string(fields["jsonrpc"]) != `"2.0"` {
		return nil, refuse(answerTo, protocol.RPCInvalidRequest, `jsonrpc must be "2.0"`)
	}
	var method string
	if err := json.Unmarshal(fields["method"], &method); err != nil || method == "" {
		return nil, refuse(answerTo, protocol.RPCInvalidRequest, "method must be a string that names a method")
	}
	return &request{id: id, method: method, params: fields["params"]}, nil
}

// idKey is the same for an id however it is written: "a" is also "\u0061".
func idKey(id json.RawMessage) string {
	var text string
	if json.Unmarshal(id, &text) == nil {
		return "s" + text
	}
	return "n" + string(id)
}

func invalidUTF8At(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return len(text)
}
