package install

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/shannon-labs/scu/protocol"
)

// CodeInstallFailed is the code of every failure here but a full disk, which is [protocol.CodeOutOfDisk].
const CodeInstallFailed protocol.ErrorCode = "install_failed"

func failure(format string, args ...any) *protocol.Error {
	return protocol.NewError(CodeInstallFailed, format, args...)
}

// fileFailure tells a full disk apart from any other failure to write or read a file.
func fileFailure(doing string, err error) *protocol.Error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return protocol.NewError(protocol.CodeOutOfDisk, "%s: the disk is full", doing).
			WithHint("make room, or set SCU_HOME to a directory on another disk, and run `scu setup` again")
	}
	return failure("%s: %v", doing, err).
		WithHint("make sure that you may write in $SCU_HOME and run `scu setup` again")
}

// pipFailure explains why pip did not fetch p, from the last lines that it wrote.
func pipFailure(p Package, python, lastLines string, err error) *protocol.Error {
	what := fmt.Sprintf("pip could not fetch %s %s (%s)", p.Name, p.Version, p.Title)
	contains := func(any ...string) bool {
		for _, text := range any {
			if strings.Contains(lastLines, text) {
				return true
			}
		}
		return false
	}
	switch {
	case contains("No module named pip"):
		return failure("%s has no pip, which fetches the %s", python, p.Title).
			WithHint("install it (on Debian and Ubuntu: apt-get install python3-pip; elsewhere: python3 -m ensurepip) and run `scu setup` again")
	case contains("No space left on device"):
		return protocol.NewError(protocol.CodeOutOfDisk, "%s: the disk is full", what).
			WithHint("make room in $SCU_HOME and in the directory for temporary files, and run `scu setup` again")
	case contains("DO NOT MATCH THE HASHES"):
		return failure("%s: the package index served a file with another SHA-256 than %s", what, p.WheelSHA256).
			WithHint("the file was altered or replaced; check which package index pip is set to (python3 -m pip config list)")
	case contains("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError", "Max retries exceeded", "SSLError"):
		return failure("%s: the package index cannot be reached; pip's last words:\n%s", what, indent(lastLines)).
			WithHint("check the network, the proxy and pip's index settings (python3 -m pip config list), and run `scu setup` again")
	case contains("No matching distribution found"):
		return failure("%s: the package index has no such file for this machine; pip's last words:\n%s", what, indent(lastLines)).
			WithHint("a pip older than 20.3 does not know newer wheels: python3 -m pip install --upgrade pip; else check pip's index settings")
	}
	return failure("%s: %v; pip's last words:\n%s", what, err, indent(lastLines)).
		WithHint("mend what pip names and run `scu setup` again")
}

func indent(lines string) string {
	if lines == "" {
		return "    (it said nothing)"
	}
	return "    " + strings.ReplaceAll(lines, "\n", "\n    ")
}
