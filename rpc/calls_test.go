package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// untilDone is a handler whose calls end with their context; it says when one begins.
func untilDone(entered chan<- string) handleFunc {
	return func(ctx context.Context, _ *Session, method string, params json.RawMessage) (any, error) {
		if method == "echo" {
			return params, nil
		}
		select {
		case entered <- method:
			<-ctx.Done()
		case <-ctx.Done():
		}
		return nil, fmt.Errorf("wait: %w", ctx.Err())
	}
}

func TestCancelRequest(t *testing.T) {
	t.Parallel()
	inBothFramings(t, func(t *testing.T, f framing) {
		entered := make(chan string, 100)
		peer := startServer(t, &Server{}, untilDone(entered)).dialRaw(t, f).greet()
		peer.call(`"one"`, "wait", "{}")
		peer.call("2", "wait", "{}")
		receive(t, entered, "the first call")
		receive(t, entered, "the second call")
		peer.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"\u006fne"}}`)
		if a := peer.next(); a.code() != protocol.RPCRequestCancelled || string(a.ID) != `"one"` {
			t.Errorf("the cancelled call was answered with %+v", a)
		}
		peer.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}}`)
		if a := peer.next(); a.code() != protocol.RPCRequestCancelled || string(a.ID) != "2" {
			t.Errorf("the cancelled call was answered with %+v", a)
		}
	})
}

// The seventeenth call waits its turn and can be cancelled while it does; nothing else of the connection waits with it.
func TestConcurrentCallsAreLimited(t *testing.T) {
	t.Parallel()
	entered := make(chan string, 100)
	peer := startServer(t, &Server{}, untilDone(entered)).dialRaw(t, framingLines).greet()
	for id := range maxConcurrent + 2 {
		peer.call(fmt.Sprint(id), fmt.Sprintf("wait %d", id), "{}")
	}
	for id := range maxConcurrent {
		if got := receive(t, entered, "a call"); got != fmt.Sprintf("wait %d", id) {
			t.Errorf("call %d to begin is %q", id, got)
		}
	}
	cancel := func(id int) {
		peer.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}`, id))
		if a := peer.next(); a.code() != protocol.RPCRequestCancelled || string(a.ID) != fmt.Sprint(id) {
			t.Errorf("the cancelled call %d was answered with %+v", id, a)
		}
	}
	cancel(maxConcurrent) // it has not begun
	select {
	case method := <-entered:
		t.Errorf("%q began above the limit", method)
	default:
	}
	cancel(0)
	if got, want := receive(t, entered, "the call that waited"), fmt.Sprintf("wait %d", maxConcurrent+1); got != want {
		t.Errorf("%q began, want %q", got, want)
	}
}

func TestCallsStartInOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var begun []string
	peer := startServer(t, &Server{}, func(_ context.Context, _ *Session, method string, _ json.RawMessage) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		begun = append(begun, method)
		return nil, nil
	}).dialRaw(t, framingLines).greet()
	var want []string
	var all strings.Builder
	for id := range 200 {
		want = append(want, fmt.Sprintf("m%d", id))
		fmt.Fprintf(&all, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"m%d\"}\n", id, id)
	}
	peer.write([]byte(all.String()))
	for id := range want {
		if a := peer.next(); string(a.ID) != fmt.Sprint(id) || string(a.Result) != "null" {
			t.Fatalf("answer %d is %s: %s", id, a.ID, a.Result)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(begun, want) {
		t.Errorf("the calls began in the order %v", begun)
	}
}

func TestDuplicateID(t *testing.T) {
	t.Parallel()
	entered := make(chan string, 100)
	peer := startServer(t, &Server{}, untilDone(entered)).dialRaw(t, framingLines).greet()
	peer.call("5", "wait", "{}")
	receive(t, entered, "the call")
	peer.call("5", "echo", "{}")
	if a := peer.next(); a.code() != protocol.RPCInvalidRequest || !strings.Contains(a.Error.Message, "id 5 is still in progress") {
		t.Errorf("the second call of the id was answered with %+v", a)
	}
	peer.call(`"5"`, "echo", "{}")
	if a := peer.next(); a.Error != nil {
		t.Errorf("the string is another id, and was answered with %+v", a.Error)
	}
	peer.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":5}}`)
	if a := peer.next(); a.code() != protocol.RPCRequestCancelled {
		t.Errorf("cancel was answered with %+v", a)
	}
	peer.call("5", "echo", "{}")
	if a := peer.next(); a.Error != nil {
		t.Errorf("the id is free after the answer, and was answered with %+v", a.Error)
	}
}

// Calls beyond what may wait are refused at once, so that the reader stays free.
func TestTooManyWaitingCalls(t *testing.T) {
	t.Parallel()
	entered := make(chan string, 100)
	peer := startServer(t, &Server{}, untilDone(entered)).dialRaw(t, framingLines).greet()
	for id := range maxConcurrent {
		peer.call(fmt.Sprint(id), "wait", "{}")
		receive(t, entered, "a call")
	}
	fill := `{"x":"` + strings.Repeat("x", 7<<20) + `"}`
	for id := 100; id < 104; id++ { // the starter holds one, two wait, the next exceeds the bound on bytes
		peer.call(fmt.Sprint(id), "wait", fill)
	}
	a := peer.next()
	if a.code() != protocol.RPCRefused || a.Error.Data == nil || a.Error.Data.Code != protocol.CodeQuotaExceeded || !a.Error.Data.Retryable {
		t.Errorf("a call beyond the bound was answered with %+v", a)
	}
	for id := range 2 * maxWaiting {
		peer.call(fmt.Sprint(1000+id), "wait", "{}")
		if id > maxWaiting {
			if a := peer.next(); a.code() != protocol.RPCRefused {
				t.Fatalf("call %d was answered with %+v", id, a)
			}
			break
		}
	}
}

// A peer that goes away ends its calls; nobody else's.
func TestDisconnectEndsCalls(t *testing.T) {
	t.Parallel()
	entered := make(chan string, 100)
	ended := make(chan error, 100)
	wait := untilDone(entered)
	server := startServer(t, &Server{}, func(ctx context.Context, session *Session, method string, params json.RawMessage) (any, error) {
		result, err := wait(ctx, session, method, params)
		if session.ID() == 1 && method == "wait" {
			ended <- session.Context().Err()
		}
		return result, err
	})
	peer := server.dialRaw(t, framingLines).greet()
	peer.call("1", "wait", "{}")
	receive(t, entered, "the call")
	other := server.dialRaw(t, framingLines).greet()
	if err := peer.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, ended, "the end of the call"); !errors.Is(err, context.Canceled) {
		t.Errorf("the session's context says %v", err)
	}
	if session := receive(t, server.handler.closed, "Closed"); session.ID() != 1 {
		t.Errorf("session %d was closed", session.ID())
	}
	other.call("1", "echo", "{}")
	if a := other.next(); a.Error != nil {
		t.Errorf("the other peer was answered with %+v", a.Error)
	}
}

// A peer that closes its sending half gets what it asked for, and then the end.
func TestHalfOpenPeer(t *testing.T) {
	t.Parallel()
	inBothFramings(t, func(t *testing.T, f framing) {
		entered, release := make(chan struct{}), make(chan struct{})
		server := startServer(t, &Server{}, func(_ context.Context, _ *Session, method string, _ json.RawMessage) (any, error) {
			entered <- struct{}{}
			<-release
			return method, nil
		})
		peer := server.dialRaw(t, f)
		peer.send(helloMessage)
		peer.call("1", "slow", "{}")
		if err := peer.conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		peer.next()
		receive(t, entered, "the call")
		close(release)
		if a := peer.next(); string(a.Result) != `"slow"` {
			t.Errorf("the half-open peer was answered with %+v", a)
		}
		peer.expectEnd()
		receive(t, server.handler.closed, "Closed")
	})
}

// After closing its sending half a peer may still go away, which ends its calls.
func TestHalfOpenPeerGoesAway(t *testing.T) {
	t.Parallel()
	entered := make(chan string, 1)
	server := startServer(t, &Server{}, untilDone(entered))
	peer := server.dialRaw(t, framingLines).greet()
	peer.call("1", "wait", "{}")
	receive(t, entered, "the call")
	if err := peer.conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := peer.conn.Close(); err != nil {
		t.Fatal(err)
	}
	receive(t, server.handler.closed, "Closed")
}

// The last line needs no newline, as in `printf '{…}' | socat`.
func TestLastLineWithoutNewline(t *testing.T) {
	t.Parallel()
	peer := startServer(t, &Server{}, echo).dialRaw(t, framingLines).greet()
	peer.write([]byte(`{"jsonrpc":"2.0","id":1,"method":"m","params":{}}`))
	if err := peer.conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := peer.next(); string(a.Result) != "{}" {
		t.Errorf("answered with %+v", a)
	}
	peer.expectEnd()
}

func TestPeerThatNeverInitializes(t *testing.T) {
	t.Parallel()
	server := startServer(t, &Server{handshakeTimeout: 20 * time.Millisecond}, echo)
	peer := server.dialRaw(t, framingLines)
	if a := peer.next(); a.code() != protocol.RPCNotInitialized {
		t.Errorf("answered with %+v", a)
	}
	peer.expectEnd()
	patient := startServer(t, &Server{handshakeTimeout: time.Second}, echo).dialRaw(t, framingLines).greet()
	_ = patient.conn.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
	if _, err := patient.reader.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection that has shaken hands ended at the handshake's time limit: %v", err)
	}
}

// A peer that reads nothing loses its connection after the write deadline, and nobody else notices.
func TestPeerThatNeverReads(t *testing.T) {
	t.Parallel()
	const large = 1 << 20
	server := startServer(t, &Server{writeTimeout: 200 * time.Millisecond}, func(_ context.Context, _ *Session, method string, _ json.RawMessage) (any, error) {
		if method == "large" {
			return strings.Repeat("x", large), nil
		}
		return nil, nil
	})
	deaf := server.dialRaw(t, framingLines).greet()
	for id := range 40 {
		deaf.call(fmt.Sprint(id), "large", "{}")
	}
	other := server.connect(t)
	for {
		select {
		case session := <-server.handler.closed:
			if session.Client().Name != "raw" {
				t.Errorf("the session of %q was closed", session.Client().Name)
			}
			if !strings.Contains(server.log.String(), "read nothing") {
				t.Errorf("the log does not say why: %s", server.log)
			}
			return
		default:
			if err := other.Call(context.Background(), "small", nil, nil); err != nil {
				t.Fatalf("another client suffers: %v", err)
			}
		}
	}
}

func TestNotifyWaitsForRoom(t *testing.T) {
	t.Parallel()
	sessions := make(chan *Session, 1)
	server := startServer(t, &Server{}, func(_ context.Context, session *Session, _ string, _ json.RawMessage) (any, error) {
		sessions <- session
		return nil, nil
	})
	peer := server.dialRaw(t, framingLines).greet()
	peer.call("1", "m", "{}")
	peer.next()
	session := receive(t, sessions, "the session")
	// Notify until it has to wait: then a short context shows that it does.
	event := map[string]string{"fill": strings.Repeat("x", 1<<20)}
	sent := 0
	for ; ; sent++ {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		err := session.Notify(ctx, "event", event)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil || sent > 100 {
			t.Fatalf("notification %d: %v, want a wait for room", sent, err)
		}
	}
	// Reading makes room, and nothing that was accepted is lost.
	woken := make(chan error, 1)
	go func() { woken <- session.Notify(context.Background(), "last", nil) }()
	for range sent {
		if a := peer.next(); a.Method != "event" {
			t.Fatalf("got %+v", a)
		}
	}
	if a := peer.next(); a.Method != "last" {
		t.Errorf("got %+v", a)
	}
	if err := receive(t, woken, "the waiting Notify"); err != nil {
		t.Error(err)
	}
	if err := session.Notify(context.Background(), "giant", strings.Repeat("x", protocol.MaxFrameBytes)); err == nil {
		t.Error("a notification above the limit was accepted")
	}
	if err := session.Notify(context.Background(), "bad", make(chan int)); err == nil {
		t.Error("a notification that cannot be encoded was accepted")
	}
	_ = peer.conn.Close()
	receive(t, server.handler.closed, "Closed")
	if err := session.Notify(context.Background(), "late", nil); !errors.Is(err, errOutboxClosed) {
		t.Errorf("a notification after the end gave %v", err)
	}
}

func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	server := startServer(t, &Server{maxConnections: 2}, echo)
	first := server.dialRaw(t, framingLines).greet()
	server.dialRaw(t, framingHeaders).greet()
	third := server.dialRaw(t, framingLines)
	if a := third.next(); a.code() != protocol.RPCRefused || !strings.Contains(a.Error.Message, "2 connections") {
		t.Errorf("the third connection was answered with %+v", a)
	}
	third.expectEnd()
	_, err := Connect(context.Background(), Options{Home: server.home})
	var refused *protocol.Error
	if !errors.As(err, &refused) || refused.Code != protocol.CodeQuotaExceeded {
		t.Errorf("a client beyond the limit got %v", err)
	}
	_ = first.conn.Close()
	receive(t, server.handler.closed, "Closed")
	// The place is free a moment after Closed, when the session's goroutine has ended.
	deadline := time.Now().Add(patience)
	for {
		client, err := Connect(context.Background(), Options{Home: server.home})
		if err == nil {
			_ = client.Close()
			return
		}
		if !errors.As(err, &refused) || time.Now().After(deadline) {
			t.Fatalf("after a connection ended: %v", err)
		}
	}
}
