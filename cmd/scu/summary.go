package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
)

// printSummary says in a few lines what a finished job measured.
func (c *console) printSummary(job *protocol.Job) {
	if job.Status != protocol.StatusCompleted || job.Summary == nil {
		return // its error says what there is to say
	}
	c.note("%s %s", c.paint(green, job.Name+" completed"), tookTime(&job.TrainingStatus))
	lines := tabwriter.NewWriter(c.stderr, 0, 0, 2, ' ', 0)
	for _, row := range summaryRows(job) {
		fmt.Fprintf(lines, "  %s\t%s\n", row[0], row[1])
	}
	_ = lines.Flush()
}

// summaryRows are the measures of a completed job, as name and value.
func summaryRows(job *protocol.Job) [][2]string {
	s := job.Summary
	rows := [][2]string{}
	if s.BaseValDataBPT != nil && s.ValDataBPT != nil {
		before, after := *s.BaseValDataBPT, *s.ValDataBPT
		change := 100 * (after - before) / before
		rows = append(rows, [2]string{"held-out", fmt.Sprintf("%s → %s bits/token (%+.1f %%, %d target tokens)",
			progress.Number(before, 4), progress.Number(after, 4), float64(change), s.ValTargetTokens)})
	}
	rows = append(rows,
		[2]string{"S", fmt.Sprintf("%s, target %.4f, λ %s", progress.Number(s.FinalSSmoothed, 4), s.TargetS, progress.Number(s.FinalLambda, 3))},
		[2]string{"speed", fmt.Sprintf("%s tokens/s over %d steps in %s", progress.Number(s.TokensPerSecond, 0), s.Steps,
			progress.Elapsed(time.Duration(s.TrainSeconds*float64(time.Second))))},
	)
	switch s.EndedBy {
	case protocol.EndedByTimeLimit:
		rows = append(rows, [2]string{"ended", "by the time limit"})
	case protocol.EndedByEarlyStop:
		rows = append(rows, [2]string{"ended", "early, since the held-out rows cost no less any more"})
	}
	if s.AdapterStep > 0 && s.AdapterStep != s.Steps {
		rows = append(rows, [2]string{"weights", fmt.Sprintf("of step %d, the best on the held-out rows", s.AdapterStep)})
	}
	if s.NonFiniteSteps > 0 {
		rows = append(rows, [2]string{"warning", fmt.Sprintf("%d steps were not finite and changed nothing", s.NonFiniteSteps)})
	}
	if s.RowsTruncated > 0 || s.RowsWithoutLoss > 0 {
		rows = append(rows, [2]string{"rows", fmt.Sprintf("%d truncated, %d without a target", s.RowsTruncated, s.RowsWithoutLoss)})
	}
	if job.Adapter != nil {
		rows = append(rows, [2]string{"adapter", fmt.Sprintf("%s (%s)", job.Adapter.LocalPath, progress.Bytes(job.Adapter.SizeBytes))})
	}
	return rows
}

func tookTime(status *protocol.TrainingStatus) string {
	if status.StartedAt == nil || status.CompletedAt == nil {
		return ""
	}
	return "in " + progress.Elapsed(status.CompletedAt.Sub(*status.StartedAt))
}
