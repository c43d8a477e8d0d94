package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// column is one column of a table of rows of one kind.
type column[Row any] struct {
	name string
	cell func(Row) string // "" where there is nothing to say
}

// writeTable aligns rows under their columns' names. A column that has nothing to say in any row is left out, and one that
// has in some rows has a dash in the others, but for the last, which is for sentences.
func writeTable[Row any](out io.Writer, columns []column[Row], rows []Row) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	lines := make([][]string, 1+len(rows))
	for n, column := range columns {
		cells := make([]string, len(rows))
		for i, row := range rows {
			cells[i] = column.cell(row)
		}
		if strings.Join(cells, "") == "" {
			continue
		}
		lines[0] = append(lines[0], column.name)
		for i, cell := range cells {
			if cell == "" && n < len(columns)-1 {
				cell = "–"
			}
			lines[i+1] = append(lines[i+1], cell)
		}
	}
	for _, line := range lines {
		fmt.Fprintln(table, strings.Join(line, "\t"))
	}
	return table.Flush()
}
