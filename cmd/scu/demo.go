package main

import (
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shannon-labs/scu/cmd/scu/internal/install"
	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/data"
)

const (
	demoConversations = 160
	demoQuestion      = "Hey! How was your weekend?"
	demoAnswerTokens  = 40
)

// demoSettings make a run of about a minute and a half on two cores. The learning rate is ten times the default, since
// sixty steps are few, and the target of S lies well above the controller's deadband, so that it is seen to act.
var demoSettings = map[string]any{
	"block_size": 256, "micro_batch": 2, "grad_accum": 1, "max_steps": 60, "learning_rate": 1e-3, "val_fraction": 0.1, "target_s": 0.02,
}

// demoReport is what `scu demo --json` prints.
type demoReport struct {
	Job           *protocol.Job `json:"job"`
	Question      string        `json:"question"`
	BaseAnswer    string        `json:"base_answer"`
	AdaptedAnswer string        `json:"adapted_answer"`
	Seconds       float64       `json:"seconds"`
}

func newDemoCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Fine-tune the default model on real conversations, and show what came of it",
		Long: `Install what is missing, take some conversations of the chitchat corpus, train a LoRA adapter
on them with the Shannon Control Unit, and show how the model did on conversations that it
did not see, and what it answers with and without the adapter.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.demo(command.Context())
		},
	}
}

func (c *console) demo(ctx context.Context) error {
	began := time.Now()
	rows, err := c.demoRows(ctx)
	if err != nil {
		return err
	}
	report := demoReport{Question: demoQuestion}
	err = c.withClient(ctx, func(client *rpc.Client) error {
		spec := protocol.JobSpec{BaseModel: install.ModelName, TrainData: rows, AdapterName: "demo", ConfigOverrides: demoSettings}
		report.Job, err = c.runToEnd(ctx, client, spec, func(*protocol.Job) error { return nil })
		return err
	})
	if err != nil {
		return err
	}
	if err := outcome(&report.Job.TrainingStatus); err != nil {
		return err
	}
	if err := c.demoAnswers(ctx, &report); err != nil {
		return err
	}
	report.Seconds = time.Since(began).Seconds()
	if c.json {
		return c.printJSON(report)
	}
	return c.printDemo(&report)
}

// demoRows installs plugin, model and corpus, and returns a file of training rows.
func (c *console) demoRows(ctx context.Context) (string, error) {
	home, err := rpc.Home()
	if err != nil {
		return "", err
	}
	if err := rpc.EnsureHome(home); err != nil {
		return "", err
	}
	installer := &install.Installer{Home: home, Notes: c.stderr, Terminal: c.terminal}
	var corpus string
	for _, wanted := range append(append([]install.Package{}, install.Required...), install.Chitchat) {
		result, err := installer.Fetch(ctx, wanted)
		if err != nil {
			return "", err
		}
		corpus = result.Path // the last is the corpus
	}
	rows := filepath.Join(filepath.Dir(corpus), fmt.Sprintf("conversations-%d.jsonl", demoConversations))
	return rows, writeChitchatRows(corpus, rows, demoConversations)
}

// demoAnswers asks the question of the base model and of the adapted one.
func (c *console) demoAnswers(ctx context.Context, report *demoReport) error {
	c.note("asking the model, with and without the adapter")
	session, err := c.openSession(ctx, install.ModelName, report.Job.Adapter.LocalPath, "cpu", report.Job.Config.Precision)
	if err != nil {
		return err
	}
	defer session.Close()
	question := []data.Message{{Role: "user", Content: report.Question}}
	if report.BaseAnswer, err = session.Generate(ctx, question, demoAnswerTokens, false); err != nil {
		return err
	}
	report.AdaptedAnswer, err = session.Generate(ctx, question, demoAnswerTokens, true)
	return err
}

func (c *console) printDemo(report *demoReport) error {
	lines := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(lines, "%s\tcompleted\n", report.Job.Name)
	for _, row := range summaryRows(report.Job) {
		fmt.Fprintf(lines, "%s\t%s\n", row[0], row[1])
	}
	fmt.Fprintf(lines, "asked\t%q\n", report.Question)
	fmt.Fprintf(lines, "base model\t%q\n", report.BaseAnswer)
	fmt.Fprintf(lines, "with adapter\t%q\n", report.AdaptedAnswer)
	fmt.Fprintf(lines, "took\t%s in all\n", progress.Elapsed(time.Duration(report.Seconds*float64(time.Second))))
	return lines.Flush()
}
