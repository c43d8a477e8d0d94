package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// parseDecoder reads the decoder section.
func parseDecoder(raw json.RawMessage) (decoder, error) {
	steps, err := flatten(raw, "decoder", "decoders")
	if err != nil {
		return nil, err
	}
	var parsed decoder
	for _, step := range steps {
		kind, err := componentType(step)
		if err != nil {
			return nil, fmt.Errorf("decoder: %w", err)
		}
		if kind == "null" {
			continue
		}
		next, err := parseDecoderStep(kind, step)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, next)
	}
	return parsed, nil
}

func parseDecoderStep(kind string, raw json.RawMessage) (step decoderStep, err error) {
	switch kind {
	case "ByteLevel":
		step, err = byteLevelDecoder{}, decodeStrict(raw, &byteLevelFile{}) // its options do not matter for decoding
	case "ByteFallback":
		step, err = byteFallbackDecoder{}, noOptions(raw)
	case "Fuse":
		step, err = fuseDecoder{}, noOptions(raw)
	case "Replace":
		var replace replaceFile
		replace, err = parseReplace(raw)
		step = replaceDecoder(replace)
	case "Strip":
		step, err = parseStripDecoder(raw)
	case "Metaspace":
		var shared metaspace
		shared, err = parseMetaspace(raw)
		step = metaspaceDecoder{shared}
	default:
		return nil, notSupported("decoder", kind, "ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace", "Sequence", "null")
	}
	if err != nil {
		return nil, fmt.Errorf("decoder %s: %w", kind, err)
	}
	return step, nil
}

func parseStripDecoder(raw json.RawMessage) (decoderStep, error) {
	var file struct {
		Type    string  `json:"type"`
		Content *string `json:"content"`
		Start   *int    `json:"start"`
		Stop    *int    `json:"stop"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return nil, err
	}
	switch {
	case file.Content == nil || utf8.RuneCountInString(*file.Content) != 1:
		return nil, errors.New("want a content of one character")
	case file.Start == nil || *file.Start < 0 || file.Stop == nil || *file.Stop < 0:
		return nil, errors.New("want start and stop, both 0 or more")
	}
	return stripDecoder{content: *file.Content, start: *file.Start, stop: *file.Stop}, nil
}
