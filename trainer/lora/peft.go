package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/weights"
)

// The files of PEFT's layout.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
)

// Adapter is an adapter's weights with their layout.
type Adapter struct {
	Layout *Layout
	Values []float32 // Layout.Size of them
}

// Save writes adapter_config.json and adapter_model.safetensors into an existing directory that nobody looks at yet: the
// caller makes it visible, whole, by renaming it. baseModel is what a loader is told to load under the adapter.
func (a *Adapter) Save(directory, baseModel string) error {
	text, err := json.MarshalIndent(newPEFTConfig(a.Layout, baseModel), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, ConfigFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the adapter: %w", err)
	}
	return weights.WriteSafetensors(filepath.Join(directory, WeightsFile), a.Tensors(), map[string]string{"format": "pt"})
}

// Load reads an adapter from a directory in PEFT's layout, in whichever float type it is stored, and checks that it fits
// the model. It refuses what this program would compute differently from PEFT, by name, rather than leave it out.
func Load(directory string, arch architecture.Config) (*Adapter, error) {
	path := filepath.Join(directory, ConfigFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no adapter at %s: it holds no %s; give the directory that \"scu download\" or PEFT wrote", directory, ConfigFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read the adapter at %s: %w", directory, err)
	}
	config, err := parsePEFTConfig(text, &arch)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	layout, err := NewLayout(arch, config)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return readTensors(filepath.Join(directory, WeightsFile), layout)
}
