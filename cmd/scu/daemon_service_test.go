package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// notices is a service manager's ear: the socket of NOTIFY_SOCKET.
type notices struct {
	path string
	conn *net.UnixConn
}

func hear(t *testing.T) *notices {
	t.Helper()
	path := filepath.Join(newHome(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &notices{path: path, conn: conn}
}

// expect waits for the next notice.
func (n *notices) expect(t *testing.T, want string) {
	t.Helper()
	if err := n.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1000)
	size, err := n.conn.Read(buffer)
	if got := string(buffer[:size]); err != nil || got != want {
		t.Fatalf("the service manager is told %q, %v; want %q", got, err, want)
	}
}

// logReader reads what a process logs.
type logReader struct {
	reader *bufio.Reader
	seen   strings.Builder
}

func readLog(t *testing.T, from io.Reader, err error) *logReader {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return &logReader{reader: bufio.NewReader(from)}
}

// expect reads on to a line that holds the text.
func (l *logReader) expect(t *testing.T, text string) {
	t.Helper()
	for {
		line, err := l.reader.ReadString('\n')
		l.seen.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("%v before a line with %q:\n%s", err, text, l.seen.String())
		}
	}
}

// TestService is a service's whole life, as its manager sees it: ready, told to read its configuration again twice, the
// second time a wrong one, and stopped.
func TestService(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	writeConfig(t, home, "training:\n  max_retries: 1\n")
	manager := hear(t)
	service := command(t, home, "daemon", "--foreground", "--log-level", "debug")
	service.Env = append(service.Env, "NOTIFY_SOCKET="+manager.path, "HF_TOKEN=hf_verysecret")
	output, err := service.StderrPipe()
	log := readLog(t, output, err)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	hangUp := func() {
		if err := service.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	manager.expect(t, "READY=1")
	log.expect(t, "serving")
	if v := configValue(t, home, "training.max_retries"); v.Value != 1.0 {
		t.Errorf("the daemon runs with %+v", v)
	}
	if v := configValue(t, home, "huggingface.token"); v.Value != "set" || v.Origin != "$HF_TOKEN" {
		t.Errorf("the token is shown as %+v: the daemon has it, this client does not", v)
	}

	writeConfig(t, home, "training:\n  max_retries: 2\n  devices: [cpu=100 GB]\n")
	hangUp()
	manager.expect(t, "RELOADING=1")
	manager.expect(t, "READY=1")
	log.expect(t, "configuration read again")
	if v := configValue(t, home, "training.max_retries"); v.Value != 2.0 {
		t.Errorf("after reading it again the daemon runs with %+v", v)
	}
	if v := configValue(t, home, "training.devices"); configText(v.Value) != "[cpu]" || configText(v.Pending) != "[cpu=100 GB]" {
		t.Errorf("the devices, which hold until a restart, are shown as %+v", v)
	}
	scu(t, home, "config", "show").expect(t, 0, "* takes effect when the daemon is started again")

	writeConfig(t, home, "training:\n  max_retries: many\n")
	hangUp()
	manager.expect(t, "RELOADING=1")
	manager.expect(t, "READY=1")
	log.expect(t, "the one before stays")
	if v := configValue(t, home, "training.max_retries"); v.Value != 2.0 {
		t.Errorf("after a wrong file the daemon runs with %+v", v)
	}

	if err := service.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	manager.expect(t, "STOPPING=1")
	log.expect(t, "stopped")
	if err := service.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	if strings.Contains(log.seen.String(), "hf_verysecret") {
		t.Errorf("the token is in the log:\n%s", log.seen.String())
	}
}

// TestSocketActivatedDaemon lets the first client start the daemon through systemd's own tool.
func TestSocketActivatedDaemon(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not installed; package rpc has a test that hands the socket down itself:", err)
	}
	home := newHome(t)
	arguments := []string{"--listen=" + rpc.SocketPath(home)}
	for _, name := range []string{roleVariable, "SCU_HOME", "HOME", "TMPDIR", "GORACE"} {
		arguments = append(arguments, "--setenv="+name)
	}
	activated := exec.Command(tool, append(arguments, os.Args[0], "daemon", "--foreground")...)
	activated.Env = append(os.Environ(), roleVariable+"=scu", "SCU_HOME="+home, "TMPDIR="+os.TempDir(), "GORACE=atexit_sleep_ms=0")
	output, err := activated.StderrPipe()
	log := readLog(t, output, err)
	if err := activated.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = activated.Process.Kill() }) // it has ended, unless the test failed
	log.expect(t, "Listening on")
	scu(t, home, "daemon", "status").expect(t, exitFailed, "no daemon runs") // asking does not start one
	started := decode[protocol.StatusResult](t, scu(t, home, "daemon", "start", "--json").expect(t, 0, ""))
	if started.PID != activated.Process.Pid { // the tool has become the daemon
		t.Errorf("the daemon is process %d, want %d", started.PID, activated.Process.Pid)
	}
	log.expect(t, "serving")
	ended := make(chan error, 1)
	go func() {
		_, _ = io.Copy(io.Discard, log.reader)
		ended <- activated.Wait()
	}()
	scu(t, home, "daemon", "stop").expect(t, 0, "has stopped")
	if err := <-ended; err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

// TestDaemonLogFile: a full log is rotated, and what the Go runtime says of a crash is in the file that is written then.
func TestDaemonLogFile(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	path := daemonLogPath(home)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	old := bytes.Repeat([]byte("old\n"), daemonLogBytes/4)
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	started := decode[protocol.StatusResult](t, scu(t, home, "daemon", "start", "--json").expect(t, 0, ""))
	if err := syscall.Kill(started.PID, syscall.SIGQUIT); err != nil { // the Go runtime's way to crash on demand
		t.Fatal(err)
	}
	if err := awaitStopped(t.Context(), started.PID); err != nil {
		t.Fatal(err)
	}
	if before, err := os.ReadFile(path + ".1"); err != nil || !bytes.Equal(before, old) {
		t.Errorf("the old file has %d bytes, %v; want %d", len(before), err, len(old))
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "msg=serving") || !strings.Contains(string(text), "SIGQUIT: quit") {
		t.Errorf("the log is %v\n%s", err, text)
	}
}

// A daemon that cannot start shows its reason to the client that starts it.
func TestDaemonThatCannotStart(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	writeConfig(t, home, "training:\n  max_retries: many\n")
	scu(t, home, "jobs").expect(t, exitFailed, "training.max_retries is \"many\"")
}

func TestDaemonLogFlags(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	scu(t, home, "daemon", "--foreground", "--log-format", "xml").expect(t, exitUsage, "--log-format is \"xml\"")
	scu(t, home, "daemon", "--foreground", "--log-level", "loud").expect(t, exitUsage, "--log-level is \"loud\"")
	scu(t, home, "daemon", "--log-level", "debug").expect(t, exitUsage, "add --foreground")

	service := command(t, home, "daemon", "--foreground", "--log-format", "json")
	output, err := service.StderrPipe()
	log := readLog(t, output, err)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	log.expect(t, `"level":"INFO","msg":"serving"`)
	if err := service.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log.expect(t, `"msg":"stopped"`)
	if err := service.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

func TestDaemonInstallPrint(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	printed := scu(t, home, "daemon", "install", "--print").expect(t, 0, "")
	for _, line := range []string{"ListenStream=" + rpc.SocketPath(home), `Environment="SCU_HOME=` + home + `"`, `" daemon --foreground`, "TimeoutStopSec=120"} {
		if !strings.Contains(printed.stdout, line) {
			t.Errorf("no %s in\n%s", line, printed.stdout)
		}
	}
	files := decode[map[string]string](t, scu(t, home, "daemon", "install", "--print", "--json").expect(t, 0, ""))
	if len(files) != 2 || files["scu.socket"] == "" {
		t.Errorf("as JSON: %q", files)
	}
	scu(t, home, "daemon", "install", "--print", "--no-start").expect(t, exitUsage, "")
	// Nothing of the real user's is touched: there is no systemctl in this PATH.
	without := command(t, home, "daemon", "install")
	without.Env = append(without.Env, "PATH="+home, "XDG_CONFIG_HOME="+home)
	answer, err := without.CombinedOutput()
	if err == nil || !strings.Contains(string(answer), "no systemd user manager answers") || !strings.Contains(string(answer), "scu daemon --foreground") {
		t.Errorf("without systemctl: %v\n%s", err, answer)
	}
}
