package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newMetricsCommand(c *console) *cobra.Command {
	var from, to int
	command := &cobra.Command{
		Use:   "metrics NAME",
		Short: "Print what every step of a job measured",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				steps, err := metricsOf(ctx, client, protocol.MetricsParams{ID: names[0], From: from, To: to})
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(steps)
				}
				return c.printMetrics(steps)
			})
		},
	}
	command.Flags().IntVar(&from, "from", 0, "the first step")
	command.Flags().IntVar(&to, "to", 0, "the last step")
	return command
}

// metricsOf asks for page after page until it has every step of the range.
func metricsOf(ctx context.Context, client *rpc.Client, params protocol.MetricsParams) ([]protocol.TrainingMetrics, error) {
	steps := []protocol.TrainingMetrics{} // never null in JSON
	for {
		page, err := client.Metrics(ctx, params)
		if err != nil {
			return nil, err
		}
		steps = append(steps, page.Metrics...)
		if !page.More || len(page.Metrics) == 0 {
			return steps, nil
		}
		params.From = page.Metrics[len(page.Metrics)-1].Step + 1
	}
}

func (c *console) printMetrics(steps []protocol.TrainingMetrics) error {
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "step\tdata\tparam\ttotal\tS\tsmoothed\tλ\tlearning rate\tloss\tgrad norm\ttokens/s\theld-out\t")
	for n := range steps {
		m := &steps[n]
		heldOut := ""
		if m.ValDataBPT != nil {
			heldOut = progress.Number(*m.ValDataBPT, 4)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", m.Step,
			progress.Number(m.DataBPT, 4), progress.Number(m.ParamBPT, 4), progress.Number(m.TotalBPT, 4),
			progress.Number(m.SRatio, 5), progress.Number(m.SSmoothed, 5), progress.Number(m.LambdaValue, 4),
			scientific(m.LearningRate), progress.Number(m.Loss, 4), progress.Number(m.GradNorm, 3),
			progress.Number(m.TokensPerSecond, 0), heldOut)
	}
	return table.Flush()
}

func scientific(f protocol.Float) string {
	if !f.Finite() {
		return "–"
	}
	return fmt.Sprintf("%.2e", float64(f))
}
