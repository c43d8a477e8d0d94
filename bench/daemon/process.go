package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// server is a daemon process and the home that it serves.
type server struct {
	home    string
	command *exec.Cmd
	client  *rpc.Client
	answer  time.Duration // from the process's beginning to its first answer
}

// startServer starts a daemon of which so many jobs run at once, and waits for its first answer.
func startServer(ctx context.Context, home string, concurrent int) (*server, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(filepath.Dir(home), "daemon.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &server{home: home, command: exec.CommandContext(ctx, executable, roleDaemon, home, strconv.Itoa(concurrent))}
	s.command.Stderr = log
	s.command.Env = append(os.Environ(), "SCU_HOME="+home)
	began := time.Now()
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	if s.client, err = connect(ctx, home); err != nil {
		return nil, fmt.Errorf("%w (see %s)", err, log.Name())
	}
	if _, err := s.client.DaemonStatus(ctx); err != nil {
		return nil, err
	}
	s.answer = time.Since(began)
	return s, nil
}

// dialEvery is how often a client that waits for a daemon tries. It is what a start's time is off by at most.
const dialEvery = time.Millisecond

func connect(ctx context.Context, home string) (*rpc.Client, error) {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(dialEvery) {
		client, err := rpc.Connect(ctx, rpc.Options{Home: home, Client: protocol.ClientInfo{Name: "bench"}})
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return client, err
		}
	}
}

// stop ends the daemon as SIGTERM does, with its jobs put back into the queue.
func (s *server) stop(ctx context.Context) error {
	if _, err := s.client.Shutdown(ctx, protocol.ShutdownNow); err != nil {
		return err
	}
	_ = s.client.Close() // the daemon closes it too
	if err := s.command.Wait(); err != nil {
		return fmt.Errorf("the daemon ended badly: %w", err)
	}
	return nil
}

// memory is what the daemon holds resident now, and the most that it has held, in bytes.
func (s *server) memory() (now, most int64, err error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	values := map[string]int64{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		kilobytes, found := strings.CutSuffix(strings.TrimSpace(value), " kB")
		if !found {
			continue
		}
		n, err := strconv.ParseInt(kilobytes, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		values[key] = n << 10
	}
	return values["VmRSS"], values["VmHWM"], lines.Err()
}
