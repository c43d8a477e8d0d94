package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

type modelFile struct {
	Type                    *string          `json:"type"`
	Dropout                 *float64         `json:"dropout"`
	UnkToken                *string          `json:"unk_token"`
	ContinuingSubwordPrefix *string          `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string          `json:"end_of_word_suffix"`
	FuseUnk                 *bool            `json:"fuse_unk"`
	ByteFallback            *bool            `json:"byte_fallback"`
	IgnoreMerges            *bool            `json:"ignore_merges"`
	Vocab                   map[string]int32 `json:"vocab"`
	Merges                  mergeList        `json:"merges"`
}

// parseModel reads the model section into d.
func parseModel(raw json.RawMessage, d *definition) error {
	kind, err := componentType(raw)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	// Files from before 2020 give the BPE model no type.
	if kind != "BPE" && kind != "" {
		return notSupported("model", kind, "BPE")
	}
	var file modelFile
	if err := decodeStrict(raw, &file); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if err := file.check(); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	d.vocabulary = file.Vocab
	d.merges = file.Merges
	d.fuseUnknown = isSet(file.FuseUnk)
	d.ignoreMerges = isSet(file.IgnoreMerges)
	if file.UnkToken != nil {
		d.unknown = *file.UnkToken
	}
	return nil
}

func (f *modelFile) check() error {
	switch {
	case f.Vocab == nil:
		return errors.New("vocab is missing; the file is damaged")
	case f.Merges == nil:
		return errors.New("merges is missing; only BPE models, which have merges, are supported")
	case f.Dropout != nil && *f.Dropout != 0:
		return errors.New("dropout is not supported, it makes encoding random; set it to null")
	case f.ContinuingSubwordPrefix != nil && *f.ContinuingSubwordPrefix != "":
		return errors.New("continuing_subword_prefix is not supported; byte-level BPE has none")
	case f.EndOfWordSuffix != nil && *f.EndOfWordSuffix != "":
		return errors.New("end_of_word_suffix is not supported; byte-level BPE has none")
	case isSet(f.ByteFallback):
		return errors.New("byte_fallback is not supported; byte-level BPE has none")
	case f.UnkToken != nil && *f.UnkToken == "":
		return errors.New("unk_token is empty; set it to null or to a token")
	}
	return nil
}

func isSet(flag *bool) bool { return flag != nil && *flag }

// mergeList reads merges in either of their forms: "a b" in older files, ["a", "b"] in newer ones.
type mergeList []mergeRule

// UnmarshalJSON implements [json.Unmarshaler].
func (l *mergeList) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil // as if the field were not there
	}
	var lines []string
	if json.Unmarshal(data, &lines) == nil {
		rules, err := splitMerges(withoutVersion(lines))
		*l = rules
		return err
	}
	var pairs [][]string
	if err := json.Unmarshal(data, &pairs); err != nil {
		return errors.New(`merges: want a list of "a b" or of ["a", "b"]`)
	}
	rules := make([]mergeRule, 0, len(pairs))
	for rank, pair := range pairs {
		if len(pair) != 2 {
			return fmt.Errorf("merge %d has %d tokens; want two", rank, len(pair))
		}
		rules = append(rules, mergeRule{pair[0], pair[1]})
	}
	*l = rules
	return nil
}

// withoutVersion leaves out the first line of a merges.txt, which some files have copied.
func withoutVersion(lines []string) []string {
	kept := lines[:0]
	for _, line := range lines {
		if !strings.HasPrefix(line, "#version") {
			kept = append(kept, line)
		}
	}
	return kept
}
