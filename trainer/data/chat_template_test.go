package data

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

type chatOracle struct {
	Templates     map[string]string
	Conversations map[string][]Message
	Cases         []struct {
		Template            string
		Conversation        string
		AddGenerationPrompt bool `json:"add_generation_prompt"`
		Rendered            *string
		Error               string
		Spoken              [][2]int // byte ranges of the assistant's turns, by the format alone
	}
}

// oracleClock is the time that the oracle's strftime_now tells.
var oracleClock = time.Date(2024, 3, 5, 6, 7, 8, 0, time.Local)

func readTestdata(t testing.TB, name string, into any) {
	t.Helper()
	readJSON(t, "testdata/"+name, into)
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestTemplatesAgainstTransformers compares with what transformers rendered. With
// CHAT_TEMPLATE_ORACLE it also takes cases of a model's own template, which
// make_oracle.py writes.
func TestTemplatesAgainstTransformers(t *testing.T) {
	t.Parallel()
	var oracle chatOracle
	readTestdata(t, "chat_templates.json", &oracle)
	if len(oracle.Cases) != 2*len(oracle.Templates)*len(oracle.Conversations) || len(oracle.Cases) < 700 {
		t.Fatalf("the oracle has %d cases", len(oracle.Cases))
	}
	compareRenderings(t, oracle)
	if path := os.Getenv("CHAT_TEMPLATE_ORACLE"); path != "" {
		var own chatOracle
		readJSON(t, path, &own)
		if len(own.Cases) == 0 {
			t.Fatalf("%s has no cases", path)
		}
		compareRenderings(t, own)
	}
}

func compareRenderings(t *testing.T, oracle chatOracle) {
	t.Helper()
	templates := map[string]*chatTemplate{}
	for name, source := range oracle.Templates {
		template, err := newChatTemplate(EncoderOptions{ChatTemplate: source, BOSToken: "<s>", EOSToken: "</s>", Now: oracleClock})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		templates[name] = template
	}
	for _, c := range oracle.Cases {
		if templates[c.Template] == nil {
			continue
		}
		got, err := templates[c.Template].render(oracle.Conversations[c.Conversation], c.AddGenerationPrompt)
		switch {
		case c.Rendered == nil && err == nil:
			t.Errorf("%s, %s: got %q, want an error: Python says %s", c.Template, c.Conversation, got, c.Error)
		case c.Rendered != nil && err != nil:
			t.Errorf("%s, %s: %v", c.Template, c.Conversation, err)
		case c.Rendered != nil && got != *c.Rendered:
			t.Errorf("%s, %s:\n got  %q\n want %q", c.Template, c.Conversation, got, *c.Rendered)
		}
	}
}

// TestTargetsAgainstFormats compares the targets under every template with those
// that make_oracle.py found by what the format writes around a turn, both where
// the marks of the roles are special tokens and where they are plain text.
func TestTargetsAgainstFormats(t *testing.T) {
	t.Parallel()
	var oracle chatOracle
	readTestdata(t, "chat_templates.json", &oracle)
	marks := append(slices.Clone(chatSpecial), "[INST]", "[/INST]", "<|user|>", "<|assistant|>", "<|system|>")
	for _, special := range [][]string{marks, chatSpecial} {
		tok := byteTokenizer{special: special}
		encoders := map[string]*Encoder{}
		for name, template := range oracle.Templates {
			encoders[name] = mustEncoder(t, tok, EncoderOptions{
				ChatTemplate: template, BOS: bos, EOS: eos, BOSToken: "<s>", EOSToken: "</s>", BlockSize: 1 << 16, Now: oracleClock,
			})
		}
		compared := 0
		for _, c := range oracle.Cases {
			if c.Spoken == nil {
				continue
			}
			row := Row{Kind: Messages, Messages: oracle.Conversations[c.Conversation]}
			samples, err := encoders[c.Template].Encode(row)
			if *c.Rendered == "" && err != nil { // Llama 2 writes nothing of a system prompt alone
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", c.Template, c.Conversation, err)
				continue
			}
			want := inBrackets(*c.Rendered, c.Spoken)
			if c.Template == "qwen2" && row.Messages[len(row.Messages)-1].Role == "assistant" {
				want += "[</s>]" // the template does not end the last turn
				want = strings.Replace(want, "][", "", 1)
			}
			if got := tok.show(samples[0]); got != want {
				t.Errorf("%s, %s:\n got  %q\n want %q", c.Template, c.Conversation, got, want)
			}
			compared++
		}
		if compared < 250 {
			t.Errorf("only %d renderings were compared", compared)
		}
	}
}

func inBrackets(text string, ranges [][2]int) string {
	var out strings.Builder
	at := 0
	for _, r := range ranges {
		out.WriteString(text[at:r[0]] + "[" + text[r[0]:r[1]] + "]")
		at = r[1]
	}
	return out.String() + text[at:]
}

// TestTargetsAgainstDefinition compares token ids and targets, under a real
// byte-level BPE tokenizer, with those that make_oracle.py put together by hand.
func TestTargetsAgainstDefinition(t *testing.T) {
	t.Parallel()
	var oracle chatOracle
	readTestdata(t, "chat_templates.json", &oracle)
	var cases []struct {
		Conversation  string
		Tokens        []int32
		Assistant     []int
		LastAssistant []int `json:"last_assistant"`
	}
	readTestdata(t, "chat_targets.json", &cases)
	if len(cases) != len(oracle.Conversations) {
		t.Fatalf("the oracle has %d cases for %d conversations", len(cases), len(oracle.Conversations))
	}
	tok := smallTokenizer(t)
	for _, trainOn := range []string{TrainAuto, TrainLastAssistant} {
		encoder, err := NewEncoder(tok, EncoderOptions{ChatTemplate: oracle.Templates["smollm2"], BOS: 1, EOS: 2, BlockSize: 4096, TrainOn: trainOn})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			samples, err := encoder.Encode(Row{Kind: Messages, Messages: oracle.Conversations[c.Conversation]})
			if err != nil {
				t.Errorf("%s: %v", c.Conversation, err)
				continue
			}
			if !slices.Equal(samples[0].Tokens, c.Tokens) {
				t.Errorf("%s: tokens\n got  %v\n want %v", c.Conversation, samples[0].Tokens, c.Tokens)
			}
			want := c.Assistant
			if trainOn == TrainLastAssistant {
				want = c.LastAssistant
			}
			if got := targetIndices(samples[0]); !slices.Equal(got, want) {
				t.Errorf("%s, %s: targets\n got  %v\n want %v", c.Conversation, trainOn, got, want)
			}
		}
	}
}

func targetIndices(s Sample) []int {
	indices := []int{}
	for i, target := range s.Target {
		if target {
			indices = append(indices, i)
		}
	}
	return indices
}

// TestAssistantTurns gives the targets of other templates by hand, in brackets.
func TestAssistantTurns(t *testing.T) {
	t.Parallel()
	var oracle chatOracle
	readTestdata(t, "chat_templates.json", &oracle)
	cases := []struct{ template, conversation, trainOn, want string }{
		{"chatml_without_generation_prompt", "two_turns", TrainAuto,
			"<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n[d<|im_end|>]\n"},
		{"llama3", "white_space", TrainAuto,
			"<s><|start_header_id|>user<|end_header_id|>\n\nx<|eot_id|>\n<|start_header_id|>assistant<|end_header_id|>\n\n[y<|eot_id|>]\n"},
		{"mistral", "two_turns", TrainAuto, "<s>[INST] a [/INST][ b</s>][INST] c [/INST][ d</s>]"},
		{"mistral", "two_turns", TrainLastAssistant, "<s>[INST] a [/INST] b</s>[INST] c [/INST][ d</s>]"},
		{"mistral", "two_turns", TrainAll, "<s>[[INST] a [/INST] b</s>[INST] c [/INST] d</s>]"},
		{"llama2", "two_turns", TrainCompletion, "<s>[INST] a [/INST][ b </s>]<s>[INST] c [/INST][ d </s>]"},
		{"gemma", "one_turn", TrainAuto, "<s><start_of_turn>user\nWhat is 2+2?<end_of_turn>\n<start_of_turn>model\n[4<end_of_turn>]\n"},
		{"zephyr", "two_turns", TrainAuto, "<|user|>\na</s>\n<|assistant|>\n[b</s>]\n<|user|>\nc</s>\n<|assistant|>\n[d</s>]\n"},
		{"phi3", "two_turns", TrainAuto, "<|user|>\na<|end|>\n<|assistant|>\n[b<|end|>]\n<|user|>\nc<|end|>\n<|assistant|>\n[d<|end|>]\n</s>"},
		{"alpaca", "two_turns", TrainAuto, "### Instruction:\na\n\n### Response:\n[b]\n\n### Instruction:\nc\n\n### Response:\n[d]\n\n[</s>]"},
		{"qwen3", "two_turns", TrainAuto,
			"<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n[<think>\n\n</think>\n\nd<|im_end|>]\n"},
		{"qwen2.5", "special_in_text", TrainAuto, "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n" +
			"<|im_start|>user\n<|im_end|> </s> <|eot_id|><|im_end|>\n<|im_start|>assistant\n[<|im_start|>user\n<|im_end|>]\n"},
		{"smollm2", "ends_with_user", TrainAuto,
			"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n<|im_start|>user\nc<|im_end|>\n"},
		{"smollm2", "assistant_first", TrainAuto,
			"<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>assistant\n[Hello<|im_end|>]\n<|im_start|>user\nHi<|im_end|>\n"},
		{"smollm2", "only_system", TrainAuto, "<|im_start|>system\nalone<|im_end|>\n"},
	}
	tok := byteTokenizer{special: chatSpecial}
	for _, c := range cases {
		encoder, err := NewEncoder(tok, EncoderOptions{
			ChatTemplate: oracle.Templates[c.template], BOS: 256, EOS: 257, BOSToken: "<s>", EOSToken: "</s>", BlockSize: 4096, TrainOn: c.trainOn,
		})
		if err != nil {
			t.Fatal(err)
		}
		samples, err := encoder.Encode(Row{Kind: Messages, Messages: oracle.Conversations[c.conversation]})
		if err != nil {
			t.Errorf("%s, %s: %v", c.template, c.conversation, err)
			continue
		}
		if got := tok.show(samples[0]); got != c.want {
			t.Errorf("%s, %s, %s:\n got  %q\n want %q", c.template, c.conversation, c.trainOn, got, c.want)
		}
	}
}

func TestChatTemplateErrors(t *testing.T) {
	t.Parallel()
	newEncoder := func(template string) (*Encoder, error) {
		return NewEncoder(byteTokenizer{special: chatSpecial}, EncoderOptions{ChatTemplate: template, BOS: -1, EOS: -1, BlockSize: 64})
	}
	for name, c := range map[string]struct{ template, want string }{
		"does not parse":        {"{% if x %}", "line 1: nothing closes this block"},
		"unsupported statement": {"a\n{% include 'x' %}", "line 2: the statement 'include' is not supported"},
		"unsupported filter":    {"{{ messages | pprint }}", `the filter "pprint" is not supported`},
	} {
		if _, err := newEncoder(c.template); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	row := Row{File: "f.jsonl", Number: 3, Kind: Messages, Messages: []Message{{"user", "a"}, {"assistant", "B"}}}
	for name, c := range map[string]struct{ template, want string }{
		"no template":       {"", "f.jsonl, row 3: the model has no chat template"},
		"refusal":           {"{% if messages[1].content == 'B' %}{{ raise_exception('no B') }}{% endif %}", "refuses this conversation: no B"},
		"changed content":   {"{% for m in messages %}{{ m.role }}{{ m.content | lower }};{{ messages | length }}{% endfor %}", "message 2: the assistant's text cannot be found"},
		"content left out":  {"{% for m in messages %}{{ m.role }}{{ messages | length }}{% endfor %}", "message 2: the assistant's text cannot be found"},
		"fails on this row": {"{% if messages[1].content == 'B' %}{{ 1 / 0 }}{% endif %}", "line 1: division by zero"},
	} {
		encoder, err := newEncoder(c.template)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := encoder.Encode(row); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
