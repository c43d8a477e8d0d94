package main

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// trainFlags are the flags of `scu train` as given.
type trainFlags struct {
	spec        protocol.JobSpec
	valFraction float64
	targetS     float64
	settings    []string
	dryRun      bool
	wait        bool
}

func newTrainCommand(c *console) *cobra.Command {
	var flags trainFlags
	command := &cobra.Command{
		Use:   "train --base-model M --dataset FILE [--wait]",
		Short: "Fine-tune a base model on your data",
		Long: `Submit a training job. The daemon, started if need be, runs it; this command may end.

With --wait it stays until the job is done and shows its progress. The first Ctrl-C then
cancels the job and waits until it has stopped; the second ends this command at once. A job
that is paused, or waits to be tried again after a crash, is waited for. To leave without
cancelling, do not use --wait: submit the job and follow it with scu watch, which Ctrl-C
only detaches.

--set takes any key of the configuration; scu train --dry-run prints them all with the
values that the job would use, and the reasons.`,
		Example: `  scu train --base-model smollm2-135m-instruct --dataset notes.jsonl --wait
  scu train --base-model ./model --dataset chat.jsonl --set lora_r=16 --set target_modules=q_proj,v_proj
  scu train --base-model ./model --dataset 'faq/*.csv' --set fields=prompt:question,completion:answer
  scu train --base-model ./model --dataset hf://datasets/OWNER/NAME`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			spec, err := flags.jobSpec(command)
			if err != nil {
				return err
			}
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				switch {
				case flags.dryRun:
					return c.planJob(ctx, client, *spec)
				case flags.wait:
					return c.trainAndWait(ctx, client, *spec)
				}
				return c.submitJob(ctx, client, *spec)
			})
		},
	}
	f := command.Flags()
	f.StringVar(&flags.spec.BaseModel, "base-model", "", "an installed name, a directory or a GGUF file (required)")
	f.StringVar(&flags.spec.TrainData, "dataset", "", "training rows (required): a file, a directory, a pattern, an https:// address, or a data set on the Hub")
	f.StringVar(&flags.spec.ValData, "val", "", "held-out rows, named in the same ways; without them a part of the training rows is held out")
	f.Float64Var(&flags.valFraction, "val-fraction", 0, "the part of the training rows to hold out, 0 to below 1")
	f.StringVar(&flags.spec.InitAdapter, "init-adapter", "", "the directory of a PEFT adapter to go on from")
	f.StringVar(&flags.spec.AdapterName, "name", "", "the name of the job and of its adapter")
	f.Float64Var(&flags.targetS, "target-s", 0, "S*, the share of the adapter in the total bits that the controller holds")
	f.StringVar(&flags.spec.Preset, "preset", "", "a named set of defaults")
	f.StringArrayVar(&flags.settings, "set", nil, "a setting as key=value; may be repeated")
	f.StringVar(&flags.spec.Device, "device", "", "a kind of device, such as cuda, or one device, such as cuda:1; see them with: scu devices")
	f.IntVar(&flags.spec.Priority, "priority", 0, "-100 to 100; jobs of a higher priority run first")
	f.StringArrayVar(&flags.spec.Tags, "tag", nil, "a tag to keep with the job; may be repeated")
	f.BoolVar(&flags.dryRun, "dry-run", false, "only print what the job would do")
	f.BoolVar(&flags.wait, "wait", false, "stay until the job is done; exit 0 completed, 1 failed, 130 cancelled")
	return command
}

// jobSpec checks the flags and makes every path absolute.
func (f *trainFlags) jobSpec(command *cobra.Command) (*protocol.JobSpec, error) {
	spec := f.spec
	if spec.BaseModel == "" {
		return nil, usageErrorf("--base-model is missing; after `scu setup` smollm2-135m-instruct is installed")
	}
	if spec.TrainData == "" {
		return nil, usageErrorf("--dataset is missing; name a file of training rows, such as train.jsonl")
	}
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	if spec.BaseModel, err = resolveModel(home, spec.BaseModel); err != nil {
		return nil, err
	}
	for _, name := range []*string{&spec.TrainData, &spec.ValData} {
		if *name, err = resolveData(*name); err != nil {
			return nil, err
		}
	}
	if spec.InitAdapter, err = absolutePath(spec.InitAdapter); err != nil {
		return nil, err
	}
	if command.Flags().Changed("val-fraction") {
		spec.ValFraction = &f.valFraction
	}
	if command.Flags().Changed("target-s") {
		spec.TargetS = &f.targetS
	}
	if spec.ConfigOverrides, err = parseSettings(f.settings); err != nil {
		return nil, err
	}
	if refused := spec.Validate(); refused != nil {
		return nil, refused
	}
	return &spec, nil
}

// submitJob creates the job and says how to follow it.
func (c *console) submitJob(ctx context.Context, client *rpc.Client, spec protocol.JobSpec) error {
	job, err := client.CreateJob(ctx, spec)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(job)
	}
	if _, err := fmt.Fprintln(c.stdout, job.Name); err != nil {
		return err
	}
	c.note("follow it with: scu watch %s", job.Name)
	return nil
}

// trainAndWait creates the job, follows it to its end and prints how it went.
func (c *console) trainAndWait(ctx context.Context, client *rpc.Client, spec protocol.JobSpec) error {
	announce := func(job *protocol.Job) error {
		if c.json {
			return nil
		}
		_, err := fmt.Fprintln(c.stdout, job.Name)
		return err
	}
	finished, err := c.runToEnd(ctx, client, spec, announce)
	if err != nil {
		return err
	}
	if c.json {
		if err := c.printJSON(finished); err != nil {
			return err
		}
		return asPrinted(outcome(&finished.TrainingStatus))
	}
	c.printSummary(finished)
	return outcome(&finished.TrainingStatus)
}

// runToEnd creates the job, announces it and shows its progress until it is final. When ctx ends the job is cancelled.
func (c *console) runToEnd(ctx context.Context, client *rpc.Client, spec protocol.JobSpec, announce func(*protocol.Job) error) (*protocol.Job, error) {
	job, err := client.CreateJob(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := announce(job); err != nil {
		return nil, err
	}
	view := c.newView(false)
	// Interrupting cancels the job, so following it must outlive ctx.
	following := context.WithoutCancel(ctx)
	stop := context.AfterFunc(ctx, func() {
		c.note("cancelling %s; interrupt again to leave at once", job.Name)
		if _, err := client.Cancel(following, job.JobID); err != nil {
			c.note("%s %s was not cancelled: %v", c.paint(yellow, "warning:"), job.Name, err)
		}
	})
	defer stop()
	finished, err := followJob(following, client, job.JobID, view)
	view.Close()
	return finished, err
}

// asPrinted marks an error about a job that is on standard output.
func asPrinted(err error) error {
	if err == nil {
		return nil
	}
	return &printedError{err}
}
