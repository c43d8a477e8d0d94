package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// serve answers requests until in ends.
func serve(in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	arm := &ours{}
	defer arm.close()
	for {
		var r request
		if err := decoder.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		answer, err := arm.answer(&r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Command, err)
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
}

func (a *ours) answer(r *request) (any, error) {
	switch r.Command {
	case commandReady:
		return ready{}, nil
	case commandOpen:
		return a.open(r.Setup)
	case commandStart:
		return a.start()
	case commandRun:
		return a.run(r.Steps, r.Uncontrolled)
	default:
		return nil, fmt.Errorf("there is no such command")
	}
}
