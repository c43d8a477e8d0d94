package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// The numbers must come from the scripts as they are: who changes one runs make_oracles.py again.
func TestOraclesAreCurrent(t *testing.T) {
	t.Parallel()
	text, err := testdata.ReadFile("testdata/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Scripts map[string]string `json:"scripts_sha256"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"make_oracles.py", "oracle_adapters.py", "oracle_checks.py", "oracle_models.py", "reference_model.py"} {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(script)
		if hex.EncodeToString(digest[:]) != manifest.Scripts[name] {
			t.Errorf("%s has changed since make_oracles.py wrote testdata; run it again", name)
		}
	}
}

// A folder that no name leads to would be checked by nobody.
func TestNamesAreAllCases(t *testing.T) {
	t.Parallel()
	entries, err := testdata.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "tokenizer" {
			folders = append(folders, entry.Name())
		}
	}
	if got := slices.Sorted(slices.Values(Names)); !slices.Equal(got, folders) {
		t.Errorf("Names are %v, testdata holds %v", got, folders)
	}
}

// The logits and the losses were computed apart; one must follow from the other.
func TestLossesFollowFromLogits(t *testing.T) {
	t.Parallel()
	for _, name := range Names {
		c := Load(t, name)
		base, adapted := logitsOf(c.Rows, baseLogits), logitsOf(c.Rows, adaptedLogits)
		requireLoss(t, name+" base", c.Rows, base, c.Base)
		requireLoss(t, name+" adapted", c.Rows, adapted, c.Adapted)
		requireLoss(t, name+" packed", c.PackedRows, logitsOf(c.PackedRows, baseLogits), c.Packed)
		requireDifferent(t, name+": adapter and base", adapted, base)
		requireInformed(t, name, c.Rows)
		if c.DoRA != nil {
			requireLoss(t, name+" DoRA", c.Rows, c.DoRA.Logits, c.DoRA.Loss)
			requireDifferent(t, name+": DoRA and base", c.DoRA.Logits, base)
		}
		if c.RSLoRA != nil {
			requireLoss(t, name+" rsLoRA", c.Rows, c.RSLoRA.Logits, c.RSLoRA.Loss)
			requireDifferent(t, name+": rsLoRA and LoRA", c.RSLoRA.Logits, adapted)
		}
	}
}

func baseLogits(r Row) []float32    { return r.BaseLogits }
func adaptedLogits(r Row) []float32 { return r.AdaptedLogits }

func logitsOf(rows []Row, logits func(Row) []float32) [][]float32 {
	var all [][]float32
	for _, row := range rows {
		all = append(all, logits(row))
	}
	return all
}

// requireDifferent wants logits that differ by a tenth of the largest in every row, so that none can pass for the other.
func requireDifferent(t *testing.T, what string, got, want [][]float32) {
	t.Helper()
	for i := range want {
		largest, difference := float32(0), float32(0)
		for j := range want[i] {
			largest = max(largest, want[i][j], -want[i][j])
			difference = max(difference, want[i][j]-got[i][j], got[i][j]-want[i][j])
		}
		if difference < largest/10 {
			t.Errorf("%s: row %d differs only by %g, its largest logit being %g", what, i, difference, largest)
		}
	}
}

// requireInformed wants distributions far from uniform, which would hide mistakes: on average their entropy is at least
// 0.3 nats below the largest possible.
func requireInformed(t *testing.T, what string, rows []Row) {
	t.Helper()
	information, positions := 0.0, 0
	for _, row := range rows {
		vocab := len(row.BaseLogits) / len(row.IDs)
		for logits := range slices.Chunk(row.BaseLogits, vocab) {
			information += math.Log(float64(vocab))
			for label := range logits {
				nll := negativeLogLikelihood(logits, int32(label))
				information -= nll * math.Exp(-nll)
			}
			positions++
		}
	}
	if mean := information / float64(positions); mean < 0.3 {
		t.Errorf("%s: the entropy of the predictions is on average only %g nats below uniform", what, mean)
	}
}

func requireLoss(t *testing.T, what string, rows []Row, logits [][]float32, want Loss) {
	t.Helper()
	total, targets := 0.0, 0
	for i, row := range rows {
		vocab := len(logits[i]) / len(row.IDs)
		for _, position := range row.Targets {
			total += negativeLogLikelihood(logits[i][(position-1)*vocab:position*vocab], row.IDs[position])
		}
		targets += len(row.Targets)
	}
	if targets != want.Targets {
		t.Errorf("%s: %d targets, want %d", what, targets, want.Targets)
	}
	if math.Abs(total-want.NLL64) > 1e-6*want.NLL64 || math.Abs(want.NLL-want.NLL64) > 1e-6*want.NLL64 {
		t.Errorf("%s: the logits give %.9g; recorded are %.9g in float32, %.9g in float64", what, total, want.NLL, want.NLL64)
	}
}

func negativeLogLikelihood(logits []float32, label int32) float64 {
	largest := float64(slices.Max(logits))
	sum := 0.0
	for _, logit := range logits {
		sum += math.Exp(float64(logit) - largest)
	}
	return math.Log(sum) + largest - float64(logits[label])
}
