package plan

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
)

// ReadOptions is the part of a configuration that says how rows are read. What is fetched from the network is kept under
// cacheDir.
func ReadOptions(c *protocol.SCUConfig, cacheDir string) (data.ReadOptions, *protocol.Error) {
	options := data.ReadOptions{DocumentSeparator: c.DocumentSeparator}
	if cacheDir != "" {
		options.CacheDir = filepath.Join(cacheDir, "sources")
	}
	named := map[string]*string{
		"text": &options.Fields.Text, "prompt": &options.Fields.Prompt, "completion": &options.Fields.Completion,
		"instruction": &options.Fields.Instruction, "input": &options.Fields.Input, "output": &options.Fields.Output,
		"messages": &options.Fields.Messages, "role": &options.Fields.Role, "content": &options.Fields.Content, "system": &options.Fields.System,
	}
	for _, part := range slices.Sorted(maps.Keys(c.Fields)) {
		target, known := named[part]
		if !known || c.Fields[part] == "" {
			return options, protocol.NewError(protocol.CodeInvalidConfig, "fields names %q as %q, which is no part of a row", c.Fields[part], part).
				WithHint("give pairs such as prompt:question,completion:answer; the parts are %s", strings.Join(slices.Sorted(maps.Keys(named)), ", "))
		}
		*target = c.Fields[part]
	}
	return options, nil
}

// ParseFields reads what the fields of a row are called from a text of pairs, part and field: prompt:question,completion:answer.
// An equals sign does as well as a colon. A field whose name has a comma can only be named in a mapping.
func ParseFields(text string) (map[string]string, *protocol.Error) {
	fields := map[string]string{}
	for _, item := range splitList(text) {
		sign := strings.IndexAny(item, ":=")
		if sign < 0 {
			return nil, protocol.NewError(protocol.CodeInvalidConfig, "fields has %q, which is no pair", item).
				WithHint("give pairs of a part of a row and the field that it is in, such as prompt:question,completion:answer")
		}
		part, field := strings.TrimSpace(item[:sign]), strings.TrimSpace(item[sign+1:])
		if _, twice := fields[part]; twice {
			return nil, protocol.NewError(protocol.CodeInvalidConfig, "fields names %q twice", part).WithHint("name each part once")
		}
		fields[part] = field
	}
	return fields, nil
}

// CacheDirectory is where what can be fetched or computed again is kept.
func CacheDirectory(home string) string { return filepath.Join(home, "cache") }
