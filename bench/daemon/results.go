package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// results are what was measured, and where.
type results struct {
	Machine *machine  `json:"machine"`
	Figures []*figure `json:"figures"`
	Rows    int       `json:"rows_counted"` // of metrics, in the store, of the jobs that were run
}

// figure is one quantity, a value a round.
type figure struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"`
	Values  []float64 `json:"values"`
	Goal    float64   `json:"goal,omitempty"` // 0: there is none
	AtLeast bool      `json:"at_least,omitempty"`
}

// add adds a round's value, of which less is better.
func (r *results) add(name, unit string, value, goal float64) {
	r.put(figure{Name: name, Unit: unit, Goal: goal}, value)
}

// addAtLeast adds a round's value, of which more is better.
func (r *results) addAtLeast(name, unit string, value, goal float64) {
	r.put(figure{Name: name, Unit: unit, Goal: goal, AtLeast: true}, value)
}

func (r *results) put(f figure, value float64) {
	for _, known := range r.Figures {
		if known.Name == f.Name {
			known.Values = append(known.Values, value)
			return
		}
	}
	f.Values = []float64{value}
	r.Figures = append(r.Figures, &f)
}

// spread is the median, the lowest and the highest of a figure's values.
func (f *figure) spread() (median, lowest, highest float64) {
	sorted := slices.Sorted(slices.Values(f.Values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]
}

// verdict compares the median with the goal.
func (f *figure) verdict() (goal, met string) {
	median, _, _ := f.spread()
	switch {
	case f.Goal == 0:
		return "", ""
	case f.AtLeast:
		return fmt.Sprintf("≥ %g", f.Goal), yesOrNo(median >= f.Goal)
	}
	return fmt.Sprintf("≤ %g", f.Goal), yesOrNo(median <= f.Goal)
}

func yesOrNo(met bool) string {
	if met {
		return "yes"
	}
	return "NO"
}

// print writes what was measured for people to read.
func (r *results) print(w io.Writer) error {
	var text strings.Builder
	m := r.Machine
	fmt.Fprintf(&text, "\nmachine   %s, %d cores; load average before %.2f\n", m.CPU, m.Cores, m.Load)
	if m.Load > idleLoad {
		fmt.Fprintf(&text, "          IT WAS BUSY: do not trust these figures\n")
	}
	fmt.Fprintf(&text, "disk      %s on %s; a write of 4 KiB and its fdatasync take %.2f ms (median), %.2f ms (p99)\n\n", m.FileSystem, m.Directory, m.SyncMedian, m.SyncP99)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tmedian\tlowest\thighest\t\trounds\tgoal\tmet")
	for _, f := range r.Figures {
		median, lowest, highest := f.spread()
		goal, met := f.verdict()
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", f.Name, number(median), number(lowest), number(highest), f.Unit, len(f.Values), goal, met)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&text, "\nnone of the acknowledged jobs is lost; %d rows of metrics were told of and are in the store\n", r.Rows)
	_, err := io.WriteString(w, text.String())
	return err
}

func number(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
