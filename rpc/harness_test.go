package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// patience is how long a test waits for what must happen. It is only ever used up by a failure.
const patience = 20 * time.Second

type handleFunc func(ctx context.Context, session *Session, method string, params json.RawMessage) (any, error)

type testHandler struct {
	handle handleFunc
	closed chan *Session
}

func newTestHandler(handle handleFunc) *testHandler {
	return &testHandler{handle: handle, closed: make(chan *Session, 100)}
}

func (h *testHandler) Handle(ctx context.Context, session *Session, method string, params json.RawMessage) (any, error) {
	return h.handle(ctx, session, method, params)
}

func (h *testHandler) Closed(session *Session) {
	select {
	case h.closed <- session:
	default:
	}
}

func echo(_ context.Context, _ *Session, _ string, params json.RawMessage) (any, error) {
	return params, nil
}

// shortHome is a home whose path leaves room for the socket's name, which t.TempDir does not promise.
func shortHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "scu")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return home
}

// testServer is a server on a real socket that ends with its test.
type testServer struct {
	*Server
	home    string
	handler *testHandler
	log     *lockedBuffer
	stop    func() // ends Serve and waits for it; the lock stays held until the test ends
}

func startServer(t *testing.T, server *Server, handle handleFunc) *testServer {
	t.Helper()
	listener, err := Listen(shortHome(t))
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, listener, server, handle)
}

func serveOn(t *testing.T, listener *Listener, server *Server, handle handleFunc) *testServer {
	t.Helper()
	log := &lockedBuffer{}
	s := &testServer{Server: server, home: listener.home, handler: newTestHandler(handle), log: log}
	server.Handler = s.handler
	server.Logger = slog.New(slog.NewTextHandler(log, nil))
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := receive(t, served, "the end of Serve"); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		s.stop()
		if err := listener.Close(); err != nil {
			t.Errorf("close the listener: %v", err)
		}
	})
	return s
}

func (s *testServer) connect(t *testing.T) *Client {
	t.Helper()
	client, err := Connect(context.Background(), Options{Home: s.home, Client: protocol.ClientInfo{Name: "test", Version: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// receive takes a value from a channel or fails the test.
func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("%s did not come within %s", what, patience)
		panic("not reached")
	}
}

// answer is a message from the server as a raw peer sees it.
type answer struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    *protocol.Error `json:"data"`
	} `json:"error"`
}

func (a answer) code() int {
	if a.Error == nil {
		return 0
	}
	return a.Error.Code
}

// rawPeer speaks to the socket byte by byte, as socat or an editor would.
type rawPeer struct {
	t       *testing.T
	conn    *net.UnixConn
	framing framing
	reader  *frameReader
}

func (s *testServer) dialRaw(t *testing.T, f framing) *rawPeer {
	t.Helper()
	conn, err := net.Dial("unix", SocketPath(s.home))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	reader := newFrameReader(conn)
	return &rawPeer{t: t, conn: conn.(*net.UnixConn), framing: f, reader: reader}
}

const helloMessage = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"client":{"name":"raw","version":"0"},"protocol_version":1}}`

// greet shakes hands.
func (p *rawPeer) greet() *rawPeer {
	p.t.Helper()
	p.send(helloMessage)
	if a := p.next(); a.Error != nil || string(a.ID) != `"hello"` {
		p.t.Fatalf("initialize was answered with %+v", a)
	}
	return p
}

func (p *rawPeer) send(message string) {
	p.t.Helper()
	p.write(p.framing.frame([]byte(message)))
}

func (p *rawPeer) write(text []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(text); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

func (p *rawPeer) call(id, method, params string) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params))
}

// next reads one message, in the framing that the peer chose and no other.
func (p *rawPeer) next() answer {
	p.t.Helper()
	frame, err := p.reader.next()
	if err != nil {
		p.t.Fatalf("read an answer: %v", err)
	}
	if p.reader.framing != p.framing {
		p.t.Fatalf("the answer comes in framing %d and the peer speaks %d", p.reader.framing, p.framing)
	}
	var a answer
	if err := json.Unmarshal(frame, &a); err != nil {
		p.t.Fatalf("the answer %q is not JSON: %v", frame, err)
	}
	if a.Version != "2.0" {
		p.t.Fatalf("the answer %q lacks jsonrpc 2.0", frame)
	}
	return a
}

// expectEnd fails unless the server closes the connection without another word.
func (p *rawPeer) expectEnd() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.reader.source); err != nil || len(rest) > 0 {
		p.t.Errorf("the connection did not end quietly: %q, %v", rest, err)
	}
}

var bothFramings = map[string]framing{"lines": framingLines, "headers": framingHeaders}
