package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// With -real the daemon and its workers are those of bin/scu. What a step must come to is not known beforehand then; but jobs
// that were asked for with the same settings, twins, must come to the same adapter bit for bit, however often their workers were
// killed.

const (
	realProgram = "bin/scu"
	realModel   = "trainer/oracle/testdata/untied/model"
	realTwins   = 3 // kinds of job
)

// realEnvironment are settings of the daemon that make its times short enough to be waited for.
var realEnvironment = []string{
	"SCU_TRAINING_MAX_CONCURRENT_JOBS=2", "SCU_TRAINING_MAX_RETRIES=50", "SCU_TRAINING_RETRY_BACKOFF=100ms", "SCU_TRAINING_RETRY_BACKOFF_MAX=500ms",
	"SCU_TRAINING_WORKER_SILENCE=20s", "SCU_TRAINING_PAUSE_GRACE=20s", "SCU_STORAGE_MIN_FREE=1MB",
}

// prepareReal makes the soak one of the real program, with the plugin of the home at SCU_HOME.
func (s *soak) prepareReal() error {
	program, err := filepath.Abs(realProgram)
	if err != nil {
		return err
	}
	if !exists(program) {
		return fmt.Errorf("%s is not there: run make build, and this from the repository's root", realProgram)
	}
	installed, err := filepath.Abs(filepath.Join(os.Getenv("SCU_HOME"), "pjrt"))
	if err != nil {
		return err
	}
	if !exists(installed) {
		return fmt.Errorf("no plugin is in %s: set SCU_HOME to a home in which scu setup was run", installed)
	}
	if err := os.Symlink(installed, filepath.Join(s.ground.home, "pjrt")); err != nil {
		return err
	}
	var rows strings.Builder
	for i := range 40 {
		letter := 'a' + rune(i%20)
		fmt.Fprintf(&rows, `{"messages":[{"role":"user","content":"say %c"},{"role":"assistant","content":"%s"}]}`+"\n", letter, strings.Repeat(string(letter), 3+i%4))
	}
	s.daemonCommand = []string{program, roleDaemon, "--foreground"}
	s.ground.settings = realEnvironment
	return os.WriteFile(s.ground.rows(), []byte(rows.String()), 0o600)
}

func (g *ground) rows() string { return filepath.Join(g.scripts, "rows.jsonl") }

// inventReal makes up a job for the real trainer.
func (s *soak) inventReal(random *rand.Rand) (*entry, error) {
	number := s.invented.Add(1)
	model, err := filepath.Abs(realModel)
	if err != nil {
		return nil, err
	}
	kind := random.IntN(realTwins)
	steps := 20 + 10*kind
	e := &entry{script: &script{Steps: steps}, twin: fmt.Sprintf("%d steps", steps)}
	e.spec = protocol.JobSpec{
		BaseModel: model, TrainData: s.ground.rows(), AdapterName: fmt.Sprintf("soak-%05d", number), RequestID: fmt.Sprintf("request-%d", number),
		Priority: random.IntN(11) - 5,
		ConfigOverrides: map[string]any{
			"precision": "f32", "lora_r": 4, "block_size": 64, "micro_batch": 2, "grad_accum": 2, "max_steps": steps, "learning_rate": 5e-3,
			"val_fraction": 0.2, "lora_dropout": 0.1, "checkpoint_every": 3, "seed": 7,
		},
	}
	e.known.priority = e.spec.Priority
	return e, nil
}

// checkTwin says what is wrong with an adapter of the real trainer, or nothing. twins are the digests that were seen so far.
func (e *entry) checkTwin(adapter protocol.AdapterArtifact, twins map[string]string) string {
	content, err := os.ReadFile(filepath.Join(adapter.LocalPath, adapterWeights))
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	if digest != adapter.SHA256 {
		return fmt.Sprintf("its weights have the SHA-256 %s, and its row says %s", digest, adapter.SHA256)
	}
	if before, found := twins[e.twin]; found && before != digest {
		return fmt.Sprintf("its weights have the SHA-256 %s; a job of the same settings came to %s", digest, before)
	}
	twins[e.twin] = digest
	return ""
}
