package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// script is what a job's workers do. It stands in the file that the job names as its training data.
type script struct {
	Steps           int           `json:"steps"`
	Pace            time.Duration `json:"pace"`             // of a step
	CheckpointEvery int           `json:"checkpoint_every"` // steps
	CrashAt         []int         `json:"crash_at"`         // the step at which the first worker crashes, the second, …
	HangAt          int           `json:"hang_at"`          // the step at which the first worker falls silent; 0 means none
	FailAt          int           `json:"fail_at"`          // the step at which the first worker says that it cannot go on; 0 means none
	DeafToPause     bool          `json:"deaf_to_pause"`    // a pause is not obeyed, so that the daemon must use force
	Child           bool          `json:"child"`            // the worker has a child that outlives it unless somebody ends it
	MemoryBytes     int64         `json:"memory_bytes"`     // that the plan estimates
	MemoryAtStep1   int64         `json:"memory_at_step_1"` // that the worker tells; 0 means nothing
	Seed            uint32        `json:"seed"`             // of the numbers
	LogEvery        int           `json:"log_every"`        // steps; 0 means never
	SaveTime        time.Duration `json:"save_time"`        // between two files of the adapter
}

func readScript(path string) (*script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	s := &script{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("read the script %s: %w", path, err)
	}
	return s, nil
}

// The training that the workers pretend is a chain of numbers, each of which follows from the one before it and the step.
// Whoever takes a step twice, leaves one out, or goes on from another's checkpoint comes to another number.

// weightAfter is the number after so many steps, below 2^24, so that a float32 holds it.
func (s *script) weightAfter(steps int) uint32 {
	weight := s.Seed % weightRange
	for step := 1; step <= steps; step++ {
		weight = nextWeight(weight, step)
	}
	return weight
}

const weightRange = 1 << 24

func nextWeight(weight uint32, step int) uint32 {
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%d %d", weight, step)
	return hash.Sum32() % weightRange
}

// costAt is the data_bpt that a worker tells at a step.
func (s *script) costAt(step int) protocol.Float {
	return protocol.Float(float64(nextWeight(s.Seed, step)) / weightRange)
}
