package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// plotWidth is how many characters a small plot of a job's history takes.
const plotWidth = 40

func newStatusCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show how a job stands; without NAME, the newest",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				name, err := nameOrNewest(ctx, client, names)
				if err != nil {
					return err
				}
				job, err := client.Job(ctx, name)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(job.TrainingStatus)
				}
				history, err := metricsOf(ctx, client, protocol.MetricsParams{ID: job.JobID})
				if err != nil {
					return err
				}
				return c.printCard(job, history)
			})
		},
	}
}

// nameOrNewest is the job that was named, or else the newest.
func nameOrNewest(ctx context.Context, client *rpc.Client, names []string) (string, error) {
	if len(names) == 1 {
		return names[0], nil
	}
	jobs, err := listJobs(ctx, client, protocol.ListParams{}, 1)
	if err != nil {
		return "", err
	}
	if len(jobs) == 0 {
		return "", protocol.NewError(protocol.CodeNotFound, "there is no job yet").WithHint("start one with: scu train")
	}
	return jobs[0].JobID, nil
}

// printCard shows one job in a few lines.
func (c *console) printCard(job *protocol.Job, history []protocol.TrainingMetrics) error {
	state := progress.NewState(job)
	card := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	line := func(name, format string, arguments ...any) {
		fmt.Fprintf(card, "%s\t%s\n", name, fmt.Sprintf(format, arguments...))
	}
	line("name", "%s", job.Name)
	line("job", "%s", job.JobID)
	line("status", "%s", state.Phase())
	if waiting := job.Waiting; waiting != nil {
		line("waits", "%s", waiting.Message)
		if waiting.Until != nil {
			line("until", "%s, in %s", waiting.Until.Local().Format(time.DateTime), progress.Elapsed(time.Until(*waiting.Until)))
		}
	}
	if job.Device != "" {
		line("device", "%s", job.Device)
	}
	if job.Priority != 0 {
		line("priority", "%d", job.Priority)
	}
	if job.Attempts > 1 {
		line("runs", "%d", job.Attempts)
	}
	line("model", "%s", job.Spec.BaseModel)
	line("data", "%s", job.Spec.TrainData)
	if steps := state.Steps(); steps != "" {
		line("step", "%s (%.0f %%)", steps, 100*state.Fraction())
	}
	if measures := state.Measures(); measures != "" {
		line("now", "%s", measures)
		line("bits curve", "%s", plot(history, func(m *protocol.TrainingMetrics) protocol.Float { return m.DataBPT }))
		line("S curve", "%s", plot(history, func(m *protocol.TrainingMetrics) protocol.Float { return m.SRatio }))
	}
	if job.EstimatedFinish != nil && !job.Status.Final() {
		line("finish", "about %s", job.EstimatedFinish.Local().Format(time.DateTime))
	}
	if job.Summary != nil {
		for _, row := range summaryRows(job) {
			line(row[0], "%s", row[1])
		}
	}
	if job.Error != nil {
		line("error", "%s", job.Error.Message)
		if job.Error.Hint != "" {
			line("hint", "%s", job.Error.Hint)
		}
	}
	if next := nextStep(&job.TrainingStatus); next != "" {
		line("next", "%s", next)
	}
	return card.Flush()
}

// nextStep is the command that lets a job go on, and from where, or "" for one that needs none.
func nextStep(status *protocol.TrainingStatus) string {
	var next string
	switch {
	case status.Status == protocol.StatusPaused:
		next = "scu resume " + status.Name
	case status.Status == protocol.StatusFailed && status.ResumableFrom != nil:
		next = "scu retry " + status.Name
	default:
		return ""
	}
	switch {
	case status.ResumableFrom != nil:
		next += fmt.Sprintf(" goes on from step %d", *status.ResumableFrom)
	case status.Step > 0:
		next += " begins anew"
	}
	return next
}

// plot draws one series of a job with its first and last value.
func plot(history []protocol.TrainingMetrics, series func(*protocol.TrainingMetrics) protocol.Float) string {
	if len(history) == 0 {
		return ""
	}
	values := make([]float64, len(history))
	for n := range history {
		values[n] = float64(series(&history[n]))
	}
	first, last := series(&history[0]), series(&history[len(history)-1])
	return fmt.Sprintf("%s  %s  %s", progress.Number(first, 4), progress.Sparkline(values, plotWidth), progress.Number(last, 4))
}
