// Package rpc carries the calls of package protocol between a client and the daemon: JSON-RPC 2.0 over a Unix socket.
//
// It is for transport and nothing else. It finds the socket, keeps a second daemon away, frames bytes, shakes hands,
// starts calls in order, cancels them, bounds what one peer may cost, and gives Go programs a typed [Client] that starts
// the daemon when none runs. What a method means is the [Handler]'s business; the wire types are protocol's.
//
// # Layers
//
//   - Place: home.go and socketpath.go say where the daemon lives, listen.go takes the place, inherited.go with a socket
//     that a service manager opened, peer.go checks who calls.
//   - Bytes: framing.go cuts frames in two framings, told apart by a connection's first byte; outbox.go is the bounded
//     queue through which everything leaves, with its one writer and its deadline.
//   - Messages: message.go reads a request out of a frame, params.go its parameters, errors.go turns Go errors into
//     JSON-RPC errors.
//   - Server: server.go accepts, session.go is one connection, handshake.go its first call, calls.go its calls in
//     progress.
//   - Client: connect.go dials, and starts a daemon when none runs, start.go detaches it, clientstream.go puts
//     sourcegraph/jsonrpc2 on the socket, client.go calls, methods.go gives each method its types, subscription.go follows
//     a job.
//
// # One connection
//
// A session has one goroutine that reads and never runs a handler, so a cancellation is always read; one that starts
// calls in the order they came; one a call in progress, at most 16; and one that writes. A call that comes while 16 are in
// progress waits its turn. What waits is bounded too, and what exceeds the bound is refused, not left unread. Everything
// that leaves goes through the outbox. When it is full whoever sends waits, and a peer that takes nothing for the write
// deadline loses its connection, so no peer can hold up another one or the daemon's memory.
//
// A peer that closes its sending half, as a pipe into socat does, still gets the answers to what it asked, and then the
// connection ends. A peer that is gone ends its calls at once.
//
// # Why the server has its own read loop
//
// The client is built on sourcegraph/jsonrpc2. The server takes only the wire error from it: that library ends a
// connection at the first malformed message instead of answering it, folds negative ids into unsigned ones, ignores the
// context when it sends, and starts goroutines that nobody can wait for.
package rpc
