package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// workload makes the jobs of a benchmark.
type workload struct {
	model, rows string
	made        int
}

// newWorkload writes the rows that the jobs' plans look at.
func newWorkload(model, directory string) (*workload, error) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, `{"messages":[{"role":"user","content":"say %c"},{"role":"assistant","content":"%s"}]}`+"\n", 'a'+i%20, strings.Repeat(string(rune('a'+i%20)), 3+i%4))
	}
	path := filepath.Join(directory, "rows.jsonl")
	return &workload{model: model, rows: path}, os.WriteFile(path, []byte(text.String()), 0o600)
}

// job is one whose worker sends so many rows a second, or as many as are taken where rate is 0.
func (w *workload) job(rows, rate int) protocol.JobSpec {
	w.made++
	name := fmt.Sprintf("bench-%d-%d", os.Getpid(), w.made)
	return protocol.JobSpec{
		BaseModel: w.model, TrainData: w.rows, AdapterName: name, RequestID: name,
		ConfigOverrides: map[string]any{rowsSetting: rows, rateSetting: rate},
	}
}

const endless = 1_000_000_000 // rows

// startStreams creates jobs that send for ever, and waits until each has sent.
func (w *workload) startStreams(ctx context.Context, client *rpc.Client, count, rate int) ([]string, error) {
	var ids []string
	for range count {
		job, err := client.CreateJob(ctx, w.job(endless, rate))
		if err != nil {
			return nil, err
		}
		ids = append(ids, job.JobID)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		steps, err := stepsOf(ctx, client, ids)
		if err != nil {
			return nil, err
		}
		sending := 0
		for _, step := range steps {
			if step > 0 {
				sending++
			}
		}
		if sending == count {
			return ids, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("only %d of %d jobs have come to their first step after a minute", sending, count)
		}
	}
}

// stepsOf reads how far jobs are.
func stepsOf(ctx context.Context, client *rpc.Client, ids []string) ([]int, error) {
	page, err := client.Jobs(ctx, protocol.ListParams{Limit: len(ids)}) // the newest, which they are
	if err != nil {
		return nil, err
	}
	by := map[string]int{}
	for _, job := range page.Jobs {
		by[job.JobID] = job.Step
	}
	steps := make([]int, len(ids))
	for i, id := range ids {
		steps[i] = by[id]
	}
	return steps, nil
}

// endAll cancels jobs and waits for their end.
func endAll(ctx context.Context, client *rpc.Client, ids []string) error {
	for _, id := range ids {
		if _, err := client.Cancel(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range ids {
		result, err := client.Wait(ctx, id, time.Minute)
		if err != nil {
			return err
		}
		if result.TimedOut {
			return fmt.Errorf("job %s was cancelled and is %s", id, result.Job.Status)
		}
	}
	return nil
}
