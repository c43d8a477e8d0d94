package plan

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/weights"
)

// DefaultModel is the name under which "scu setup" installs a base model.
const DefaultModel = "smollm2-135m-instruct"

// FindModel turns what a user calls a base model into an absolute path: an existing directory or file, or else the name
// of a directory under home/models.
func FindModel(home, name string) (string, *protocol.Error) {
	if filepath.IsAbs(name) {
		if _, err := os.Stat(name); err != nil {
			return "", modelNotFound(home, name)
		}
		return name, nil
	}
	if protocol.ValidateName("base_model", name) != nil {
		return "", modelNotFound(home, name)
	}
	path := filepath.Join(home, "models", name)
	if _, err := os.Stat(path); err != nil {
		return "", modelNotFound(home, name)
	}
	return path, nil
}

func modelNotFound(home, name string) *protocol.Error {
	err := protocol.NewError(protocol.CodeModelNotFound, "there is no base model %q: it is neither a path nor installed under %s", name, filepath.Join(home, "models"))
	if installed := installedModels(home); len(installed) > 0 {
		return err.WithHint("installed are %s; or give a model's directory or GGUF file", strings.Join(installed, ", "))
	}
	return err.WithHint("install %s with \"scu setup\", or give a model's directory or GGUF file", DefaultModel)
}

func installedModels(home string) []string {
	entries, err := os.ReadDir(filepath.Join(home, "models"))
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names
}

// OpenModel reads a model's headers.
func OpenModel(path string) (*weights.Model, *protocol.Error) {
	source, err := weights.Open(path)
	if err == nil {
		return source, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, protocol.NewError(protocol.CodeModelNotFound, "%v", err)
	}
	return nil, protocol.NewError(protocol.CodeModelUnsupported, "%v", err)
}
