package architecture

import (
	"slices"
	"strings"
	"testing"
)

func TestModulesOfEveryFamily(t *testing.T) {
	t.Parallel()
	separate := []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
	for modelType, want := range map[string][]string{
		"llama": separate, "mistral": separate, "qwen2": separate, "qwen3": separate, "gemma": separate, "gemma2": separate, "gemma3_text": separate,
		"phi3":     {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"},
		"gpt2":     {"c_attn", "c_proj", "c_fc"},
		"gpt_neox": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
	} {
		c := parse(t, minimal(modelType)+`,"num_key_value_heads":4}`)
		if got := c.ModuleNames(); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", modelType, got, want)
		}
		width := 0
		for _, module := range c.Modules() {
			if slices.ContainsFunc(c.Block.QueryKeyValue, func(l Linear) bool { return l.Name == module.Name }) {
				width += module.Out
			}
		}
		if want := (c.Heads + 2*c.KVHeads) * c.HeadDim; width != want {
			t.Errorf("%s: queries, keys and values have %d rows, want %d", modelType, width, want)
		}
	}
}

func TestTargetsNameWhatTheyEnd(t *testing.T) {
	t.Parallel()
	c := parse(t, minimal("gpt2")+"}")
	names := func(targets ...string) string {
		modules, err := c.MatchModules(targets)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, module := range modules {
			names = append(names, module.Name)
		}
		return strings.Join(names, " ")
	}
	for _, test := range []struct {
		targets []string
		want    string
	}{
		{[]string{"c_proj"}, "attn.c_proj mlp.c_proj"},
		{[]string{"attn.c_proj"}, "attn.c_proj"},
		{[]string{"mlp.c_fc", "c_attn"}, "attn.c_attn mlp.c_fc"},
		{[]string{"c_proj", "mlp.c_proj"}, "attn.c_proj mlp.c_proj"},
	} {
		if got := names(test.targets...); got != test.want {
			t.Errorf("%v name %q, want %q", test.targets, got, test.want)
		}
	}
	for _, target := range []string{"proj", "q_proj", ""} {
		if _, err := c.MatchModules([]string{"c_proj", target}); err == nil || !strings.Contains(err.Error(), "a gpt2 model has c_attn, c_proj, c_fc") {
			t.Errorf("%q: %v", target, err)
		}
	}
}

func TestTargetModulesOfAnAdapter(t *testing.T) {
	t.Parallel()
	c := parse(t, minimal("gpt2")+"}")
	for _, test := range []struct {
		targets []string
		want    []string // short names; nil for an error
		problem string
	}{
		{[]string{"c_proj", "c_attn"}, []string{"c_attn", "c_proj"}, ""},
		{[]string{"attn.c_proj", "lm_head", "nothing"}, []string{"attn.c_proj"}, ""},
		{[]string{"transformer.h.0.attn.c_proj", "1.attn.c_proj", "mlp.c_proj", "c_fc"}, []string{"c_proj", "c_fc"}, ""},
		{[]string{"transformer.h.0.mlp.c_fc", "h.1.mlp.c_fc"}, []string{"c_fc"}, ""},
		{[]string{"c_attn", "h.1.mlp.c_fc"}, nil, `"mlp.c_fc" in 1 of 2 layers`},
		{[]string{"proj", "wte"}, nil, "names no linear layer of a block; a gpt2 model has c_attn, c_proj, c_fc"},
		{nil, nil, "names no linear layer"},
	} {
		modules, err := c.TargetModules(test.targets)
		if test.want == nil {
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%v: got %v, want an error with %q", test.targets, err, test.problem)
			}
			continue
		}
		if got := c.ShortNames(modules); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%v name %v (%v), want %v", test.targets, got, err, test.want)
		}
		if again, err := c.MatchModules(c.ShortNames(modules)); err != nil || !slices.Equal(again, modules) {
			t.Errorf("%v: the short names name %v (%v)", test.targets, again, err)
		}
	}
}
