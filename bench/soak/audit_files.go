package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// auditAdapters holds the adapters that the daemon lists against the jobs, and returns them by their id.
func (f *fate) auditAdapters(ctx context.Context, jobs map[string]*entry) (map[string]protocol.AdapterArtifact, error) {
	var list protocol.AdapterListResult
	if f.call(ctx, protocol.MethodAdapterList, nil, &list) != answered {
		return nil, errors.New("the adapters cannot be listed")
	}
	adapters, of, twins := map[string]protocol.AdapterArtifact{}, map[string]bool{}, map[string]string{}
	for _, adapter := range list.Adapters {
		adapters[adapter.ID], of[adapter.JobID] = adapter, true
		e := jobs[adapter.JobID]
		if e == nil || e.known.final != protocol.StatusCompleted {
			f.soak.faults.add("adapter %s belongs to job %s, which is not completed, or not there", adapter.ID, adapter.JobID)
			continue
		}
		if fault := e.checkAdapter(adapter, twins); fault != "" {
			f.soak.faults.add("%s: adapter %s: %s", e, adapter.ID, fault)
		}
	}
	for id, e := range jobs {
		if e.known.final == protocol.StatusCompleted && !of[id] {
			f.soak.faults.add("%s is completed and has no adapter", e)
		}
	}
	f.soak.tally.add("adapters held against what their steps must come to", len(list.Adapters))
	return adapters, nil
}

// checkAdapter says what is wrong with an adapter's directory, or nothing.
func (e *entry) checkAdapter(adapter protocol.AdapterArtifact, twins map[string]string) string {
	path := adapter.LocalPath
	for _, name := range []string{adapterWeights, adapterConfig} {
		if !exists(filepath.Join(path, name)) {
			return name + " is not there"
		}
	}
	if e.twin != "" {
		return e.checkTwin(adapter, twins)
	}
	content, err := os.ReadFile(filepath.Join(path, adapterWeights))
	if err != nil {
		return err.Error()
	}
	if want := fmt.Sprintf("%d\n", e.script.weightAfter(e.script.Steps)); string(content) != want {
		return fmt.Sprintf("it holds %q, and %d steps come to %q", content, e.script.Steps, want)
	}
	return ""
}

// auditFiles looks what lies in the home of a daemon that has ended: an adapter's directory for each row and none besides,
// checkpoints only of jobs that may go on, and nothing half-written.
func (s *soak) auditFiles(jobs map[string]*entry, adapters map[string]protocol.AdapterArtifact) error {
	directories, err := names(s.ground.adapters())
	if err != nil {
		return err
	}
	for _, name := range directories {
		if _, listed := adapters[name]; !listed {
			s.faults.add("the directory adapters/%s belongs to no adapter", name)
		}
	}
	if directories, err = names(s.ground.checkpoints()); err != nil {
		return err
	}
	for _, jobID := range directories {
		if e := jobs[jobID]; e == nil || e.known.final != protocol.StatusFailed {
			s.faults.add("the directory checkpoints/%s belongs to no job that can go on", jobID)
		}
	}
	left, err := temporaries(s.ground.home)
	if err != nil {
		return err
	}
	for _, path := range left {
		s.faults.add("%s is not whole, and nobody is at work on it", path)
	}
	return s.auditLogs()
}

// auditLogs looks for what workers found wrong, and for panics.
func (s *soak) auditLogs() error {
	logs, err := filepath.Glob(filepath.Join(s.ground.logs(), "*"))
	if err != nil {
		return err
	}
	for _, path := range append(logs, s.ground.log) {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, sign := range []string{brokenWorker, "panic: ", "fatal error: ", "WARNING: DATA RACE", "powercut: "} {
			if _, after, found := strings.Cut(string(text), sign); found {
				after, _, _ = strings.Cut(after, "\n")
				s.faults.add("%s says: %s%s", path, sign, after)
			}
		}
	}
	return nil
}

func names(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all, nil
}
