package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data/source"
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

// resolveData makes what names a data set whole: an address stays as it is, what is on this machine becomes absolute, and
// OWNER/NAME that is not there is a data set on the Hub.
func resolveData(name string) (string, error) {
	if source.IsRemote(name) {
		return name, nil
	}
	if hub, ok := source.HubName(name); ok {
		return hub, nil
	}
	return absolutePath(name)
}

// isDirectory reports whether there is a directory at path.
func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
