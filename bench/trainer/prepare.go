package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
	"github.com/shannon-labs/scu/trainer/weights"
)

//go:embed pytorch_arm.py
var pytorchScript []byte

// inputs are what the cases are made of.
type inputs struct {
	model, pytorchModel string  // the same weights, as each arm opens them
	text                []int32 // tokens
	python, script      string
	scratch             string // a directory to remove in the end
}

// prepare makes everything ready that takes long only the first time: the interpreter with its modules, and a copy of a
// GGUF model that transformers loads without unpacking it. Both are kept under SCU_HOME/cache.
func prepare(ctx context.Context, o *options, log io.Writer) (in *inputs, err error) {
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	in = &inputs{python: o.python}
	name := o.model
	if name == "" {
		name = plan.DefaultModel
	}
	model, failure := plan.FindModel(home, name)
	if failure != nil {
		return nil, failure
	}
	source, err := weights.Open(model)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	in.model = model
	if in.text, err = readText(source, o.text); err != nil {
		return nil, err
	}
	if in.python == "" {
		if in.python, err = ensureEnvironment(ctx, filepath.Join(home, "cache", "bench-venv"), log); err != nil {
			return nil, err
		}
	}
	if in.scratch, err = os.MkdirTemp("", "scu-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(in.scratch)
		}
	}()
	in.script = filepath.Join(in.scratch, "pytorch_arm.py")
	if err := os.WriteFile(in.script, pytorchScript, 0o600); err != nil {
		return nil, err
	}
	in.pytorchModel, err = in.convert(ctx, source, filepath.Join(home, "cache", "bench-models"), log)
	return in, err
}

func readText(source *weights.Model, path string) ([]int32, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the text of the batches: %w; name another with -text", err)
	}
	tokenizer, err := source.Tokenizer()
	if err != nil {
		return nil, err
	}
	tokens := tokenizer.Encode(string(text), false)
	if len(tokens) == 0 {
		return nil, fmt.Errorf("read the text of the batches: %s is empty; name another with -text", path)
	}
	return tokens, nil
}

// convert returns where transformers finds the model: a Hugging Face directory as it is, and of a GGUF file a copy under
// cache, made once.
func (in *inputs) convert(ctx context.Context, source *weights.Model, cache string, log io.Writer) (string, error) {
	if source.Format != weights.FormatGGUF {
		return source.Path, nil
	}
	fingerprint, err := source.Fingerprint()
	if err != nil {
		return "", err
	}
	target := filepath.Join(cache, fingerprint)
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	file, err := ggufFile(source.Path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	temporary, err := os.MkdirTemp(cache, ".tmp-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temporary)
	fmt.Fprintf(log, "converting %s for transformers, once\n", file)
	command := exec.CommandContext(ctx, in.python, in.script, "--convert", file, temporary)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("convert %s for transformers: %w\n%s", file, err, output)
	}
	return target, publish(temporary, target)
}

func ggufFile(path string) (string, error) {
	if filepath.Ext(path) == ".gguf" {
		return path, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "*.gguf"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("%s holds %d GGUF files; name the one to use with -model", path, len(files))
	}
	return files[0], nil
}

// publish syncs the files of a directory and gives it its name, so that a torn copy is never taken for a whole one.
func publish(temporary, final string) error {
	files, err := filepath.Glob(filepath.Join(temporary, "*"))
	if err != nil {
		return err
	}
	for _, path := range append(files, temporary) {
		if err := sync(path); err != nil {
			return err
		}
	}
	if err := os.Rename(temporary, final); err != nil {
		return err
	}
	return sync(filepath.Dir(final))
}

func sync(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
