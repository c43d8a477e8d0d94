package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/plan"
	"github.com/shannon-labs/scu/trainer/tokenizer"
)

func newTokenizeCommand(c *console) *cobra.Command {
	var model string
	var special bool
	command := &cobra.Command{
		Use:   "tokenize --model M",
		Short: "Turn JSON strings, one a line, into arrays of token ids, one a line",
		Long: `Read JSON strings from standard input, one a line, and write the token ids of each as a
JSON array, one a line. Special tokens that the text names are recognised; tokens that the
model's own post-processor puts around a text (a BOS, say) are added only with --special.`,
		Example: `  echo '"Hello world"' | scu tokenize --model smollm2-135m-instruct`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := c.modelPath(model)
			if err != nil {
				return err
			}
			source, failure := plan.OpenModel(path)
			if failure != nil {
				return failure
			}
			defer source.Close()
			t, err := source.Tokenizer()
			if err != nil {
				return protocol.NewError(protocol.CodeModelUnsupported, "%v", err)
			}
			return tokenizeLines(t, special, c.stdin, c.stdout)
		},
	}
	command.Flags().StringVar(&model, "model", "", "an installed name, a directory or a GGUF file (required)")
	command.Flags().BoolVar(&special, "special", false, "add the tokens that the model's post-processor puts around a text")
	return command
}

// altered reports whether JSON's decoder had to replace what is no Unicode text, such as half a surrogate pair.
func altered(line []byte, text string) bool {
	const replacement = "\uFFFD"
	asked := bytes.Count(line, []byte(replacement)) + strings.Count(strings.ToLower(string(line)), `\ufffd`)
	return !utf8.Valid(line) || strings.Count(text, replacement) > asked
}

// tokenizeLines answers each line before it reads the next, so that another program can converse with it.
func tokenizeLines(t *tokenizer.Tokenizer, special bool, in io.Reader, out io.Writer) error {
	reader := bufio.NewReader(in)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if len(line) == 0 && err == io.EOF {
			return nil
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read standard input: %w", err)
		}
		var text *string
		if err := json.Unmarshal(line, &text); err != nil || text == nil || altered(line, *text) {
			return protocol.NewError(protocol.CodeDatasetInvalid, "line %d of standard input is not a JSON string of Unicode text", number).
				WithHint("write each text in double quotes, with \\n for a line's end, as JSON does")
		}
		ids := t.Encode(*text, special)
		if ids == nil {
			ids = []int32{} // an empty text is [], not null
		}
		encoded, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(encoded, '\n')); err != nil {
			return fmt.Errorf("write to standard output: %w", err)
		}
	}
}
