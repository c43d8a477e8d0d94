package data

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	bos = 256 // <s> of chatSpecial
	eos = 257 // </s>
)

func mustEncoder(t testing.TB, tok Tokenizer, options EncoderOptions) *Encoder {
	t.Helper()
	if options.BlockSize == 0 {
		options.BlockSize = 1000
	}
	encoder, err := NewEncoder(tok, options)
	if err != nil {
		t.Fatal(err)
	}
	return encoder
}

// TestTargetsOfPlainRows gives the targets by hand, in brackets.
func TestTargetsOfPlainRows(t *testing.T) {
	t.Parallel()
	plain := byteTokenizer{special: chatSpecial}
	withBOS := byteTokenizer{special: chatSpecial, before: []int32{bos}}
	withBoth := byteTokenizer{special: chatSpecial, before: []int32{bos}, after: []int32{eos}}
	withEOS := byteTokenizer{special: chatSpecial, after: []int32{eos}}
	text := Row{Kind: Text, Text: "abc"}
	pair := Row{Kind: PromptCompletion, Prompt: "ab", Completion: "cd"}
	instruction := Row{Kind: Instruction, Prompt: "ab", Completion: "cd"}
	chat := "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}a:{% endif %}"
	for name, c := range map[string]struct {
		tok      byteTokenizer
		bos, eos int32
		template string
		trainOn  string
		row      Row
		want     string
	}{
		"text":                          {plain, bos, eos, "", TrainAuto, text, "a[bc</s>]"},
		"text with BOS":                 {withBOS, bos, eos, "", TrainAuto, text, "<s>[abc</s>]"},
		"text with BOS and EOS":         {withBoth, bos, eos, "", TrainAuto, text, "<s>[abc</s>]"},
		"text with EOS":                 {withEOS, bos, eos, "", TrainAuto, text, "a[bc</s>]"},
		"text, one token is both":       {withBOS, bos, bos, "", TrainAuto, text, "<s>[abc<s>]"},
		"text without EOS":              {plain, -1, -1, "", TrainAuto, text, "a[bc]"},
		"text that ends like EOS":       {plain, bos, eos, "", TrainAuto, Row{Kind: Text, Text: "a</s>"}, "a[</s></s>]"},
		"empty text":                    {plain, bos, eos, "", TrainAuto, Row{Kind: Text}, "</s>"},
		"text, completions only":        {plain, bos, eos, "", TrainCompletion, text, "abc</s>"},
		"pair":                          {plain, bos, eos, "", TrainAuto, pair, "ab[cd</s>]"},
		"pair with BOS":                 {withBOS, bos, eos, "", TrainAuto, pair, "<s>ab[cd</s>]"},
		"pair with BOS and EOS":         {withBoth, bos, eos, "", TrainAuto, pair, "<s>ab[cd</s>]"},
		"pair without prompt":           {plain, bos, eos, "", TrainAuto, Row{Kind: PromptCompletion, Completion: "cd"}, "c[d</s>]"},
		"pair without completion":       {plain, bos, eos, "", TrainAuto, Row{Kind: PromptCompletion, Prompt: "ab"}, "ab[</s>]"},
		"pair, all":                     {withBOS, bos, eos, "", TrainAll, pair, "<s>[abcd</s>]"},
		"pair, assistant":               {plain, bos, eos, "", TrainAssistant, pair, "ab[cd</s>]"},
		"instruction without template":  {plain, bos, eos, "", TrainAuto, instruction, "ab[cd</s>]"},
		"instruction with template":     {withBOS, bos, eos, chat, TrainAuto, instruction, "u:ab<|end|>a:[cd<|end|>]"},
		"pair never takes the template": {plain, bos, eos, chat, TrainAuto, pair, "ab[cd</s>]"},
	} {
		encoder := mustEncoder(t, c.tok, EncoderOptions{BOS: c.bos, EOS: c.eos, ChatTemplate: c.template, TrainOn: c.trainOn})
		samples, err := encoder.Encode(c.row)
		if err != nil || len(samples) != 1 {
			t.Errorf("%s: %d samples, %v", name, len(samples), err)
			continue
		}
		if got := c.tok.show(samples[0]); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestOverlong(t *testing.T) {
	t.Parallel()
	tok := byteTokenizer{special: chatSpecial}
	text := Row{Kind: Text, Text: "abcdefg"}
	pair := Row{Kind: PromptCompletion, Prompt: "ab", Completion: "cdef"}
	for _, c := range []struct {
		overlong string
		size     int
		row      Row
		want     []string
	}{
		{Truncate, 8, text, []string{"a[bcdefg</s>]"}},
		{Truncate, 7, text, []string{"a[bcdefg]"}},
		{Truncate, 4, text, []string{"a[bcd]"}},
		{Truncate, 2, pair, []string{"ab"}},
		{Drop, 8, text, []string{"a[bcdefg</s>]"}},
		{Drop, 7, text, nil},
		{SplitBlocks, 8, text, []string{"a[bcdefg</s>]"}},
		{SplitBlocks, 7, text, []string{"a[bcdefg]", "g[</s>]"}},
		{SplitBlocks, 4, text, []string{"a[bcd]", "d[efg]", "g[</s>]"}},
		{SplitBlocks, 2, text, []string{"a[b]", "b[c]", "c[d]", "d[e]", "e[f]", "f[g]", "g[</s>]"}},
		{SplitBlocks, 4, pair, []string{"ab[cd]"}},
	} {
		samples, err := mustEncoder(t, tok, EncoderOptions{BOS: bos, EOS: eos, BlockSize: c.size, Overlong: c.overlong}).Encode(c.row)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, sample := range samples {
			got = append(got, tok.show(sample))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s at %d of %s: got %q, want %q", c.overlong, c.size, c.row.Kind, got, c.want)
		}
	}
}

func TestEncodeAllCounts(t *testing.T) {
	t.Parallel()
	tok := byteTokenizer{special: chatSpecial}
	rows := []Row{
		{File: "f", Number: 11, Kind: Text, Text: "ab"},
		{File: "f", Number: 12, Kind: Text, Text: "abcdef"},
		{File: "f", Number: 13, Kind: PromptCompletion, Prompt: "abcdef", Completion: "g"},
		{File: "f", Number: 14, Kind: Text},
	}
	for overlong, want := range map[string]Report{
		Truncate:    {Rows: 4, Samples: 2, Tokens: 7, TargetTokens: 5, Longest: 8, Truncated: 2, WithoutTargets: 2, FirstWithoutTargets: []RowRef{{"f", 13}, {"f", 14}}, TargetsCutAway: 1},
		Drop:        {Rows: 4, Samples: 1, Tokens: 3, TargetTokens: 2, Longest: 8, Dropped: 2, WithoutTargets: 1, FirstWithoutTargets: []RowRef{{"f", 14}}},
		SplitBlocks: {Rows: 4, Samples: 3, Tokens: 11, TargetTokens: 8, Longest: 8, Truncated: 1, Split: 1, WithoutTargets: 2, FirstWithoutTargets: []RowRef{{"f", 13}, {"f", 14}}, TargetsCutAway: 1},
	} {
		samples, report, err := mustEncoder(t, tok, EncoderOptions{BOS: bos, EOS: eos, BlockSize: 4, Overlong: overlong}).EncodeAll(t.Context(), rows, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(report, want) {
			t.Errorf("%s:\n got  %+v\n want %+v", overlong, report, want)
		}
		tokens, targets := 0, 0
		for _, sample := range samples {
			tokens += len(sample.Tokens)
			targets += sample.Targets()
			if rows[sample.Row].Number != sample.Number {
				t.Errorf("%s: sample of row %d says number %d", overlong, sample.Row, sample.Number)
			}
		}
		if len(samples) != report.Samples || tokens != report.Tokens || targets != report.TargetTokens {
			t.Errorf("%s: the report differs from the samples", overlong)
		}
	}
}

func TestEncodeAllWithoutTargets(t *testing.T) {
	t.Parallel()
	pair := Row{File: "f.jsonl", Number: 1, Kind: PromptCompletion, Prompt: "abcdef", Completion: "g"}
	for name, c := range map[string]struct {
		rows    []Row
		options EncoderOptions
		want    []string
	}{
		"no rows":       {nil, EncoderOptions{}, []string{"there are no rows"}},
		"cut away":      {[]Row{pair}, EncoderOptions{BlockSize: 4}, []string{"1 have all their targets cut away at block_size 4", "longest row has 8 tokens", "raise block_size"}},
		"dropped":       {[]Row{pair}, EncoderOptions{BlockSize: 4, Overlong: Drop}, []string{"1 are longer than block_size 4 and dropped"}},
		"nothing taken": {[]Row{{File: "a.jsonl", Number: 7, Kind: Text, Text: "ab"}}, EncoderOptions{TrainOn: TrainAssistant}, []string{`1 hold nothing that train_on "assistant" takes`, "the first without a target: row 7 of a.jsonl"}},
		"mixed":         {[]Row{pair, {Kind: Text, Text: "ab"}}, EncoderOptions{BlockSize: 4, TrainOn: TrainCompletion}, []string{"in 2 rows", "1 have all", "1 hold nothing"}},
	} {
		c.options.BOS, c.options.EOS = bos, eos
		samples, report, err := mustEncoder(t, byteTokenizer{special: chatSpecial}, c.options).EncodeAll(t.Context(), c.rows, nil)
		if err == nil || samples != nil || report.Rows != len(c.rows) {
			t.Errorf("%s: %d samples, report %+v, error %v", name, len(samples), report, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q in it", name, err, want)
			}
		}
	}
}

func TestEncoderErrors(t *testing.T) {
	t.Parallel()
	tok := byteTokenizer{special: chatSpecial}
	for want, options := range map[string]EncoderOptions{
		"block_size is 1": {BlockSize: 1},
		`overlong is "x"; accepted: truncate, drop, split`: {BlockSize: 8, Overlong: "x"},
		`train_on is "x"; accepted: auto, all`:             {BlockSize: 8, TrainOn: "x"},
	} {
		if _, err := NewEncoder(tok, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	encoder := mustEncoder(t, tok, EncoderOptions{BOS: -1, EOS: -1})
	for want, row := range map[string]Row{
		"f, row 2: the row encodes to no tokens": {File: "f", Number: 2, Kind: Text},
		`f, row 3: unknown kind of row "poem"`:   {File: "f", Number: 3, Kind: "poem"},
	} {
		if _, _, err := encoder.EncodeAll(t.Context(), []Row{row}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
