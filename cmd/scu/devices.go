package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// shareWidth is how many characters the bar of a share takes.
const shareWidth = 10

func newDevicesCommand(c *console) *cobra.Command {
	var since string
	command := &cobra.Command{
		Use:   "devices [--since 24h]",
		Short: "Show the devices, who holds their memory, and how busy they were",
		Long: `Show every device that jobs may run on: the memory that running jobs hold of what jobs may
take, those jobs, and the share of the time in which at least one job ran.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			from, err := parseMoment("since", since, time.Now())
			if err != nil {
				return err
			}
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				list, err := client.Devices(ctx, from)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(list)
				}
				return c.printDevices(ctx, client, list)
			})
		},
	}
	command.Flags().StringVar(&since, "since", "24h", "measure how busy they were since then: 24h, 7d or a day such as 2026-11-30")
	return command
}

func (c *console) printDevices(ctx context.Context, client *rpc.Client, list *protocol.DeviceListResult) error {
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "DEVICE\tMEMORY HELD\tBUSY SINCE %s\tRUNS\tJOB TIME\tRUNNING\n", list.Since.Local().Format("2006-01-02 15:04"))
	for _, device := range list.Devices {
		jobs, err := holders(ctx, client, device.Jobs)
		if err != nil {
			return err
		}
		held := 0.0
		if device.MemoryBytes > 0 {
			held = float64(device.ReservedBytes) / float64(device.MemoryBytes)
		}
		fmt.Fprintf(table, "%s\t%s %s of %s\t%s %s\t%d\t%s\t%s\n", device.Name,
			progress.Bar(held, shareWidth), progress.Bytes(device.ReservedBytes), progress.Bytes(device.MemoryBytes),
			progress.Bar(device.Utilization, shareWidth), percent(device.Utilization), device.Runs, seconds(device.JobSeconds), jobs)
	}
	return table.Flush()
}

// percent writes a fraction. One that rounds to nothing and is not nothing says so.
func percent(fraction float64) string {
	if fraction > 0 && fraction < 0.005 {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*fraction)
}

// holders names the jobs on a device, each with the memory that is kept for it.
func holders(ctx context.Context, client *rpc.Client, jobs []protocol.DeviceJob) (string, error) {
	if len(jobs) == 0 {
		return "–", nil
	}
	names := make([]string, len(jobs))
	for n, held := range jobs {
		job, err := client.Job(ctx, held.JobID)
		if err != nil {
			return "", err
		}
		names[n] = fmt.Sprintf("%s (%s)", job.Name, progress.Bytes(held.ReservedBytes))
	}
	return strings.Join(names, ", "), nil
}
