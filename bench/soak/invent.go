package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// invent makes up a job and writes its script.
func (s *soak) invent(random *rand.Rand) (*entry, error) {
	if s.options.real {
		return s.inventReal(random)
	}
	number := s.invented.Add(1)
	e := &entry{script: newScript(random)}
	path := filepath.Join(s.ground.scripts, fmt.Sprintf("%05d.json", number))
	text, err := json.Marshal(e.script)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	e.spec = protocol.JobSpec{
		BaseModel: "Pretended", TrainData: path, AdapterName: fmt.Sprintf("soak-%05d", number), RequestID: fmt.Sprintf("request-%d", number),
		Priority: random.IntN(11) - 5, Device: oneOf(random, "", "cpu", "cuda", "cuda:1"), Tags: []string{"soak"},
	}
	e.known.priority = e.spec.Priority
	return e, nil
}

func newScript(random *rand.Rand) *script {
	s := &script{
		Steps: 3 + random.IntN(40), Pace: time.Duration(1+random.IntN(8)) * time.Millisecond, CheckpointEvery: oneOf(random, 0, 3, 5, 10),
		MemoryBytes: 100 + random.Int64N(600), Seed: random.Uint32(), LogEvery: oneOf(random, 0, 5), SaveTime: time.Duration(random.IntN(5)) * time.Millisecond,
		DeafToPause: chance(random, 3), Child: chance(random, 10),
	}
	if chance(random, 50) {
		s.MemoryAtStep1 = 100 + random.Int64N(s.MemoryBytes-99)
	}
	step := 1 + random.IntN(s.Steps)
	switch {
	case chance(random, 10):
		s.CrashAt = []int{step}
	case chance(random, 6):
		s.CrashAt = []int{step, min(s.Steps, step+random.IntN(3))} // the second time no further, or a little
	case chance(random, 2):
		s.HangAt = step
	case chance(random, 6):
		s.FailAt = step
	}
	return s
}

// chance is true so many times in a hundred.
func chance(random *rand.Rand, percent int) bool { return random.IntN(100) < percent }

func oneOf[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }
