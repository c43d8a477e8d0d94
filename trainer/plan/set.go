package plan

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/weights"
)

// Set is a job's rows, tokenised: what is trained on and what is held out.
type Set struct {
	Train, Val             []data.Sample
	TrainRows, ValRows     int
	TrainReport, ValReport data.Report
	Overlap                int // held-out rows that are among the training rows too
}

// SetOptions says which rows to load.
type SetOptions struct {
	Train  string // a file of rows
	Val    string // another; empty means that a share of Train is held out
	Config *protocol.SCUConfig
}

// LoadSet reads, splits and tokenises a job's rows.
func LoadSet(ctx context.Context, source *weights.Model, options SetOptions) (*Set, error) {
	train, val, err := readSplit(ctx, options)
	if err != nil {
		return nil, invalidData(err)
	}
	set := &Set{TrainRows: len(train), ValRows: len(val)}
	if options.Val != "" { // a split keeps them apart by itself
		set.Overlap = data.Overlap(train, val)
	}
	encoder, err := NewEncoder(source, options.Config, append(train[:len(train):len(train)], val...))
	if err != nil {
		return nil, err
	}
	if set.Train, set.TrainReport, err = encoder.EncodeAll(train); err != nil {
		return nil, invalidData(err)
	}
	if len(val) > 0 {
		if set.Val, set.ValReport, err = encoder.EncodeAll(val); err != nil {
			return nil, invalidData(fmt.Errorf("held-out rows: %w", err))
		}
	}
	return set, nil
}

func readSplit(ctx context.Context, options SetOptions) (train, val []data.Row, err error) {
	if train, err = readAll(ctx, options.Train); err != nil {
		return nil, nil, err
	}
	if options.Val != "" {
		val, err = readAll(ctx, options.Val)
		return train, val, err
	}
	return data.Split(train, options.Config.ValFraction, options.Config.Seed)
}

func readAll(ctx context.Context, path string) ([]data.Row, error) {
	var rows []data.Row
	for row, err := range data.Read(path) {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// NewEncoder makes the encoder of a model's rows. The model's chat template is looked at only if some row needs it, so
// that a template that cannot be rendered stops nobody who has no conversations.
func NewEncoder(source *weights.Model, config *protocol.SCUConfig, rows []data.Row) (*data.Encoder, error) {
	tokenizer, err := source.Tokenizer()
	if err != nil {
		return nil, protocol.NewError(protocol.CodeModelUnsupported, "%v", err)
	}
	special := source.SpecialTokens()
	options := data.EncoderOptions{
		BOS: special.BOS, EOS: special.EOS, BOSToken: special.BOSToken, EOSToken: special.EOSToken,
		BlockSize: config.BlockSize, Overlong: config.Overlong, TrainOn: config.TrainOn,
	}
	for _, row := range rows {
		if row.Kind == data.Messages || row.Kind == data.Instruction {
			options.ChatTemplate = source.ChatTemplate()
			break
		}
	}
	encoder, err := data.NewEncoder(tokenizer, options)
	if err != nil {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
	}
	return encoder, nil
}

// TrainFeed deals the training rows out as the configuration says.
func TrainFeed(set *Set, config *protocol.SCUConfig) *data.Feed {
	return data.NewFeed(set.Train, config.MicroBatch, config.BlockSize, config.Packing == protocol.PackingOn)
}

// Warnings says what was cut or left out.
func (s *Set) Warnings(blockSize int) []string {
	warnings := append(s.TrainReport.Warnings("training", blockSize), s.ValReport.Warnings("held-out", blockSize)...)
	if s.Overlap > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d held-out rows are among the training rows too, so they do not show what the adapter gains on unseen text", s.Overlap, s.ValRows))
	}
	return warnings
}
