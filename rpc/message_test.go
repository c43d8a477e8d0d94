package rpc

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		frame string
		code  int64  // 0 means a request
		id    string // of the request or its refusal
		want  string // in the refusal's message, or the method
	}{
		"call":              {`{"jsonrpc":"2.0","id":1,"method":"m","params":{}}`, 0, "1", "m"},
		"negative id":       {`{"jsonrpc":"2.0","id":-7,"method":"m"}`, 0, "-7", "m"},
		"fractional id":     {`{"jsonrpc":"2.0","id":1.5,"method":"m"}`, 0, "1.5", "m"},
		"huge id":           {`{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"m"}`, 0, "123456789012345678901234567890", "m"},
		"string id":         {`{"jsonrpc":"2.0","id":"é","method":"m"}`, 0, `"é"`, "m"},
		"notification":      {`{"jsonrpc":"2.0","method":"m"}`, 0, "", "m"},
		"not UTF-8":         {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700, "null", "at byte 34"},
		"not JSON":          {`{"jsonrpc":`, -32700, "null", "not valid JSON"},
		"two values":        {`{} {}`, -32700, "null", "not valid JSON"},
		"deep nesting":      {strings.Repeat(`{"a":`, 200_000), -32700, "null", "depth"},
		"deep and balanced": {`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, -32700, "null", "depth"},
		"batch":             {`[{"jsonrpc":"2.0","id":1,"method":"m"}]`, -32600, "null", "batches"},
		"deep batch":        {strings.Repeat("[", 200_000), -32600, "null", "batches"},
		"number":            {`5`, -32600, "null", "not a JSON object"},
		"null":              {`null`, -32600, "null", "not a JSON object"},
		"empty":             {`{}`, -32600, "null", "jsonrpc"},
		"no version":        {`{"id":1,"method":"m"}`, -32600, "1", "jsonrpc"},
		"other version":     {`{"jsonrpc":"1.0","id":1,"method":"m"}`, -32600, "1", "jsonrpc"},
		"no method":         {`{"jsonrpc":"2.0","id":"a"}`, -32600, `"a"`, "method"},
		"method of a type":  {`{"jsonrpc":"2.0","id":"a","method":5}`, -32600, `"a"`, "method"},
		"null id":           {`{"jsonrpc":"2.0","id":null,"method":"m"}`, -32600, "null", "id must be"},
		"object id":         {`{"jsonrpc":"2.0","id":{},"method":"m"}`, -32600, "null", "id must be"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, refusal := parseRequest([]byte(test.frame))
			if test.code == 0 {
				if refusal != nil || request == nil || string(request.id) != test.id || request.method != test.want {
					t.Fatalf("got %+v, %+v", request, refusal)
				}
				return
			}
			if request != nil || refusal == nil {
				t.Fatalf("got %+v, want a refusal", request)
			}
			if refusal.err.Code != test.code || string(refusal.id) != test.id || !strings.Contains(refusal.err.Message, test.want) {
				t.Errorf("refused %s with %d %q, want %s with %d and %q", refusal.id, refusal.err.Code, refusal.err.Message, test.id, test.code, test.want)
			}
		})
	}
}

func TestParseRequestIgnoresResponses(t *testing.T) {
	t.Parallel()
	for _, frame := range []string{`{"jsonrpc":"2.0","id":1,"result":null}`, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}`} {
		if request, refusal := parseRequest([]byte(frame)); request != nil || refusal != nil {
			t.Errorf("%s gave %+v, %+v", frame, request, refusal)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(helloMessage))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1e400,"method":"m"}`))
	f.Add([]byte(`[]`))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		request, refusal := parseRequest(frame)
		if request != nil && refusal != nil {
			t.Fatalf("both a request and a refusal: %+v, %+v", request, refusal)
		}
		answer := refusal
		if request != nil && request.id != nil {
			answer = refuse(request.id, protocol.RPCInternal, "test")
		}
		if answer == nil {
			return
		}
		body, err := answer.encode()
		if err != nil || !json.Valid(body) || strings.ContainsRune(string(body), '\n') {
			t.Fatalf("the answer to %q is %q, %v", frame, body, err)
		}
	})
}

func TestIDKey(t *testing.T) {
	t.Parallel()
	if idKey(json.RawMessage(`"a"`)) != idKey(json.RawMessage(`"\u0061"`)) {
		t.Error("one string in two spellings has two keys")
	}
	if idKey(json.RawMessage(`"1"`)) == idKey(json.RawMessage(`1`)) {
		t.Error("a string and a number share a key")
	}
}
