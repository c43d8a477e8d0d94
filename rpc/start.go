package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// logTail is how much of the log's end the error of a failed start shows, in lines and in bytes.
const (
	logTailLines = 10
	logTailBytes = 4096
)

// StartDetached returns an Options.Start that runs `executable arguments…` as a daemon: in a session of its own, so that
// no terminal's end reaches it, with SCU_HOME set to the home, no input, and its output appended to the file logPath.
// The executable's path is absolute, for the daemon's working directory is the home.
//
// The start is done when somebody listens on the home's socket, be it this process or one that was faster. When the
// process ends without that, the error shows the last lines of its log; when ctx ends first, the process is left to go
// on. The process outlives its starter. While the starter lives, one goroutine waits for the process's end, so that none
// stays behind as a zombie.
func StartDetached(executable string, arguments []string, logPath string) func(ctx context.Context, home string) error {
	return func(ctx context.Context, home string) error {
		if err := EnsureHome(home); err != nil {
			return err
		}
		log, begin, err := openLog(logPath)
		if err != nil {
			return err
		}
		defer func() { _ = log.Close() }()
		command := exec.Command(executable, arguments...)
		command.Env = append(os.Environ(), homeVariable+"="+home)
		command.Dir = home
		command.Stdout, command.Stderr = log, log
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := command.Start(); err != nil {
			return fmt.Errorf("run the daemon: %w", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		return awaitListening(ctx, home, ended, logPart{path: logPath, begin: begin})
	}
}

// openLog also returns where the new part will begin.
func openLog(path string) (*os.File, int64, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, 0, fmt.Errorf("make the daemon's log directory: %w", err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the daemon's log: %w", err)
	}
	size, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		_ = log.Close()
		return nil, 0, fmt.Errorf("find the end of the daemon's log: %w", err)
	}
	return log, size, nil
}

func awaitListening(ctx context.Context, home string, ended <-chan error, log logPart) error {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		if listening(home) {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case err := <-ended:
			timer.Stop()
			if listening(home) || lockHeld(home) {
				return nil // another daemon was faster, which is why this one ended
			}
			return fmt.Errorf("the daemon ended at once (%s)%s", exitText(err), log.tail())
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("the daemon does not listen yet: %w%s", ctx.Err(), log.tail())
		}
	}
}

func listening(home string) bool {
	conn, err := net.DialTimeout("unix", SocketPath(home), time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func exitText(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "exit status 0"
	case errors.As(err, &exit):
		return exit.String()
	default:
		return err.Error()
	}
}

// logPart is a log file from where one process's output begins.
type logPart struct {
	path  string
	begin int64
}

// tail returns the last lines, ready to be put behind a message.
func (l logPart) tail() string {
	file, err := os.Open(l.path)
	if err != nil {
		return "; its log cannot be read: " + err.Error()
	}
	defer func() { _ = file.Close() }()
	begin := l.begin
	if info, err := file.Stat(); err == nil {
		if info.Size() < begin { // the process began a new file
			begin = 0
		}
		begin = max(begin, info.Size()-logTailBytes)
	}
	text, err := io.ReadAll(io.NewSectionReader(file, begin, logTailBytes))
	if err != nil {
		return "; its log cannot be read: " + err.Error()
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return "; it wrote nothing to " + l.path
	}
	lines := strings.Split(string(text), "\n")
	lines = lines[max(0, len(lines)-logTailLines):]
	return fmt.Sprintf("; the end of %s:\n%s", l.path, strings.Join(lines, "\n"))
}
