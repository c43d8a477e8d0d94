package rpc

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// checkPeer refuses a connection whose other end is not a process of the user uid. The kernel vouches for it
// (SO_PEERCRED: who the peer was when it connected, or when it listened), so it holds even where file modes do not.
func checkPeer(conn *net.UnixConn, uid int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("ask who the peer is: %w", err)
	}
	var peer *unix.Ucred
	var peerErr error
	err = raw.Control(func(fd uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = peerErr
	}
	if err != nil {
		return fmt.Errorf("ask who the peer is: %w", err)
	}
	if int(peer.Uid) != uid {
		return fmt.Errorf("the peer (pid %d) runs as uid %d and this side as uid %d: each user has a daemon of their own", peer.Pid, peer.Uid, uid)
	}
	return nil
}

// hungUp reports whether the peer has closed the connection altogether. A peer that only closed its sending half has
// not, though reading ends in both cases alike.
func hungUp(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	hup := false
	err = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		if n, pollErr := unix.Poll(poll, 0); pollErr == nil && n > 0 {
			hup = poll[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		}
	})
	return hup || err != nil
}
