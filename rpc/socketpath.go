package rpc

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// maxSocketPath is the longest path, in bytes, that fits the kernel's sockaddr_un with its final NUL.
const maxSocketPath = 107

// SocketPath returns where the daemon of a home listens. Client and daemon each compute it, so it depends on nothing but
// home and the environment:
//
//   - $XDG_RUNTIME_DIR/scu/daemon.sock for the default home ~/.scu, when that variable holds an absolute path;
//   - otherwise daemon.sock in the home;
//   - and where that would exceed 107 bytes, scu-<uid>/<hash of the home>.sock in the system's temporary directory.
func SocketPath(home string) string {
	home = filepath.Clean(home)
	path := filepath.Join(home, "daemon.sock")
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		if standard, err := defaultHome(); err == nil && home == standard {
			path = filepath.Join(runtime, "scu", "daemon.sock")
		}
	}
	if len(path) <= maxSocketPath {
		return path
	}
	sum := sha256.Sum256([]byte(home))
	directory := fmt.Sprintf("scu-%d", os.Geteuid())
	return filepath.Join(os.TempDir(), directory, hex.EncodeToString(sum[:8])+".sock")
}
