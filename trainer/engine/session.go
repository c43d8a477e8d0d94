package engine

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/plan"
	"github.com/shannon-labs/scu/trainer/scu"
	"github.com/shannon-labs/scu/trainer/weights"
)

// Session is a base model on a device, with or without an adapter, to score rows or to write text with. It is not safe
// for concurrent use.
type Session struct {
	source   *weights.Model
	base     *model.Base
	adapter  *lora.Adapter // nil without one
	programs *model.Programs
	vector   *model.Vector // the adapter's weights; nil without one
	zero     *model.Vector // an adapter that adds nothing; nil without an adapter
}

// SessionOptions says what to open.
type SessionOptions struct {
	Model     string // a directory or a GGUF file
	Adapter   string // a PEFT directory; empty for the base model alone
	Device    string // cpu or cuda
	PluginDir string // where "scu setup" put the XLA plugin
	Precision string // f32 or bf16
}

// Open puts a model on a device.
func Open(o SessionOptions) (session *Session, err error) {
	s := &Session{}
	defer func() {
		if err != nil {
			s.Close()
			err = explain(err)
		}
	}()
	source, failure := plan.OpenModel(o.Model)
	if failure != nil {
		return nil, failure
	}
	s.source = source
	var layout *lora.Layout
	if o.Adapter != "" {
		if s.adapter, err = lora.Load(o.Adapter, s.source.Config); err != nil {
			return nil, protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
		}
		layout = s.adapter.Layout
		s.vector = model.NewVector(s.adapter.Values)
	}
	plugin, err := findPlugin(o.Device, o.PluginDir)
	if err != nil {
		return nil, err
	}
	backend, err := openDevice(plugin)
	if err != nil {
		return nil, err
	}
	if s.base, err = model.LoadBase(backend, s.source, o.Precision, nil); err != nil {
		return nil, err
	}
	if s.programs, err = model.NewPrograms(s.base, layout, model.Options{}); err != nil {
		return nil, err
	}
	if layout != nil {
		neutral, err := neutralAdapter(s.programs, layout)
		if err != nil {
			return nil, err
		}
		s.zero = model.NewVector(neutral)
	}
	return s, nil
}

// Close frees the device's memory.
func (s *Session) Close() {
	s.vector.Close()
	s.zero.Close()
	if s.programs != nil {
		s.programs.Close()
	}
	if s.base != nil {
		s.base.Close()
	}
	if s.source != nil {
		s.source.Close()
	}
}

// RowScore is what a model spends on one row.
type RowScore struct {
	Row          int     `json:"row"` // its number in the file
	NLL          float64 `json:"nll"` // nats, summed over the row's targets
	TargetTokens int     `json:"target_tokens"`
}

// Score is what a model spends on a file of rows.
type Score struct {
	NLL          float64    `json:"nll"` // nats, summed over every target
	TargetTokens int        `json:"target_tokens"`
	DataBPT      float64    `json:"data_bpt"`
	Rows         int        `json:"rows"` // of the file
	PerRow       []RowScore `json:"per_row,omitempty"`

	Warnings []string `json:"-"`
}

// ScoreOptions says how rows become targets.
type ScoreOptions struct {
	TrainOn           string            // as in protocol.SCUConfig
	Fields            map[string]string // likewise
	DocumentSeparator string            // likewise
	CacheDir          string            // where rows that are fetched are kept; empty means that only local ones can be read

	BlockSize int // longest row in tokens; 0 is the model's context
	PerRow    bool
	Progress  func(done, total int) // after each batch, in batches; may be nil
}

// Score computes the loss of every row of a data set (see data.Open for what names one), each as a sequence of its own.
func (s *Session) Score(ctx context.Context, name string, o ScoreOptions) (*Score, error) {
	rows, warnings, err := readRows(ctx, name, o)
	if err != nil {
		return nil, explain(err)
	}
	samples, report, err := s.encode(ctx, rows, o)
	if err != nil {
		return nil, explain(err)
	}
	byRow := make([]RowScore, len(rows))
	for i, row := range rows {
		byRow[i].Row = row.Number
	}
	feed := data.NewFeed(samples, 1, s.blockSize(o), false)
	batches := feed.All()
	for done, micro := range batches {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch, err := feed.Assemble(micro)
		if err != nil {
			return nil, err
		}
		losses, err := s.programs.Loss(&batch, micro.Shape.Capacity, s.vector)
		if err != nil {
			return nil, explain(err)
		}
		for i, loss := range losses {
			row := &byRow[samples[batch.SampleOf[i]].Row]
			row.NLL += float64(loss)
			row.TargetTokens++
		}
		if o.Progress != nil {
			o.Progress(done+1, len(batches))
		}
	}
	score := &Score{Rows: len(rows), Warnings: append(warnings, report.Warnings("scored", s.blockSize(o))...)}
	for _, row := range byRow {
		score.NLL += row.NLL
		score.TargetTokens += row.TargetTokens
	}
	score.DataBPT = scu.DataBPT(score.NLL / float64(score.TargetTokens))
	if math.IsNaN(score.DataBPT) || math.IsInf(score.DataBPT, 0) {
		return nil, protocol.NewError(protocol.CodeNonFinite, "the loss is not finite").WithHint("check the weights of the model and of the adapter, or use --precision f32")
	}
	if o.PerRow {
		score.PerRow = byRow
	}
	return score, nil
}

func (s *Session) blockSize(o ScoreOptions) int {
	if o.BlockSize > 0 {
		return o.BlockSize
	}
	return s.source.Config.ContextLength
}

// readRows reads all rows of a data set, with what reading left out or is doubtful of.
func readRows(ctx context.Context, name string, o ScoreOptions) ([]data.Row, []string, error) {
	options, failure := plan.ReadOptions(&protocol.SCUConfig{Fields: o.Fields, DocumentSeparator: o.DocumentSeparator}, o.CacheDir)
	if failure != nil {
		return nil, nil, failure
	}
	reader, err := data.Open(ctx, name, options)
	if err != nil {
		return nil, nil, protocol.NewError(protocol.CodeDatasetInvalid, "%v", err)
	}
	var rows []data.Row
	for row, err := range reader.Rows(ctx) {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			return nil, nil, protocol.NewError(protocol.CodeDatasetInvalid, "%v", err)
		}
		rows = append(rows, row)
	}
	return rows, reader.Warnings(), nil
}

func (s *Session) encode(ctx context.Context, rows []data.Row, o ScoreOptions) ([]data.Sample, data.Report, error) {
	config := &protocol.SCUConfig{TrainOn: o.TrainOn, BlockSize: s.blockSize(o), Overlong: protocol.OverlongTruncate}
	encoder, err := plan.NewEncoder(s.source, config, rows)
	if err != nil {
		return nil, data.Report{}, err
	}
	samples, report, err := encoder.EncodeAll(ctx, rows, nil)
	if err != nil {
		return nil, report, protocol.NewError(protocol.CodeDatasetInvalid, "%v", err)
	}
	return samples, report, nil
}

// generationStep is by how many tokens the room for an answer grows: each size is one more program to compile.
const generationStep = 128

// Generate continues a conversation greedily, with the adapter or without it, until the model ends its turn or most
// tokens are written. Every token runs the whole sequence again, which suits a short answer.
func (s *Session) Generate(ctx context.Context, messages []data.Message, most int, adapted bool) (string, error) {
	tokenizer, err := s.source.Tokenizer()
	if err != nil {
		return "", explain(err)
	}
	config := &protocol.SCUConfig{BlockSize: s.source.Config.ContextLength}
	encoder, err := plan.NewEncoder(s.source, config, []data.Row{{Kind: data.Messages}})
	if err != nil {
		return "", explain(err)
	}
	tokens, err := encoder.EncodePrompt(messages)
	if err != nil {
		return "", explain(err)
	}
	start := len(tokens)
	vector := s.zero
	if adapted {
		vector = s.vector
	}
	for len(tokens) < min(start+most, s.source.Config.ContextLength) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		next, err := s.next(tokens, vector)
		if err != nil {
			return "", explain(err)
		}
		if next == s.source.SpecialTokens().EOS || tokenizer.IsSpecial(next) {
			break
		}
		tokens = append(tokens, next)
	}
	return tokenizer.Decode(tokens[start:], true), nil
}

// next is the most likely token after tokens.
func (s *Session) next(tokens []int32, vector *model.Vector) (int32, error) {
	length := (len(tokens) + generationStep - 1) / generationStep * generationStep
	batch, err := data.Assemble([]data.Sample{{Tokens: tokens, Target: make([]bool, len(tokens))}}, [][]int{{0}}, 1, length)
	if err != nil {
		return 0, err
	}
	batch.TargetIndex, batch.TargetLabel = []int32{int32(len(tokens) - 1)}, []int32{0}
	logits, err := s.programs.Logits(&batch, 1, vector)
	if err != nil {
		return 0, fmt.Errorf("predict the next token: %w", err)
	}
	return int32(slices.Index(logits, slices.Max(logits))), nil
}
