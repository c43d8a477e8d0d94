package main

import (
	"context"
	"errors"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// account is what the daemon has written down of a job's runs.
type account struct{ runs, steps int }

// auditUsage holds the accounts against the jobs' steps and runs. What deleted jobs have used stays in them.
func (f *fate) auditUsage(ctx context.Context, jobs map[string]*entry) error {
	accounts, err := f.readAccounts(ctx)
	if err != nil {
		return err
	}
	for id, e := range jobs {
		if a := accounts[id]; a.runs != e.known.attempts || a.steps != e.known.step {
			f.soak.faults.add("%s has taken %d steps in %d runs, and the accounts say %d in %d", e, e.known.step, e.known.attempts, a.steps, a.runs)
		}
	}
	return nil
}

// readAccounts reads the runs of all jobs, page after page into the past.
func (f *fate) readAccounts(ctx context.Context) (map[string]account, error) {
	type run struct {
		jobID   string
		attempt int
	}
	seen, accounts := map[run]bool{}, map[string]account{}
	var until *time.Time
	for {
		var usage protocol.UsageResult
		if f.call(ctx, protocol.MethodUsageList, protocol.UsageParams{Until: until, Limit: protocol.MaxListLimit}, &usage) != answered {
			return nil, errors.New("the usage cannot be read")
		}
		before := len(seen)
		for _, r := range usage.Runs {
			if r.EndedAt == nil {
				f.soak.faults.add("run %d of job %s has not ended in the accounts, and no job runs", r.Attempt, r.JobID)
			}
			if key := (run{r.JobID, r.Attempt}); !seen[key] {
				seen[key] = true
				a := accounts[r.JobID]
				accounts[r.JobID] = account{a.runs + 1, a.steps + r.Steps}
			}
			earlier := r.BeganAt.Add(time.Microsecond) // others may have begun in the same microsecond
			until = &earlier
		}
		if len(seen) == before {
			f.soak.tally.add("runs in the accounts", len(seen))
			return accounts, nil
		}
	}
}
