package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
)

// arm is a process that takes steps when it is asked to.
type arm struct {
	name     string
	command  *exec.Cmd
	requests io.WriteCloser
	answers  *json.Decoder
	words    bytes.Buffer // its standard error; to be read only when it has ended
	program  int64        // bytes resident before a model was loaded
	loaded   int64        // the most bytes that were resident while it was
	ended    bool
}

// startArm starts the process and waits until it is ready. It is killed when ctx ends.
func startArm(ctx context.Context, name string, environment []string, program string, arguments ...string) (a *arm, err error) {
	a = &arm{name: name, command: exec.CommandContext(ctx, program, arguments...)}
	a.command.Env = environment
	a.command.Stderr = &a.words
	if a.requests, err = a.command.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := a.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.answers = json.NewDecoder(answers)
	if err := a.command.Start(); err != nil {
		return nil, fmt.Errorf("start the arm %s: %w", name, err)
	}
	if err := a.ask(&request{Command: commandReady}, &ready{}); err != nil {
		return nil, err
	}
	if a.program, err = a.status("VmRSS:"); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// ask sends a request and waits for its answer. An arm that fails ends; its last words are in the error then.
func (a *arm) ask(r *request, answer any) error {
	err := json.NewEncoder(a.requests).Encode(r)
	if err == nil {
		err = a.answers.Decode(answer)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("the arm %s did not answer %s: %w; %w", a.name, r.Command, err, a.close())
}

// close lets the process end and waits for it. The error of one that fails has its last words.
func (a *arm) close() error {
	if a.ended {
		return nil
	}
	a.ended = true
	a.requests.Close()
	err := a.command.Wait()
	if err == nil {
		return nil
	}
	const most = 2000
	words := bytes.TrimSpace(a.words.Bytes())
	return fmt.Errorf("it ended: %w\n%s", err, words[max(0, len(words)-most):])
}

// open has the arm load its model, and begins to count its memory anew once that is done.
func (a *arm) open(s *setup) (*opened, error) {
	answer := &opened{}
	if err := a.ask(&request{Command: commandOpen, Setup: s}, answer); err != nil {
		return nil, err
	}
	var err error
	if a.loaded, err = a.status(peakLine); err != nil {
		return nil, err
	}
	const resetPeak = "5" // see proc_pid_clear_refs(5)
	if err := os.WriteFile(a.file("clear_refs"), []byte(resetPeak), 0); err != nil {
		return nil, fmt.Errorf("reset the peak memory of the arm %s: %w", a.name, err)
	}
	return answer, nil
}

// memory is what a process held resident, in bytes.
type memory struct {
	Program  int64 `json:"program"`  // before it loaded a model: code and libraries
	Whole    int64 `json:"whole"`    // at most, since it began
	Training int64 `json:"training"` // at most, since the model was loaded
}

func (a *arm) memory() (memory, error) {
	training, err := a.status(peakLine)
	return memory{Program: a.program, Whole: max(a.loaded, training), Training: training}, err
}

// peakLine is the line of a process's status with the most that it ever held resident.
const peakLine = "VmHWM:"

// status is a line of the process's status that counts memory, in bytes.
func (a *arm) status(line string) (int64, error) {
	text, err := os.ReadFile(a.file("status"))
	if err != nil {
		return 0, fmt.Errorf("read the memory of the arm %s: %w", a.name, err)
	}
	for found := range bytes.Lines(text) {
		if fields := bytes.Fields(found); len(fields) == 3 && string(fields[0]) == line {
			kilobytes, err := strconv.ParseInt(string(fields[1]), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("read the memory of the arm %s: %s has no %s", a.name, a.file("status"), line)
}

func (a *arm) file(name string) string {
	return fmt.Sprintf("/proc/%d/%s", a.command.Process.Pid, name)
}
