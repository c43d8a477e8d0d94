package daemon

import (
	"regexp"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestDerivedNamesAreUsable(t *testing.T) {
	t.Parallel()
	for model, stem := range map[string]string{
		"smollm2-135m-instruct":           "smollm2-135m-instruct",
		"/models/SmolLM2-135M.Q4_1.gguf":  "smollm2-135m.q4_1",
		"org/My Model!":                   "my-model",
		"/":                               "adapter",
		"...":                             "adapter",
		"模型":                              "adapter",
		strings.Repeat("long-name-", 100): strings.Repeat("long-name-", 6)[:59],
	} {
		name := deriveName(model)
		if !regexp.MustCompile(`^` + regexp.QuoteMeta(stem) + `-[0-9a-f]{4}$`).MatchString(name) {
			t.Errorf("%q gave %q, want %s-…", model, name, stem)
		}
		if err := protocol.ValidateName("name", name); err != nil {
			t.Errorf("%q gave %q: %v", model, name, err)
		}
	}
}
