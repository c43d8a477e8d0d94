package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// smollm2Path finds the real base model: SCU_TEST_MODEL_GGUF, or where `scu setup` puts it. Without it the test fails,
// rather than passing unseen, unless -short asks for less.
func smollm2Path(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("SCU_TEST_MODEL_GGUF"); path != "" {
		return path
	}
	home := os.Getenv("SCU_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		home = filepath.Join(user, ".scu")
	}
	path := filepath.Join(home, "models", "smollm2-135m-instruct")
	if _, err := os.Stat(path); err != nil {
		if testing.Short() {
			t.Skip("the base model is not installed, and -short leaves it out")
		}
		t.Fatalf("%v: run `scu setup`, or name the file in SCU_TEST_MODEL_GGUF", err)
	}
	return path
}

// Every tensor of the real model, bit for bit as transformers loads it from the GGUF file.
func TestSmolLM2GivesTransformersWeights(t *testing.T) {
	t.Parallel()
	model, err := Open(smollm2Path(t))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	requireConfig(t, model, `{"model_type":"llama","num_hidden_layers":30,"hidden_size":576,"num_attention_heads":9,"num_key_value_heads":3,
		"intermediate_size":1536,"vocab_size":49152,"max_position_embeddings":8192,"rope_theta":100000,"rms_norm_eps":1e-5,"tie_word_embeddings":true}`)
	if got := model.SpecialTokens(); got != (SpecialTokens{1, 2, "<|im_start|>", "<|im_end|>"}) {
		t.Errorf("special tokens are %+v", got)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "smollm2.json"))
	if err != nil {
		t.Fatal(err)
	}
	var digests map[string]struct {
		Shape   []int
		SHA256  string
		Samples map[string]float32
	}
	if err := json.Unmarshal(text, &digests); err != nil {
		t.Fatal(err)
	}
	names := model.names
	if len(names) != len(digests) {
		t.Fatalf("%d tensors, want %d", len(names), len(digests))
	}
	var values []float32
	for _, name := range names {
		digest := digests[name]
		if shape, err := model.Shape(name); err != nil || !slices.Equal(shape, digest.Shape) {
			t.Fatalf("%s: shape %v (%v), want %v", name, shape, err, digest.Shape)
		}
		if values, err = model.Float32(name, values); err != nil {
			t.Fatal(err)
		}
		for position, sample := range digest.Samples {
			i, err := strconv.Atoi(position)
			if err != nil || values[i] != sample {
				t.Fatalf("%s: value %s is %g, want %g (%v)", name, position, values[i], sample, err)
			}
		}
		if got := float32Digest(values); got != digest.SHA256 {
			t.Errorf("%s: the values differ from transformers'", name)
		}
	}
}

func float32Digest(values []float32) string {
	digest := sha256.New()
	buffer := make([]byte, 0, 4096)
	for chunk := range slices.Chunk(values, 1024) {
		buffer = buffer[:0]
		for _, value := range chunk {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(value))
		}
		digest.Write(buffer)
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// BenchmarkLoadSmolLM2 opens the real model and reads every tensor; MB are of float32 values.
func BenchmarkLoadSmolLM2(b *testing.B) {
	path := smollm2Path(b)
	var values []float32
	for b.Loop() {
		model, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(4 * model.Config.Parameters())
		for _, name := range model.names {
			if values, err = model.Float32(name, values); err != nil {
				b.Fatal(err)
			}
		}
		model.Close()
	}
}
