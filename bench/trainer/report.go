package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// print writes what was measured for people to read.
func (r *results) print(w io.Writer) error {
	var text strings.Builder
	r.printConditions(&text)
	r.printTable(&text)
	for i := range r.Cases {
		r.Cases[i].printModes(&text)
	}
	r.printShortfalls(&text)
	_, err := io.WriteString(w, text.String())
	return err
}

func (r *results) printConditions(text *strings.Builder) {
	m, s := r.Machine, &r.Settings
	fmt.Fprintf(text, "\nmachine   %s, %d cores, %s; transparent huge pages %s; load average before %.2f\n", m.CPU, m.Cores, strings.Join(m.Extras, " "), m.HugePages, m.Load)
	if others := r.mostOthers(); others > quietOthers {
		fmt.Fprintf(text, "          IT WAS BUSY: other processes took up to %.0f %% of it; do not trust these figures\n", 100*others)
	}
	fmt.Fprintf(text, "scu       %s\n", strings.Join(r.Ours, ", "))
	fmt.Fprintf(text, "PyTorch   %s\n", strings.Join(r.PyTorch, ", "))
	hugePages := "the C library's huge pages as by default, off"
	if s.PyTorchHugePages {
		hugePages = "the C library's huge pages on"
	}
	fmt.Fprintf(text, "          eager, sdpa, fused AdamW, %d threads, bf16 under autocast, no gradient checkpointing; %s\n", m.Cores, hugePages)
	fmt.Fprintf(text, "both      %s; LoRA rank %d, alpha %g, on every linear layer, float32, dropout 0; AdamW, clipped at %g; one micro-batch a step\n",
		s.Model, s.Rank, s.Alpha, s.MaxGradNorm)
	fmt.Fprintf(text, "turns     %d of each that count, one after the other; medians, with the lowest and the highest\n\n", s.Rounds)
}

func (r *results) printTable(text *strings.Builder) {
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "case\ttokens/s\tPyTorch\tspeed\tgoal\tpeak GB\tPyTorch\tmemory\tgoal\tafter loading\tloss apart\tgradient apart\tothers")
	for i := range r.Cases {
		c := &r.Cases[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t≥ %.2f\t%.2f\t%.2f\t%.2f\t≤ %.2f\t%.2f\t%.1e\t%.1e\t%.1f %%\n", c.Name,
			spreadOf(rates(c.Ours, c.tokens())).format("%.0f"), spreadOf(rates(c.PyTorch, c.tokens())).format("%.0f"),
			c.speed().format("%.2f"), c.SpeedGoal,
			gigabytes(c.OursMemory.Whole), gigabytes(c.PyTorchMemory.Whole), c.memoryShare(), c.MemoryGoal,
			float64(c.OursMemory.Training)/float64(c.PyTorchMemory.Training), c.LossDifference, c.GradientDifference, 100*c.Others)
	}
	table.Flush() // into memory
	if len(r.Cases) > 0 {
		first := &r.Cases[0]
		fmt.Fprintf(text, "\nbefore a model is loaded, the program alone holds %.2f GB, PyTorch's %.2f GB\n",
			gigabytes(first.OursMemory.Program), gigabytes(first.PyTorchMemory.Program))
	}
}

// mostOthers is the largest share that other processes took in a case.
func (r *results) mostOthers() float64 {
	most := 0.0
	for i := range r.Cases {
		most = max(most, r.Cases[i].Others)
	}
	return most
}

// printModes says what the control unit costs. That mode "off" computes the prior's bits too, and leaves them out of the
// gradient, is so in the product; the whole update is the bound of what the control unit can cost.
func (c *caseResult) printModes(text *strings.Builder) {
	if !c.CompareModes {
		return
	}
	fmt.Fprintf(text, "\n%s  a step with the control unit on takes %s of one with it off (goal ≤ %.2f); everything after the gradient, with the\n"+
		"    prior, the clip, AdamW and the controller, is %s %% of a step\n",
		c.Name, c.control().format("%.3f"), c.ControlGoal, c.updateShare().format("%.2f"))
}

// printShortfalls says which medians miss their goal.
func (r *results) printShortfalls(text *strings.Builder) {
	var short []string
	for i := range r.Cases {
		c := &r.Cases[i]
		if speed := c.speed().Median; speed < c.SpeedGoal {
			short = append(short, fmt.Sprintf("%s: speed %.2f, not %.2f", c.Name, speed, c.SpeedGoal))
		}
		if share := c.memoryShare(); share > c.MemoryGoal {
			short = append(short, fmt.Sprintf("%s: memory %.2f, not %.2f", c.Name, share, c.MemoryGoal))
		}
		if c.CompareModes && c.control().Median > c.ControlGoal {
			short = append(short, fmt.Sprintf("%s: control unit %.3f, not %.2f", c.Name, c.control().Median, c.ControlGoal))
		}
	}
	if len(short) == 0 {
		fmt.Fprintln(text, "\nevery goal is reached")
		return
	}
	fmt.Fprintf(text, "\nfalls short\n  %s\n", strings.Join(short, "\n  "))
}

// speed is how many times as quick as PyTorch ours is.
func (c *caseResult) speed() spread { return spreadOf(ratios(c.PyTorch, c.Ours)) }

func (c *caseResult) control() spread { return spreadOf(ratios(c.Controlled, c.Uncontrolled)) }

func (c *caseResult) memoryShare() float64 {
	return float64(c.OursMemory.Whole) / float64(c.PyTorchMemory.Whole)
}

// updateShare is in per cent.
func (c *caseResult) updateShare() spread {
	shares := ratios(c.Update, c.Ours)
	for i := range shares {
		shares[i] *= 100
	}
	return spreadOf(shares)
}

// format writes the median and the range with one verb of fmt.
func (s spread) format(verb string) string {
	return fmt.Sprintf(verb+" ("+verb+"–"+verb+")", s.Median, s.Lowest, s.Highest)
}

func gigabytes(bytes int64) float64 { return float64(bytes) / 1e9 }
