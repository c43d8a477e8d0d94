package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// planJob prints what a job would do.
func (c *console) planJob(ctx context.Context, client *rpc.Client, spec protocol.JobSpec) error {
	plan, err := client.PlanJob(ctx, spec)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(plan)
	}
	return c.printPlan(plan)
}

func (c *console) printPlan(plan *protocol.Plan) error {
	lines := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(lines, "base model\t%.1f M parameters, %.2f M adapter weights\n", float64(plan.BaseParameters)/1e6, float64(plan.AdapterWeights)/1e6)
	fmt.Fprintf(lines, "data\t%d training rows, %d held-out rows, %d target tokens a pass\n", plan.TrainRows, plan.ValRows, plan.TargetTokens)
	for _, form := range plan.RowForms {
		fmt.Fprintf(lines, "\t%s\n", form)
	}
	fmt.Fprintf(lines, "length\t%d optimizer steps\n", plan.TotalSteps)
	if plan.MemoryBytes > 0 {
		fmt.Fprintf(lines, "memory\tabout %s of the device\n", progress.Bytes(plan.MemoryBytes))
	}
	fmt.Fprintf(lines, "controller\tS* %.4f, S at step 0 about %.4f (were the data %.1f bits/token)\n\n",
		plan.Config.TargetS, plan.PredictedStartS, plan.AssumedDataBPT)
	config := reflect.ValueOf(plan.Config)
	for n := range config.NumField() {
		key, _, _ := strings.Cut(config.Type().Field(n).Tag.Get("json"), ",")
		row := fmt.Sprintf("%s\t%v", key, config.Field(n).Interface())
		if reason := plan.Reasons[key]; reason != "" {
			row += "\t" + reason
		}
		fmt.Fprintln(lines, row)
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	for _, warning := range plan.Warnings {
		c.note("%s %s", c.paint(yellow, "warning:"), warning)
	}
	return nil
}
