package weights

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// The values of Model.Format.
const (
	FormatGGUF        = "gguf"
	FormatSafetensors = "safetensors"
)

// Model is an open base model. It is safe for concurrent use; Close it when done.
type Model struct {
	// Path is the directory or the GGUF file.
	Path string
	// Format is FormatGGUF or FormatSafetensors.
	Format string
	// Config is the architecture.
	Config architecture.Config

	names        []string // of the tensors, in the order and the spelling of architecture.Config.Tensors
	tensors      map[string]storedTensor
	closers      []*os.File
	chatTemplate string
	special      SpecialTokens
	tokenizer    func() (*tokenizer.Tokenizer, error) // parses once, then answers from memory
	fingerprint  func() (string, error)               // likewise
}

// SpecialTokens are the tokens that begin and end a text. An absent one has the id -1 and an empty string.
type SpecialTokens struct {
	BOS, EOS           int32
	BOSToken, EOSToken string
}

// Open opens a base model: a .gguf file, a directory with exactly one, or a directory with config.json and
// model.safetensors (or shards listed by model.safetensors.index.json). It reads headers only.
//
// The error says what is wrong with the files: nothing there, an architecture, dtype or setting without support, a
// truncated file, a missing, unexpected or misshapen tensor.
func Open(path string) (*Model, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open the base model: %w; give a model directory (config.json with model.safetensors), a .gguf file, "+
			"or run `scu setup`, which installs smollm2-135m-instruct", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the base model: %w", err)
	}
	if info.IsDir() {
		return openDirectory(path)
	}
	if extension := filepath.Ext(path); extension == ".safetensors" || extension == ".json" {
		return nil, fmt.Errorf("open the base model: %s is one file of a model; give the directory that it is in", path)
	}
	return openGGUF(path, path)
}

// openDirectory finds out which layout a directory holds. Safetensors win over a GGUF file beside them, as they carry
// the weights unquantised.
func openDirectory(path string) (*Model, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("open the base model: %w", err)
	}
	var names, ggufs []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		if filepath.Ext(entry.Name()) == ".gguf" {
			ggufs = append(ggufs, entry.Name())
		}
	}
	hasConfig := slices.Contains(names, configFile)
	hasWeights := slices.Contains(names, weightsFile) || slices.Contains(names, weightsIndexFile)
	switch {
	case hasConfig && hasWeights:
		return openHuggingFace(path)
	case len(ggufs) == 1:
		return openGGUF(path, filepath.Join(path, ggufs[0]))
	case len(ggufs) > 1:
		return nil, fmt.Errorf("open the base model: %s holds %d GGUF files (%s); name the one to use", path, len(ggufs), enumerate(ggufs))
	case hasWeights:
		return nil, fmt.Errorf("open the base model: %s has weights but no %s; download it from the same model", path, configFile)
	case hasConfig:
		return nil, fmt.Errorf("open the base model: %s has a %s but neither %s nor %s; download the weights, or convert others with "+
			"transformers' save_pretrained", path, configFile, weightsFile, weightsIndexFile)
	default:
		return nil, fmt.Errorf("open the base model: %s holds no model: looked for %s with %s or %s, and for one .gguf file; "+
			"`scu setup` installs smollm2-135m-instruct", path, configFile, weightsFile, weightsIndexFile)
	}
}

// Close releases the files.
func (m *Model) Close() error {
	var failures []error
	for _, file := range m.closers {
		failures = append(failures, file.Close())
	}
	return errors.Join(failures...)
}

// Tokenizer returns the model's tokenizer. It is parsed at the first call. It is an error when the model has none, when
// its kind is not supported, or when it has ids that the embedding has no row for.
func (m *Model) Tokenizer() (*tokenizer.Tokenizer, error) { return m.tokenizer() }

// ChatTemplate returns the model's Jinja chat template, or "" when it has none.
func (m *Model) ChatTemplate() string { return m.chatTemplate }

// SpecialTokens returns the tokens that begin and end a text.
func (m *Model) SpecialTokens() SpecialTokens { return m.special }

// Shape returns a tensor's dimensions, outermost first.
func (m *Model) Shape(name string) ([]int, error) {
	tensor, err := m.tensor(name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(tensor.shape), nil
}

// File is the path of the file that stores a tensor, or that of the model where no tensor has the name.
func (m *Model) File(name string) string {
	if tensor, ok := m.tensors[name]; ok {
		return tensor.path
	}
	return m.Path
}

// Float32 reads a tensor and converts or dequantises it: row-major, in the shape of architecture.Config.Tensors (linear
// weights [out, in], or [in, out] where the architecture says transposed), rows in Hugging Face's order. NaN and Inf come
// as they are stored. The result is in dst when its capacity suffices and in a new slice otherwise.
func (m *Model) Float32(name string, dst []float32) ([]float32, error) {
	tensor, err := m.tensor(name)
	if err != nil {
		return nil, err
	}
	return tensor.float32s(dst)
}

// Fingerprint returns 64 hexadecimal digits that identify the model by content, so that a cache or a checkpoint can tell
// whether it belongs to it. Where the model lies and what its files are called (shards apart) does not change it.
//
// It is the SHA-256 of everything that describes the model (the GGUF header, or config, tokenizer and safetensors
// headers) and of the first and the last 4 KiB of every tensor. Headers alone would not do: fine-tunes of one base have
// the same. A change that touches only the middle of large tensors goes unseen; training touches every part.
func (m *Model) Fingerprint() (string, error) { return m.fingerprint() }

func (m *Model) tensor(name string) (storedTensor, error) {
	tensor, ok := m.tensors[name]
	if !ok {
		return storedTensor{}, fmt.Errorf("%s has no tensor %q", m.Path, name)
	}
	return tensor, nil
}

// bind gives the model its tensors: those of the architecture, found in stored by the name that storedName makes of
// theirs. Missing and misshapen tensors are errors. What is left over it returns, sorted.
func (m *Model) bind(stored map[string]storedTensor, storedName func(string) string) (unused []string, err error) {
	m.tensors = map[string]storedTensor{}
	left := map[string]bool{}
	for name := range stored {
		left[name] = true
	}
	var missing []string
	for _, want := range m.Config.Tensors() {
		name := storedName(want.Name)
		tensor, ok := stored[name]
		if !ok {
			missing = append(missing, name)
			continue
		}
		if !slices.Equal(tensor.shape, want.Shape) {
			return nil, fmt.Errorf("open %s: tensor %q has the shape %v, but the configuration makes it %v", tensor.path, name, tensor.shape, want.Shape)
		}
		if tensor.encoding.decode == nil {
			return nil, fmt.Errorf("open %s: tensor %q: %w", tensor.path, name, unsupportedDtype(tensor.encoding.name))
		}
		delete(left, name)
		m.names = append(m.names, want.Name)
		m.tensors[want.Name] = tensor
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("open %s: %d tensors are missing: %s; download the model again", m.Path, len(missing), enumerate(missing))
	}
	for name := range left {
		unused = append(unused, name)
	}
	slices.Sort(unused)
	return unused, nil
}

// unexpectedTensors is the refusal of tensors that the graph has no place for: to leave out a bias in silence would
// train another model than the one given.
func unexpectedTensors(path string, names []string) error {
	return fmt.Errorf("open %s: %d tensors have no place in the architecture: %s; this variant of it is not supported",
		path, len(names), enumerate(names))
}

// enumerate joins names for a message, the first few when they are many.
func enumerate(names []string) string {
	const most = 5
	text := ""
	for i, name := range names {
		if i == most {
			return fmt.Sprintf("%s and %d more", text, len(names)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += name
	}
	return text
}

// checkTokenizerSize makes sure that every id has a row in the embedding; a gather beyond it would not fail on an
// accelerator but read another row.
func checkTokenizerSize(path string, size int, config architecture.Config) error {
	if size > config.Vocab {
		return fmt.Errorf("open %s: the tokenizer has ids up to %d, but the embedding has %d rows; the files are not of one model", path, size-1, config.Vocab)
	}
	return nil
}
