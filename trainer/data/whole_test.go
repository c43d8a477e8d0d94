package data

import (
	"context"
	"iter"
)

// Read goes through the rows of what is on this machine: a file, a directory or a
// pattern. See Open and Rows.
func Read(path string) iter.Seq2[Row, error] {
	r, err := Open(context.Background(), path, ReadOptions{})
	if err != nil {
		return failed(err)
	}
	return r.Rows(context.Background())
}

// ReadFile reads all rows; see Read.
func ReadFile(path string) ([]Row, error) {
	var rows []Row
	for row, err := range Read(path) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Encode turns one row into samples: usually one, several when it is split, and
// none when it is dropped. A sample may have no target; EncodeAll counts those.
func (e *Encoder) Encode(row Row) ([]Sample, error) {
	whole, err := e.encodeWhole(row)
	if err != nil {
		return nil, err
	}
	samples, _ := e.cut(row.Kind, whole)
	return samples, nil
}
