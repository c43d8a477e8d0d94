package progress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/protocol"
)

// TestBars draws two jobs on a real pseudo-terminal, from two goroutines.
func TestBars(t *testing.T) {
	defer goleak.VerifyNone(t)
	terminal, drawn := openTerminal(t)
	bars := NewBars(terminal, true)
	ends := map[string]protocol.Status{"good": protocol.StatusCompleted, "bad": protocol.StatusFailed}
	var following sync.WaitGroup
	for name, end := range ends {
		following.Go(func() {
			bars.Begin(&protocol.Job{TrainingStatus: protocol.TrainingStatus{
				JobID: name, Name: name, Status: protocol.StatusRunning, Phase: protocol.PhaseTraining, TotalSteps: 50,
			}})
			for step := 1; step <= 50; step++ {
				bars.Event(name, protocol.JobEvent{Type: protocol.EventMetrics, Metrics: metrics(step)})
			}
			bars.Event(name, protocol.JobEvent{Type: protocol.EventWarning, Message: "beware"})
			bars.Event(name, protocol.JobEvent{Type: protocol.EventState, Status: &protocol.TrainingStatus{Status: end, Step: 50, TotalSteps: 50}})
		})
	}
	following.Wait()
	bars.Close()
	text := drawn()
	for _, want := range []string{"good: warning: beware", "good  completed", "bad  failed", "50/50", "━", "3.210 bpt"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q was not drawn:\n%s", want, text)
		}
	}
}

// TestBarsLeftInTheMiddle wants Close to return though no job has ended.
func TestBarsLeftInTheMiddle(t *testing.T) {
	defer goleak.VerifyNone(t)
	terminal, drawn := openTerminal(t)
	bars := NewBars(terminal, true)
	bars.Begin(&protocol.Job{TrainingStatus: protocol.TrainingStatus{JobID: "j", Name: "mine", Status: protocol.StatusQueued}})
	bars.Close()
	if text := drawn(); !strings.Contains(text, "mine  queued") {
		t.Errorf("the bar was not drawn:\n%s", text)
	}
}

// openTerminal opens a pseudo-terminal of 120 columns. The function returned closes it and gives what was drawn.
func openTerminal(t *testing.T) (terminal *os.File, drawn func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("a pseudo-terminal is needed: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120})
	}
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v", err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v", err)
	}
	var text bytes.Buffer
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(&text, master)
		read <- err
	}()
	return terminal, func() string {
		if err := terminal.Close(); err != nil {
			t.Error(err)
		}
		if err := <-read; err != nil && !errors.Is(err, syscall.EIO) { // EIO: the other end is closed
			t.Error(err)
		}
		if err := master.Close(); err != nil {
			t.Error(err)
		}
		return text.String()
	}
}
