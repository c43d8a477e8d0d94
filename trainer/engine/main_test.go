package engine

import (
	"os"
	"testing"
)

// TestMain lets XLA compile without LLVM's optimizations, unless its flags are set. Of a tiny job nearly all the time goes
// into compiling, and this halves it. These tests are about what the engine does around the programs; the figures of
// programs as they are compiled for use are held against references in trainer/model, and whole workers run with them in
// cmd/scu.
func TestMain(m *testing.M) {
	const flags = "XLA_FLAGS" // as XLA reads it when its plugin is loaded
	if _, set := os.LookupEnv(flags); !set {
		if err := os.Setenv(flags, "--xla_backend_optimization_level=0"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
