package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestTrainSubmitsAndReturns(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	got := scu(t, home, trainArguments(modelSlow, "mine", "--target-s", "0.02", "--val-fraction", "0", "--tag", "a", "--tag", "b", "--priority", "3",
		"--set", "lora_r=16", "--set", "target_modules=q_proj,v_proj")...).expect(t, 0, "scu watch mine")
	if got.stdout != "mine\n" {
		t.Errorf("standard output is %q, want the name alone", got.stdout)
	}
	job, err := connectTo(t, home).Job(t.Context(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	targetS, valFraction := 0.02, 0.0
	want := protocol.JobSpec{
		BaseModel: modelSlow, TrainData: filepath.Join(here, "rows.jsonl"), AdapterName: "mine", TargetS: &targetS, ValFraction: &valFraction,
		Tags: []string{"a", "b"}, Priority: 3,
		ConfigOverrides: map[string]any{"lora_r": 16.0, "target_modules": []any{"q_proj", "v_proj"}},
	}
	if !reflect.DeepEqual(job.Spec, want) {
		t.Errorf("the daemon got\n%+v, want\n%+v", job.Spec, want)
	}
	scu(t, home, "cancel", "mine").expect(t, 0, "mine")
}

func TestTrainWait(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)

	plain := scu(t, home, trainArguments(modelGood, "plain", "--wait")...).expect(t, 0, "3/3  1.000 bits/token  S 0.0100 → 0.0100  λ 1.000  100 tokens/s")
	if plain.stdout != "plain\n" {
		t.Errorf("standard output is %q, want the name alone", plain.stdout)
	}
	if want := "4.0000 → 2.0000 bits/token (-50.0 %"; !strings.Contains(plain.stderr, want) {
		t.Errorf("the summary has no %q:\n%s", want, plain.stderr)
	}
	if strings.Contains(plain.stderr, "\x1b") {
		t.Errorf("there are escape sequences though this is no terminal: %q", plain.stderr)
	}

	job := decode[protocol.Job](t, scu(t, home, trainArguments(modelGood, "json", "--wait", "--json")...).expect(t, 0, ""))
	if job.Status != protocol.StatusCompleted || job.Adapter == nil || job.Adapter.SHA256 != sumOf(pretendedWeights) {
		t.Errorf("the job printed is %+v with adapter %+v", job.TrainingStatus, job.Adapter)
	}

	scu(t, home, trainArguments(modelBad, "bad", "--wait")...).expect(t, 1, "scu: bad failed: the loss went wrong\n  hint: lower the learning rate")
	failed := decode[protocol.Job](t, scu(t, home, trainArguments(modelBad, "bad", "--wait", "--json")...).expect(t, 1, "the loss went wrong"))
	if failed.Status != protocol.StatusFailed || failed.Error == nil {
		t.Errorf("the failed job printed is %+v", failed.TrainingStatus)
	}
}

func TestTrainDryRun(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	card := scu(t, home, trainArguments(modelGood, "x", "--dry-run")...).expect(t, 0, "warning: few rows")
	if !strings.Contains(card.stdout, "lora_r") || !strings.Contains(card.stdout, "the reason") {
		t.Errorf("the plan does not show lora_r with its reason:\n%s", card.stdout)
	}
	printed := decode[protocol.Plan](t, scu(t, home, trainArguments(modelGood, "x", "--dry-run", "--json")...).expect(t, 0, ""))
	if printed.TotalSteps != pretendedSteps {
		t.Errorf("the plan printed is %+v", printed)
	}
	if jobs := decode[[]protocol.TrainingStatus](t, scu(t, home, "jobs", "--json").expect(t, 0, "")); len(jobs) != 0 {
		t.Errorf("a dry run left jobs: %+v", jobs)
	}
}

// TestInterrupts sends real signals to a waiting command once its job trains.
func TestInterrupts(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		arguments func(name string) []string
		want      protocol.Status // of the job afterwards
		stderr    string
	}{
		"train --wait cancels the job": {func(name string) []string { return trainArguments(modelSlow, name, "--wait") }, protocol.StatusCancelled, "was cancelled"},
		"watch only detaches":          {func(name string) []string { return []string{"watch", name} }, protocol.StatusRunning, "the jobs go on"},
		"events only detaches":         {func(name string) []string { return []string{"events", name, "--follow"} }, protocol.StatusRunning, "interrupted"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home, _ := startDaemon(t)
			arguments := c.arguments("slow")
			if arguments[0] != "train" {
				scu(t, home, trainArguments(modelSlow, "slow")...).expect(t, 0, "")
			}
			waiting := command(t, home, arguments...)
			output, write := io.Pipe()
			waiting.Stdout, waiting.Stderr = write, write
			if err := waiting.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan int, 1)
			go func() {
				_ = waiting.Wait() // the exit status says it
				_ = write.Close()
				ended <- waiting.ProcessState.ExitCode()
			}()
			var told strings.Builder
			interrupted := false
			for lines := bufio.NewScanner(output); lines.Scan(); {
				told.WriteString(lines.Text() + "\n")
				if !interrupted && strings.Contains(lines.Text(), "bits/token") {
					interrupted = true
					if err := waiting.Process.Signal(syscall.SIGINT); err != nil {
						t.Error(err)
					}
				}
			}
			if exit := <-ended; exit != exitInterrupted || !strings.Contains(told.String(), c.stderr) {
				t.Errorf("exit status %d, want 130 with %q:\n%s", exit, c.stderr, told.String())
			}
			job, err := connectTo(t, home).Job(t.Context(), "slow")
			if err != nil || job.Status != c.want {
				t.Errorf("the job is %v, %v; want %s", job, err, c.want)
			}
		})
	}
}

func TestTrainWaitWhenTheDaemonDies(t *testing.T) {
	t.Parallel()
	home, kill := startDaemon(t)
	waiting := command(t, home, trainArguments(modelSlow, "orphan", "--wait", "--json")...)
	var stdout bytes.Buffer
	waiting.Stdout = &stdout
	stderr, err := waiting.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		told.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "bits/token") {
			kill()
		}
	}
	_ = waiting.Wait() // the exit status says it
	if exit := waiting.ProcessState.ExitCode(); exit != exitFailed || !strings.Contains(told.String(), "scu status") {
		t.Errorf("exit status %d, want 1 with the next step to take:\n%s", exit, told.String())
	}
	var printed map[string]protocol.Error
	if err := json.Unmarshal(stdout.Bytes(), &printed); err != nil || printed["error"].Message == "" {
		t.Errorf("standard output has no error object (%v): %s", err, stdout.String())
	}
}
