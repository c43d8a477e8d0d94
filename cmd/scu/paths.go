package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// absolutePath makes a path whole, since the daemon has another working directory; empty stays empty.
func absolutePath(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("make %s an absolute path: %w", path, err)
	}
	return whole, nil
}

// resolveModel makes a base model that is a path absolute. The name of a model that is installed in home stays a name,
// even where a file of that name lies in the working directory, and so does what is no path at all.
func resolveModel(home, model string) (string, error) {
	if protocol.ValidateName("base_model", model) == nil {
		if _, err := os.Stat(filepath.Join(home, "models", model)); err == nil {
			return model, nil
		}
	}
	_, err := os.Stat(model)
	looksLikePath := strings.HasPrefix(model, ".") || filepath.IsAbs(model) || strings.HasSuffix(model, ".gguf")
	if err == nil || looksLikePath {
		return absolutePath(model)
	}
	return model, nil
}

// isDirectory reports whether there is a directory at path.
func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
