package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/shannon-labs/scu/cmd/scu/internal/install"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/engine"
	"github.com/shannon-labs/scu/trainer/plan"
)

// evalFlags are the flags of `scu eval` as given.
type evalFlags struct {
	model, adapter, dataset string
	device, precision       string
	fields                  string
	score                   engine.ScoreOptions
}

func newEvalCommand(c *console) *cobra.Command {
	var flags evalFlags
	command := &cobra.Command{
		Use:   "eval --model M [--adapter A] --data FILE",
		Short: "Measure what a model spends on a file of rows, in bits per target token",
		Long: `Compute the loss of every row of a file, each as a sequence of its own, with the base model
alone or with an adapter: the total negative log-likelihood in nats, the number of target
tokens, and DataBPT = nll / (target tokens × ln 2).

An adapter is the name of a finished job, or a directory in PEFT's layout. Rows longer than
the model's context (or --block-size) are cut, and said to be.`,
		Example: `  scu eval --model smollm2-135m-instruct --data held_out.jsonl --json
  scu eval --model smollm2-135m-instruct --adapter ./my-adapter --data held_out.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if flags.dataset == "" {
				return usageErrorf("--data is missing; name a file of rows")
			}
			if flags.score.BlockSize < 0 || flags.score.BlockSize == 1 {
				return usageErrorf("--block-size is %d; it must be at least 2, or 0 for the model's context", flags.score.BlockSize)
			}
			fields, failure := plan.ParseFields(flags.fields)
			if failure != nil {
				return usageErrorf("--%v", failure)
			}
			flags.score.Fields = fields
			return c.eval(command.Context(), flags)
		},
	}
	f := command.Flags()
	f.StringVar(&flags.model, "model", "", "an installed name, a directory or a GGUF file (required)")
	f.StringVar(&flags.adapter, "adapter", "", "a finished job's name, or a directory in PEFT's layout")
	f.StringVar(&flags.dataset, "data", "", "rows (required): a file, a directory, a pattern, an https:// address, or a data set on the Hub")
	f.StringVar(&flags.device, "device", "cpu", "cpu or cuda")
	f.StringVar(&flags.precision, "precision", protocol.PrecisionF32, "f32 or bf16")
	f.IntVar(&flags.score.BlockSize, "block-size", 0, "the longest row in tokens; 0 is the model's context")
	f.StringVar(&flags.score.TrainOn, "train-on", protocol.TrainOnAuto, "which tokens count: auto, all, completion, assistant, last_assistant")
	f.StringVar(&flags.fields, "fields", "", "what the fields of a row are called, as in --set fields=prompt:question,completion:answer of scu train")
	f.StringVar(&flags.score.DocumentSeparator, "document-separator", "", "what parts the documents of a text file; empty means runs of blank lines")
	f.BoolVar(&flags.score.PerRow, "per-row", false, "give each row's nll and target tokens as well")
	return command
}

func (c *console) eval(ctx context.Context, flags evalFlags) error {
	session, err := c.openSession(ctx, flags.model, flags.adapter, flags.device, flags.precision)
	if err != nil {
		return err
	}
	defer session.Close()
	home, err := rpc.Home()
	if err != nil {
		return err
	}
	flags.score.CacheDir = plan.CacheDirectory(home)
	dataset, err := resolveData(flags.dataset)
	if err != nil {
		return err
	}
	done := c.countUp("scoring", &flags.score)
	score, err := session.Score(ctx, dataset, flags.score)
	done()
	if err != nil {
		return err
	}
	for _, warning := range score.Warnings {
		c.note("%s %s", c.paint(yellow, "warning:"), warning)
	}
	if c.json {
		return c.printJSON(score)
	}
	for _, row := range score.PerRow {
		if _, err := fmt.Fprintf(c.stdout, "row %d\t%.4f nats\t%d target tokens\n", row.Row, row.NLL, row.TargetTokens); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.stdout, "%.4f bits/token  (%.4f nats over %d target tokens of %d rows)\n", score.DataBPT, score.NLL, score.TargetTokens, score.Rows)
	return err
}

// openSession puts a base model, and an adapter unless that is empty, on a device.
func (c *console) openSession(ctx context.Context, base, adapter, device, precision string) (*engine.Session, error) {
	path, err := c.modelPath(base)
	if err != nil {
		return nil, err
	}
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	if adapter != "" {
		if adapter, err = c.adapterPath(ctx, adapter); err != nil {
			return nil, err
		}
	}
	return engine.Open(engine.SessionOptions{
		Model: path, Adapter: adapter, Device: device, PluginDir: filepath.Join(home, install.PluginDirectory), Precision: precision,
	})
}

// adapterPath is the directory of an adapter: one that exists, or else that of a finished job.
func (c *console) adapterPath(ctx context.Context, adapter string) (string, error) {
	if isDirectory(adapter) || protocol.ValidateName("adapter", adapter) != nil {
		return absolutePath(adapter)
	}
	var path string
	err := c.withClient(ctx, func(client *rpc.Client) error {
		artifact, err := client.Adapter(ctx, adapter)
		if err == nil {
			path = artifact.LocalPath
		}
		return err
	})
	return path, err
}

// countUp shows a bar on a terminal while batches are scored; the function that it returns ends it.
func (c *console) countUp(what string, score *engine.ScoreOptions) func() {
	if c.terminal == nil {
		return func() {}
	}
	drawn := mpb.New(mpb.WithOutput(c.terminal), mpb.WithWidth(40))
	bar := drawn.AddBar(0, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name(what+" ")), mpb.AppendDecorators(decor.CountersNoUnit("%d/%d")))
	score.Progress = func(done, total int) {
		bar.SetTotal(int64(total), false)
		bar.SetCurrent(int64(done))
	}
	return func() {
		bar.Abort(true)
		drawn.Wait()
	}
}
