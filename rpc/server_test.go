package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// inBothFramings runs a test once a framing.
func inBothFramings(t *testing.T, test func(t *testing.T, f framing)) {
	t.Helper()
	for name, f := range bothFramings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

func TestConversation(t *testing.T) {
	t.Parallel()
	inBothFramings(t, func(t *testing.T, f framing) {
		server := startServer(t, &Server{
			Info:    protocol.ServerInfo{Name: "scu", Version: "9", BuildID: "b", InstanceID: "i"},
			Methods: []string{"one", "two"},
		}, echo)
		peer := server.dialRaw(t, f)
		peer.call("1", "one", "{}")
		if a := peer.next(); a.code() != protocol.RPCNotInitialized || string(a.ID) != "1" {
			t.Errorf("a call before initialize was answered with %+v", a)
		}
		peer.send(`{"jsonrpc":"2.0","method":"anything"}`) // ignored, as every notification before initialize
		peer.send(helloMessage)
		hello := peer.next()
		var result protocol.InitializeResult
		if err := json.Unmarshal(hello.Result, &result); err != nil {
			t.Fatalf("initialize was answered with %+v: %v", hello, err)
		}
		if result.Server != server.Info || result.ProtocolVersion != 1 || len(result.Capabilities.Methods) != 2 ||
			result.Limits.MaxFrameBytes != protocol.MaxFrameBytes || result.Notice != "" {
			t.Errorf("initialize answered %+v", result)
		}
		peer.send(helloMessage)
		if a := peer.next(); a.code() != protocol.RPCInvalidRequest || !strings.Contains(a.Error.Message, "already") {
			t.Errorf("a second initialize was answered with %+v", a)
		}
		peer.send(`{"jsonrpc":"2.0","method":"$/unknown"}`)
		peer.send(`{"jsonrpc":"2.0","method":"unknown","params":5}`)
		peer.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"nobody"}}`)
		peer.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":[]}`)
		peer.send(`{"jsonrpc":"2.0","id":3,"result":null}`)
		peer.call(`"x"`, "one", `{"n": [1, "é\n<"]}`)
		if a := peer.next(); string(a.ID) != `"x"` || string(a.Result) != `{"n":[1,"é\n\u003c"]}` {
			t.Errorf("echo answered %s: %s", a.ID, a.Result)
		}
	})
}

// One bad message gets its error, and the connection goes on.
func TestBadMessagesAreAnswered(t *testing.T) {
	t.Parallel()
	inBothFramings(t, func(t *testing.T, f framing) {
		peer := startServer(t, &Server{}, echo).dialRaw(t, f).greet()
		for _, bad := range []struct {
			message string
			code    int
		}{
			{`{"jsonrpc":`, protocol.RPCParseError},
			{"{\"a\":\"\xc3\"}", protocol.RPCParseError},
			{strings.Repeat(`{"a":`, 100_000), protocol.RPCParseError},
			{`[{"jsonrpc":"2.0","id":1,"method":"m"}]`, protocol.RPCInvalidRequest},
			{`{"jsonrpc":"2.0","id":[],"method":"m"}`, protocol.RPCInvalidRequest},
		} {
			peer.send(bad.message)
			if a := peer.next(); a.code() != bad.code || string(a.ID) != "null" {
				t.Errorf("%.60q was answered with %+v, want code %d", bad.message, a, bad.code)
			}
		}
		peer.call("1", "m", "{}")
		if a := peer.next(); a.Error != nil {
			t.Errorf("after bad messages a good one was answered with %+v", a.Error)
		}
	})
}

func TestGiantFrameEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		framing framing
		frame   []byte
	}{
		"line":   {framingLines, []byte(strings.Repeat("x", protocol.MaxFrameBytes+32<<10))},
		"header": {framingHeaders, fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", protocol.MaxFrameBytes+1)},
		"absurd": {framingHeaders, []byte("Content-Length: 99999999999999999999\r\n\r\n")},
		"broken": {framingHeaders, []byte("Content-Size: 5\r\n\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, &Server{}, echo)
			peer := server.dialRaw(t, test.framing).greet()
			_, _ = peer.conn.Write(test.frame) // the server may close before it has read everything
			if a := peer.next(); a.code() != protocol.RPCInvalidRequest || !strings.Contains(a.Error.Message, "closed") {
				t.Errorf("answered with %+v", a)
			}
			if _, err := peer.reader.next(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the connection goes on: %v", err)
			}
			receive(t, server.handler.closed, "the session's end")
		})
	}
}

func TestFrameAtTheLimitIsServed(t *testing.T) {
	t.Parallel()
	inBothFramings(t, func(t *testing.T, f framing) {
		server := startServer(t, &Server{}, func(_ context.Context, _ *Session, _ string, params json.RawMessage) (any, error) {
			return len(params), nil
		})
		peer := server.dialRaw(t, f).greet()
		const around = `{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":""}}`
		fill := strings.Repeat("x", protocol.MaxFrameBytes-len(around))
		peer.send(`{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":"` + fill + `"}}`)
		if a := peer.next(); string(a.Result) != fmt.Sprint(len(fill)+len(`{"x":""}`)) {
			t.Errorf("answered with %s, %+v", a.Result, a.Error)
		}
	})
}

func TestHandshakeVersion(t *testing.T) {
	t.Parallel()
	server := startServer(t, &Server{Info: protocol.ServerInfo{Version: "2", BuildID: "new"}}, echo)
	for name, test := range map[string]struct {
		params  string
		code    int
		message string
		hint    string
	}{
		"newer":      {`{"client":{"name":"c","version":"1"},"protocol_version":7,"novelty":true}`, protocol.RPCRefused, "version 7 and the daemon version 1", "the daemon is the older"},
		"older":      {`{"client":{"name":"c","version":"1"},"protocol_version":-1}`, protocol.RPCRefused, "version -1 and the daemon version 1", "the client is the older"},
		"missing":    {`{"client":{"name":"c","version":"1"}}`, protocol.RPCRefused, "protocol_version is missing", "send"},
		"wrong type": {`{"client":{"name":5},"protocol_version":1}`, protocol.RPCInvalidParams, "client.name must be a string", ""},
		"no object":  {`[1]`, protocol.RPCInvalidParams, "params must be an object", ""},
	} {
		peer := server.dialRaw(t, framingLines)
		peer.call("1", "initialize", test.params)
		a := peer.next()
		if a.code() != test.code || !strings.Contains(a.Error.Message, test.message) || a.Error.Data == nil || !strings.Contains(a.Error.Data.Hint, test.hint) {
			t.Errorf("%s: answered with %+v", name, a.Error)
		}
		peer.call("2", "m", "{}")
		if a := peer.next(); a.code() != protocol.RPCNotInitialized {
			t.Errorf("%s: a call after a refused handshake was answered with %+v", name, a)
		}
		peer.greet()
	}
}

func TestHandshakeNoticesAnotherBuild(t *testing.T) {
	t.Parallel()
	server := startServer(t, &Server{Info: protocol.ServerInfo{Version: "2", BuildID: "new"}}, echo)
	for build, notice := range map[string]bool{"new": false, "old": true, "": false} {
		client, err := Connect(context.Background(), Options{Home: server.home, Client: protocol.ClientInfo{Name: "c", Version: "1", BuildID: build}})
		if err != nil {
			t.Fatal(err)
		}
		if got := client.Server().Notice; (got != "") != notice || notice && !strings.Contains(got, "build old") {
			t.Errorf("build %q: the notice is %q", build, got)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSessionKnowsItsClient(t *testing.T) {
	t.Parallel()
	server := startServer(t, &Server{}, func(_ context.Context, session *Session, _ string, _ json.RawMessage) (any, error) {
		return []any{session.ID(), session.Client().Name}, nil
	})
	for want := 1; want <= 2; want++ {
		peer := server.dialRaw(t, framingLines).greet()
		peer.call("1", "who", "{}")
		if a := peer.next(); string(a.Result) != fmt.Sprintf(`[%d,"raw"]`, want) {
			t.Errorf("session %d says %s", want, a.Result)
		}
	}
}

func TestErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	server := startServer(t, &Server{}, func(_ context.Context, _ *Session, method string, params json.RawMessage) (any, error) {
		switch method {
		case "refuse":
			refused := protocol.NewError(protocol.CodeModelNotFound, "no model %q", "m").WithHint("pull it")
			refused.Retryable = true
			return nil, fmt.Errorf("look up: %w", refused)
		case "params":
			_, err := DecodeParams[protocol.IDParams](params)
			return nil, err
		case "fail":
			return nil, errors.New("open /secret: no")
		case "panic":
			panic("secret panic")
		case "unencodable":
			return make(chan int), nil
		case "giant":
			return strings.Repeat("x", protocol.MaxFrameBytes), nil
		}
		return nil, ErrMethodNotFound
	})
	peer := server.dialRaw(t, framingLines).greet()
	for _, test := range []struct {
		method, params string
		code           int
		data           protocol.ErrorCode
		message        string
	}{
		{"refuse", `{}`, protocol.RPCRefused, protocol.CodeModelNotFound, `no model "m"`},
		{"params", `{"ids":"x"}`, protocol.RPCInvalidParams, protocol.CodeInvalidConfig, `the field "ids" is not known`},
		{"params", `["x"]`, protocol.RPCInvalidParams, protocol.CodeInvalidConfig, "must be an object"},
		{"fail", `{}`, protocol.RPCInternal, protocol.CodeInternal, "the daemon failed at fail"},
		{"panic", `{}`, protocol.RPCInternal, protocol.CodeInternal, "the daemon failed at panic"},
		{"unencodable", `{}`, protocol.RPCInternal, protocol.CodeInternal, "the daemon failed"},
		{"giant", `{}`, protocol.RPCRefused, protocol.CodeQuotaExceeded, "the limit is"},
		{"no/such", `{}`, protocol.RPCMethodNotFound, "", `"no/such" is not known`},
	} {
		peer.call("1", test.method, test.params)
		a := peer.next()
		if a.code() != test.code || !strings.Contains(a.Error.Message, test.message) || strings.Contains(a.Error.Message, "secret") {
			t.Errorf("%s: answered with %+v", test.method, a.Error)
			continue
		}
		if got := a.Error.Data; (got == nil) != (test.data == "") || got != nil && got.Code != test.data {
			t.Errorf("%s: the data is %+v", test.method, got)
		}
	}
	for _, logged := range []string{"open /secret", "secret panic", "server_test.go"} {
		if !strings.Contains(server.log.String(), logged) {
			t.Errorf("the log lacks %q", logged)
		}
	}
}

func TestRefuseAnotherUser(t *testing.T) {
	t.Parallel()
	listener, err := Listen(shortHome(t))
	if err != nil {
		t.Fatal(err)
	}
	listener.uid++
	server := serveOn(t, listener, &Server{}, echo)
	peer := server.dialRaw(t, framingLines)
	if a := peer.next(); a.code() != protocol.RPCRefused || !strings.Contains(a.Error.Message, "uid") {
		t.Errorf("another user was answered with %+v", a)
	}
	peer.expectEnd()
	_, err = Connect(context.Background(), Options{Home: server.home})
	var refused *protocol.Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "uid") {
		t.Errorf("a client of another user got %v", err)
	}
}

func TestServeEndsEverything(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	server := startServer(t, &Server{}, func(ctx context.Context, _ *Session, _ string, _ json.RawMessage) (any, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	peer := server.dialRaw(t, framingHeaders).greet()
	idle := server.dialRaw(t, framingLines).greet()
	silent := server.dialRaw(t, framingLines) // never says anything
	peer.call("1", "wait", "{}")
	receive(t, entered, "the call")
	server.stop()
	if a := peer.next(); a.code() != protocol.RPCRefused || a.Error.Data == nil || !a.Error.Data.Retryable {
		t.Errorf("a call at the daemon's end was answered with %+v", a)
	}
	for _, p := range []*rawPeer{peer, idle, silent} {
		p.expectEnd()
	}
	if _, err := Connect(context.Background(), Options{Home: server.home}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end Connect gave %v", err)
	}
	if !lockHeld(server.home) {
		t.Error("Serve gave up the lock, which is the listener's")
	}
}
