package architecture

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// expectedModel is what transformers makes of a config.json; make_testdata.py says what each member is.
type expectedModel struct {
	Parameters     int64
	Tensors        string
	ContextLength  int `json:"context_length"`
	Windows        []int
	Rotary, Local  []float64
	AttentionScale float64 `json:"attention_scale"`
	EmbeddingScale float64 `json:"embedding_scale"`
	Epsilon        float64
	Activation     Activation
	AttentionCap   float64 `json:"attention_cap"`
	FinalCap       float64 `json:"final_cap"`
	Resaved        json.RawMessage
}

func readExpected(t *testing.T) map[string]expectedModel {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Generator string `json:"generator_sha256"`
		Models    map[string]expectedModel
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join("testdata", "make_testdata.py"))
	if err != nil {
		t.Fatal(err)
	}
	if digest := sha256.Sum256(script); hex.EncodeToString(digest[:]) != expected.Generator {
		t.Error("make_testdata.py has changed since it wrote expected.json; run it again")
	}
	return expected.Models
}

// What known models' config.json files say is understood as transformers understands it, in the spelling of their release
// and in that of transformers 5.
func TestKnownModelsAreReadAsTransformersReadsThem(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("testdata", "configs", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	models := readExpected(t)
	if len(models) != len(paths) || len(paths) == 0 {
		t.Fatalf("%d models are expected, %d files are there", len(models), len(paths))
	}
	seen := map[string]bool{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		config, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		seen[config.Family] = true
		model := models[name]
		model.compare(t, name, &config)
		resaved, err := Parse(model.Resaved)
		if err != nil || !reflect.DeepEqual(resaved, config) {
			t.Errorf("%s as transformers 5 writes it: %v\ngot  %+v\nwant %+v", name, err, resaved, config)
		}
	}
	for _, modelType := range Families() {
		if !seen[modelType] {
			t.Errorf("no file is of the model type %s", modelType)
		}
	}
}

func (m *expectedModel) compare(t *testing.T, name string, c *Config) {
	t.Helper()
	if got := c.Parameters(); got != m.Parameters {
		t.Errorf("%s: %d parameters, want %d", name, got, m.Parameters)
	}
	if got := tensorDigest(c); got != m.Tensors {
		t.Errorf("%s: the tensors differ: %v", name, c.Tensors())
	}
	if c.ContextLength != m.ContextLength {
		t.Errorf("%s: the context has %d positions, want %d", name, c.ContextLength, m.ContextLength)
	}
	for layer, want := range m.Windows {
		if got := c.Window(layer); got != want {
			t.Errorf("%s: the window of layer %d is %d, want %d", name, layer, got, want)
		}
	}
	requireClose(t, name+": rotary", c.Rotary.Frequencies, m.Rotary)
	requireClose(t, name+": local rotary", c.LocalRotary.Frequencies, m.Local)
	requireClose(t, name+": scales, epsilon and caps",
		[]float64{c.AttentionScale, c.EmbeddingScale, c.Norm.Epsilon, c.AttentionSoftCap, c.FinalSoftCap},
		[]float64{m.AttentionScale, m.EmbeddingScale, m.Epsilon, m.AttentionCap, m.FinalCap})
	if c.Activation != m.Activation {
		t.Errorf("%s: the activation is %s, want %s", name, c.Activation, m.Activation)
	}
	if got, want := c.Norm.UnitOffset, strings.HasPrefix(c.Family, "gemma"); got != want {
		t.Errorf("%s: the unit offset is %t", name, got)
	}
}

func tensorDigest(c *Config) string {
	var lines []string
	for _, tensor := range c.Tensors() {
		lines = append(lines, fmt.Sprintf("%s %s\n", tensor.Name, strings.ReplaceAll(fmt.Sprint(tensor.Shape), " ", ", ")))
	}
	slices.Sort(lines)
	digest := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(digest[:])
}

// requireClose compares with values that Python computed in float32.
func requireClose(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 2e-6*math.Abs(want[i]) {
			t.Errorf("%s: value %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

func TestPositionsAreThoseOfTheLayersKind(t *testing.T) {
	t.Parallel()
	c := Config{Windows: []int{3, 0}, Rotary: Rotary{[]float64{1}}, LocalRotary: Rotary{[]float64{2}}}
	if got := c.RotaryOf(0).Frequencies[0]; got != 2 {
		t.Errorf("a layer with a window turns by %g", got)
	}
	if got := c.RotaryOf(1).Frequencies[0]; got != 1 {
		t.Errorf("a layer without a window turns by %g", got)
	}
	c.LocalRotary = Rotary{}
	if got := c.RotaryOf(0).Frequencies[0]; got != 1 {
		t.Errorf("without local positions a layer with a window turns by %g", got)
	}
}
