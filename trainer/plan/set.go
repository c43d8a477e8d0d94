package plan

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/weights"
)

// Set is a job's rows, tokenised: what is trained on and what is held out.
type Set struct {
	Train, Val             []data.Sample
	TrainRows, ValRows     int
	TrainReport, ValReport data.Report
	Overlap                int             // held-out rows that are among the training rows too
	Detected, ValDetected  []data.Detected // the forms of the rows; a split's are all in the first
	ReadWarnings           []string        // what reading left out or is doubtful of
	FromCache              bool            // the rows were tokenised before, by this job or another
}

// SetOptions says which rows to load.
type SetOptions struct {
	Train  string // what names a data set, see data.Open
	Val    string // another; empty means that a share of Train is held out
	Config *protocol.SCUConfig
	// CacheDir keeps what was fetched and what was tokenised; empty means that nothing is kept.
	CacheDir string
	// HubEndpoint and HubToken are the Hub's address and what authorizes there; "" is $HF_ENDPOINT and $HF_TOKEN.
	HubEndpoint, HubToken string
	// Now is what chat templates that write the date take for the present, to the day; zero is today. A job that goes on
	// another day has the same rows only with the day on which it began.
	Now time.Time
	// Progress is told how many rows are tokenised, of the training rows first and then of those held out; nil tells nobody.
	Progress func(done, total int)
	// Fetched is told how many bytes of rows from the network are here, of how many, as they arrive; nil tells nobody.
	Fetched func(done, total int64)
	// Warn is told of a cache that does not work, which stops no job; nil tells nobody.
	Warn func(message string)
}

// LoadSet reads, splits and tokenises a job's rows, or takes them from the cache.
func LoadSet(ctx context.Context, source *weights.Model, options SetOptions) (*Set, error) {
	readOptions, failure := ReadOptions(options.Config, options.CacheDir)
	if failure != nil {
		return nil, failure
	}
	readOptions.Fetched, readOptions.HubEndpoint, readOptions.HubToken = options.Fetched, options.HubEndpoint, options.HubToken
	if options.Now.IsZero() {
		options.Now = time.Now()
	}
	loader := &setLoader{source: source, options: options, read: readOptions, now: startOfDay(options.Now)}
	set, err := loader.load(ctx)
	if err != nil {
		return nil, invalidData(err)
	}
	return set, nil
}

// setLoader makes one Set.
type setLoader struct {
	source  *weights.Model
	options SetOptions
	read    data.ReadOptions
	now     time.Time // what chat templates take for the present
}

// startOfDay makes rows the same all day long for templates that write the date into them.
func startOfDay(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, t.Location())
}

// tokenise makes the set from its files.
func (l *setLoader) tokenise(ctx context.Context) (*Set, error) {
	set := &Set{}
	train, val, err := l.readSplit(ctx, set)
	if err != nil {
		return nil, err
	}
	set.TrainRows, set.ValRows = len(train), len(val)
	if l.options.Val != "" { // a split keeps them apart by itself
		set.Overlap = data.Overlap(train, val)
	}
	encoder, err := newEncoder(l.source, l.options.Config, append(train[:len(train):len(train)], val...), l.now)
	if err != nil {
		return nil, err
	}
	if set.Train, set.TrainReport, err = encoder.EncodeAll(ctx, train, l.options.Progress); err != nil {
		return nil, err
	}
	if len(val) > 0 {
		set.Val, set.ValReport, err = encoder.EncodeAll(ctx, val, l.options.Progress)
		switch {
		case err != nil && l.options.Val == "" && set.ValReport.Rows > 0:
			// They have no target; that chance picked such rows is no fault of the data. The report warns of them.
			set.ValRows = 0
		case err != nil:
			return nil, fmt.Errorf("held-out rows: %w", err)
		}
	}
	return set, nil
}

func (l *setLoader) readSplit(ctx context.Context, set *Set) (train, val []data.Row, err error) {
	if train, set.Detected, err = l.readAll(ctx, l.options.Train, set); err != nil {
		return nil, nil, err
	}
	if l.options.Val != "" {
		val, set.ValDetected, err = l.readAll(ctx, l.options.Val, set)
		return train, val, err
	}
	return data.Split(train, l.options.Config.ValFraction, l.options.Config.DataSeed)
}

func (l *setLoader) readAll(ctx context.Context, spec string, set *Set) ([]data.Row, []data.Detected, error) {
	reader, err := data.Open(ctx, spec, l.read)
	if err != nil {
		return nil, nil, err
	}
	var rows []data.Row
	for row, err := range reader.Rows(ctx) {
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	set.ReadWarnings = append(set.ReadWarnings, reader.Warnings()...)
	return rows, reader.Detected(), nil
}

// NewEncoder makes the encoder of a model's rows. The model's chat template is looked at only if some row needs it, so
// that a template that cannot be rendered stops nobody who has no conversations.
func NewEncoder(source *weights.Model, config *protocol.SCUConfig, rows []data.Row) (*data.Encoder, error) {
	return newEncoder(source, config, rows, time.Now())
}

func newEncoder(source *weights.Model, config *protocol.SCUConfig, rows []data.Row, now time.Time) (*data.Encoder, error) {
	tokenizer, err := source.Tokenizer()
	if err != nil {
		return nil, protocol.NewError(protocol.CodeModelUnsupported, "%v", err)
	}
	special := source.SpecialTokens()
	options := data.EncoderOptions{
		BOS: special.BOS, EOS: special.EOS, BOSToken: special.BOSToken, EOSToken: special.EOSToken,
		BlockSize: config.BlockSize, Overlong: config.Overlong, TrainOn: config.TrainOn, Now: now,
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
	warnings := slices.Concat(s.ReadWarnings, s.TrainReport.Warnings("training", blockSize), s.ValReport.Warnings("held-out", blockSize))
	if s.Overlap > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d held-out rows are among the training rows too, so they do not show what the adapter gains on unseen text", s.Overlap, s.ValRows))
	}
	return warnings
}
