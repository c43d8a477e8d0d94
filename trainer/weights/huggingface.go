package weights

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// The files of a Hugging Face model directory.
const (
	configFile          = "config.json"
	weightsFile         = "model.safetensors"
	weightsIndexFile    = "model.safetensors.index.json"
	tokenizerFile       = "tokenizer.json"
	tokenizerConfigFile = "tokenizer_config.json"
	chatTemplateFile    = "chat_template.jinja"
)

// openHuggingFace opens a directory with config.json and safetensors.
func openHuggingFace(directory string) (_ *Model, err error) {
	config, ids, err := readConfigJSON(filepath.Join(directory, configFile))
	if err != nil {
		return nil, err
	}
	model := &Model{Path: directory, Format: FormatSafetensors, Config: config}
	defer func() {
		if err != nil {
			model.Close()
		}
	}()
	stored, headers, err := model.openShards(directory)
	if err != nil {
		return nil, err
	}
	storedName := storedNames(&config, stored)
	unused, err := model.bind(stored, storedName)
	if err != nil {
		return nil, err
	}
	unused = slices.DeleteFunc(unused, isBuffer)
	if head := config.Names.Head + ".weight"; config.TieEmbeddings && slices.Contains(unused, head) {
		if err := checkTied(stored[storedName(config.Names.Embedding+".weight")], stored[head]); err != nil {
			return nil, fmt.Errorf("open %s: %w", directory, err)
		}
		unused = slices.DeleteFunc(unused, func(name string) bool { return name == head })
	}
	if len(unused) > 0 {
		return nil, unexpectedTensors(directory, unused)
	}
	description, err := readTokenizerConfig(directory, ids)
	if err != nil {
		return nil, err
	}
	model.chatTemplate, model.special = description.chatTemplate, description.special
	model.tokenizer = sync.OnceValues(func() (*tokenizer.Tokenizer, error) { return directoryTokenizer(directory, config) })
	model.fingerprint = sync.OnceValues(func() (string, error) { return model.directoryFingerprint(headers) })
	return model, nil
}

// openShards opens the directory's safetensors files and returns their tensors by name and their raw headers in the
// order of the files' names.
func (m *Model) openShards(directory string) (map[string]storedTensor, [][]byte, error) {
	shards, shardOf, err := listShards(directory)
	if err != nil {
		return nil, nil, err
	}
	stored := map[string]storedTensor{}
	var headers [][]byte
	for _, shard := range shards {
		path := filepath.Join(directory, shard)
		file, size, err := openRegular(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil, fmt.Errorf("open %s: %s lists it, but it is not there; download it", path, weightsIndexFile)
		}
		if err != nil {
			return nil, nil, err
		}
		m.closers = append(m.closers, file)
		header, err := readSafetensorsHeader(file, size, path)
		if err != nil {
			return nil, nil, err
		}
		headers = append(headers, header.raw)
		for _, tensor := range header.tensors {
			if earlier, ok := stored[tensor.name]; ok {
				return nil, nil, fmt.Errorf("open %s: the tensor %q is in %s as well", path, tensor.name, earlier.path)
			}
			stored[tensor.name] = tensor
		}
	}
	for name, shard := range shardOf {
		if tensor, ok := stored[name]; !ok || filepath.Base(tensor.path) != shard {
			return nil, nil, fmt.Errorf("open %s: %s puts the tensor %q into %s, but it is not there; download the model again", directory, weightsIndexFile, name, shard)
		}
	}
	return stored, headers, nil
}

// listShards returns the weight files' names, sorted, and which tensor the index puts into which. A single file needs no
// index and wins over one, as in transformers.
func listShards(directory string) (shards []string, shardOf map[string]string, err error) {
	if _, err := os.Stat(filepath.Join(directory, weightsFile)); err == nil {
		return []string{weightsFile}, nil, nil
	}
	path := filepath.Join(directory, weightsIndexFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(index.WeightMap) == 0 {
		return nil, nil, fmt.Errorf("read %s: \"weight_map\" is missing or empty; download it again", path)
	}
	unique := map[string]bool{}
	for name, shard := range index.WeightMap {
		if shard != filepath.Base(shard) || !filepath.IsLocal(shard) {
			return nil, nil, fmt.Errorf("read %s: %q puts the tensor %q outside the directory", path, shard, name)
		}
		unique[shard] = true
	}
	return slices.Sorted(maps.Keys(unique)), index.WeightMap, nil
}

// checkTied compares an output head that is stored although the configuration ties it. When the two differ, transformers
// unties them; here that is an error, because the configuration then says something else than the weights.
func checkTied(embedding, head storedTensor) error {
	different := fmt.Errorf("\"tie_word_embeddings\" is true, but %s differs from %s; set it to false in %s if the head is meant", head.name, embedding.name, configFile)
	if embedding.encoding.name != head.encoding.name || embedding.bytes != head.bytes {
		return different
	}
	a := io.NewSectionReader(embedding.source, embedding.offset, embedding.bytes)
	b := io.NewSectionReader(head.source, head.offset, head.bytes)
	left, right := make([]byte, readChunk), make([]byte, readChunk)
	for {
		n, err := io.ReadFull(a, left)
		if n == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if _, err := io.ReadFull(b, right[:n]); err != nil {
			return err
		}
		if !bytes.Equal(left[:n], right[:n]) {
			return different
		}
	}
}

func directoryTokenizer(directory string, config architecture.Config) (*tokenizer.Tokenizer, error) {
	path := filepath.Join(directory, tokenizerFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; save the model's fast tokenizer there (transformers' AutoTokenizer.save_pretrained writes it)", err)
	}
	if err != nil {
		return nil, err
	}
	parsed, err := tokenizer.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if err := checkTokenizerSize(path, parsed.Size(), config); err != nil {
		return nil, err
	}
	return parsed, nil
}
