package tokenizer

import (
	"bytes"
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
	var file modelFile
	if err := decodeStrict(raw, &file); err != nil {
		return modelError(raw, err)
	}
	// Files from before 2020 give the BPE model no type.
	if file.Type != nil && *file.Type != "BPE" {
		return notSupported("model", *file.Type, "BPE")
	}
	if err := file.check(); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	d.vocabulary = file.Vocab
	d.merges = file.Merges
	d.fuseUnknown = isSet(file.FuseUnk)
	d.byteFallback = isSet(file.ByteFallback)
	d.ignoreMerges = isSet(file.IgnoreMerges)
	if file.UnkToken != nil {
		d.unknown = *file.UnkToken
	}
	return nil
}

// modelError tells a model of another kind, whose fields are others, from a damaged one. (The section is large, so the type is not
// looked up first.)
func modelError(raw json.RawMessage, damage error) error {
	if kind, err := componentType(raw); err == nil && kind != "BPE" && kind != "" {
		return notSupported("model", kind, "BPE")
	}
	return fmt.Errorf("model: %w", damage)
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
		return errors.New("continuing_subword_prefix is not supported; it must be null or empty")
	case f.EndOfWordSuffix != nil && *f.EndOfWordSuffix != "":
		return errors.New("end_of_word_suffix is not supported; it must be null or empty")
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
	var rules []mergeRule
	var err error
	if first := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("[")), " \t\r\n"); bytes.HasPrefix(first, []byte("[")) {
		rules, err = mergePairs(data)
	} else {
		rules, err = mergeLines(data)
	}
	*l = rules
	return err
}

var errMergeForm = errors.New(`merges: want a list of "a b" or of ["a", "b"]`)

func mergeLines(data []byte) ([]mergeRule, error) {
	var lines []string
	if err := json.Unmarshal(data, &lines); err != nil {
		return nil, errMergeForm
	}
	return splitMerges(withoutVersion(lines))
}

func mergePairs(data []byte) ([]mergeRule, error) {
	var pairs [][]string
	if err := json.Unmarshal(data, &pairs); err != nil {
		return nil, errMergeForm
	}
	rules := make([]mergeRule, 0, len(pairs))
	for rank, pair := range pairs {
		if len(pair) != 2 {
			return nil, fmt.Errorf("merge %d has %d tokens; want two", rank, len(pair))
		}
		rules = append(rules, mergeRule{pair[0], pair[1]})
	}
	return rules, nil
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
