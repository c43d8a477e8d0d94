package main

import (
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/tokenizer"
	"github.com/shannon-labs/scu/trainer/weights"
)

func oracleTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	source, err := weights.Open(oracle.Load(t, "untied").ModelDirectory)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	tokens, err := source.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokenizeAnswersEachLine(t *testing.T) {
	t.Parallel()
	tokenizer := oracleTokenizer(t)
	for in, want := range map[string]string{
		`""` + "\n":         "[]\n",
		`"a"` + "\n" + `""`: "[",
		`"<|im_end|>"`:      "[",
	} {
		var out strings.Builder
		if err := tokenizeLines(tokenizer, false, strings.NewReader(in), &out); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("%q: %q (%v), want it to begin with %q", in, out.String(), err, want)
		}
		if got := strings.Count(out.String(), "\n"); got != strings.Count(strings.TrimSuffix(in, "\n"), "\n")+1 {
			t.Errorf("%q: %d lines", in, got)
		}
	}
	for _, in := range []string{"a", "null", "1", `["a"]`, `"a`, "\n"} {
		var out strings.Builder
		err := tokenizeLines(tokenizer, false, strings.NewReader(`"fine"`+"\n"+in+"\n"), &out)
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", in, err)
		}
	}
}
