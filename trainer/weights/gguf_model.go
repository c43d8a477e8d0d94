package weights

import (
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// openGGUF opens a GGUF file; path is what the user gave, which may be the directory around it.
func openGGUF(path, file string) (_ *Model, err error) {
	source, size, err := openRegular(file)
	if err != nil {
		return nil, fmt.Errorf("open the base model: %w", err)
	}
	model := &Model{Path: path, Format: FormatGGUF, closers: []*os.File{source}}
	defer func() {
		if err != nil {
			model.Close()
		}
	}()
	header, err := readGGUFHeader(source, size, file)
	if err != nil {
		return nil, err
	}
	stored := map[string]storedTensor{}
	for _, tensor := range header.tensors {
		stored[tensor.name] = tensor
	}
	family, err := header.metadata.family()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if model.Config, err = header.metadata.config(family, stored); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	names, rotaryHeads := family.names(&model.Config)
	unused, err := model.bind(stored, func(name string) string { return names[name] })
	if err != nil {
		return nil, err
	}
	unused = slices.DeleteFunc(unused, func(name string) bool { return name == ggufRopeFactorsName })
	if len(unused) > 0 {
		return nil, unexpectedTensors(file, unused)
	}
	for name, heads := range rotaryHeads {
		tensor := model.tensors[name]
		tensor.rotaryHeads = heads
		model.tensors[name] = tensor
	}
	if model.special, err = header.metadata.specialTokens(); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if model.chatTemplate, _, err = header.metadata.text("tokenizer.chat_template"); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	model.tokenizer = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
		parsed, err := header.metadata.tokenizer()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if err := checkTokenizerSize(file, parsed.Size(), model.Config); err != nil {
			return nil, err
		}
		return parsed, nil
	})
	model.fingerprint = sync.OnceValues(func() (string, error) { return model.ggufFingerprint(source, header.size) })
	return model, nil
}
