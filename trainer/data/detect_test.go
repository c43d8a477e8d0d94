package data

import (
	"context"
	"reflect"
	"strings"
	"testing"
)

// parsed reads one JSON object as a row.
func parsed(t *testing.T, object string, fields Fields) (Row, []Detected, error) {
	t.Helper()
	parser, err := newRowParser(fields)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseObject([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	row, err := parser.row(c)
	return row, parser.detected, err
}

func TestDetect(t *testing.T) {
	t.Parallel()
	userAndAssistant := []Message{{"user", "u"}, {"assistant", "a"}}
	underSystem := []Message{{"system", "s"}, {"user", "u"}, {"assistant", "a"}}
	for object, c := range map[string]struct {
		row    Row
		fields Fields
	}{
		`{"text":"t","label":"x"}`:                                          {Row{Kind: Text, Text: "t"}, Fields{Text: "text"}},
		`{"content":"t"}`:                                                   {Row{Kind: Text, Text: "t"}, Fields{Text: "content"}},
		`{"prompt":"u","completion":"a","text":"ua"}`:                       {Row{Kind: PromptCompletion, Prompt: "u", Completion: "a"}, Fields{Prompt: "prompt", Completion: "completion"}},
		`{"prompt":"u","response":"a"}`:                                     {Row{Kind: PromptCompletion, Prompt: "u", Completion: "a"}, Fields{Prompt: "prompt", Completion: "response"}},
		`{"question":"u","answer":"a"}`:                                     {Row{Kind: Instruction, Prompt: "u", Completion: "a"}, Fields{Instruction: "question", Output: "answer"}},
		`{"query":"u","response":"a"}`:                                      {Row{Kind: Instruction, Prompt: "u", Completion: "a"}, Fields{Instruction: "query", Output: "response"}},
		`{"input":"u","output":"a"}`:                                        {Row{Kind: Instruction, Prompt: "u", Completion: "a"}, Fields{Instruction: "input", Output: "output"}},
		`{"instruction":"u","input":"i","output":"a"}`:                      {Row{Kind: Instruction, Prompt: "u\n\ni", Completion: "a"}, Fields{Instruction: "instruction", Input: "input", Output: "output"}},
		`{"instruction":"u","context":"i","response":"a","id":1}`:           {Row{Kind: Instruction, Prompt: "u\n\ni", Completion: "a"}, Fields{Instruction: "instruction", Input: "context", Output: "response"}},
		`{"instruction":"u","context":" ","response":"a"}`:                  {Row{Kind: Instruction, Prompt: "u", Completion: "a"}, Fields{Instruction: "instruction", Input: "context", Output: "response"}},
		`{"instruction":"u","input":"\n\t","output":"a"}`:                   {Row{Kind: Instruction, Prompt: "u", Completion: "a"}, Fields{Instruction: "instruction", Input: "input", Output: "output"}},
		`{"system_prompt":"s","question":"u","response":"a"}`:               {Row{Kind: Messages, Messages: underSystem}, Fields{System: "system_prompt", Instruction: "question", Output: "response"}},
		`{"system_prompt":"","question":"u","response":"a"}`:                {Row{Kind: Instruction, Prompt: "u", Completion: "a"}, Fields{System: "system_prompt", Instruction: "question", Output: "response"}},
		`{"messages":[{"role":"user","content":"u"}],"prompt":"u"}`:         {Row{Kind: Messages, Messages: userAndAssistant[:1]}, Fields{Messages: "messages"}},
		`{"messages":[{"from":"human","value":"u"}]}`:                       {Row{Kind: Messages, Messages: userAndAssistant[:1]}, Fields{Messages: "messages"}},
		`{"conversation":[{"role":"user","content":"u"}]}`:                  {Row{Kind: Messages, Messages: userAndAssistant[:1]}, Fields{Messages: "conversation"}},
		`{"messages":null,"conversations":[{"role":"user","content":"u"}]}`: {Row{Kind: Messages, Messages: userAndAssistant[:1]}, Fields{Messages: "conversations"}},
		`{"system":"s","conversations":[{"from":"human","value":"u"},{"from":"gpt","value":"a","weight":1}]}`: {Row{Kind: Messages, Messages: underSystem},
			Fields{System: "system", Messages: "conversations"}},
		`{"system":"s","conversations":[{"from":"system","value":"s"},{"from":"human","value":"u"},{"from":"gpt","value":"a"}]}`: {Row{Kind: Messages, Messages: underSystem},
			Fields{System: "system", Messages: "conversations"}},
	} {
		row, detected, err := parsed(t, object, Fields{})
		if want := []Detected{{c.row.Kind, c.fields, 1}}; err != nil || !reflect.DeepEqual(row, c.row) ||
			!(len(detected) == 1 && detected[0].Fields == c.fields && (detected[0].Kind == c.row.Kind || c.fields.System != "")) {
			t.Errorf("%s:\n got  %+v, %+v, %v\n want %+v, %+v", object, row, detected, err, c.row, want)
		}
	}
}

func TestDetectErrors(t *testing.T) {
	t.Parallel()
	for object, want := range map[string]string{
		`{"messages":[],"conversations":[]}`:                             `can be read in 2 ways: messages from "messages"; or messages from "conversations" as messages; name the fields to take, such as fields=messages:messages`,
		`{"prompt":"a","completion":"b","messages":[]}`:                  `prompt_completion from "prompt", "completion"`,
		`{"prompt":"a","completion":"b","instruction":"a","output":"b"}`: "in 2 ways",
		`{"text":"a","content":"b"}`:                                     `text from "text"; or text from "content" as text`,
		`{"text":"a","question":"b","answer":"c"}`:                       `or instruction from "question" as instruction, "answer" as output`,
		`{"question":"a","query":"b","answer":"c"}`:                      "in 2 ways",
		`{"question":"a","answer":"b","response":"c"}`:                   "in 2 ways",
		`{"question":"a","context":"x","input":"y","answer":"b"}`:        "in 2 ways",
		`{"system":"a","system_prompt":"b","question":"q","answer":"r"}`: "name the fields to take, such as fields=instruction:question,output:answer,system:system",
		`{"question":"a"}`:                                                        "no usable field",
		`{"answer":"a","output":"b"}`:                                             "no usable field",
		`{"question":1,"answer":"b"}`:                                             `field "question" must be a string, not number; it begins 1`,
		`{"question":"a","context":[],"answer":2}`:                                `field "answer" must be a string, not number`,
		`{"question":"a","context":["x"],"answer":"b"}`:                           `field "context" must be a string, not list`,
		`{"system":5,"question":"a","answer":"b"}`:                                `field "system" must be a string, not number`,
		`{"system":"s","messages":[{"role":"system","content":"t"}]}`:             "two system prompts",
		`{"messages":[{"role":"user","content":"u","weight":0.0}]}`:               `"weight" leaves a single message out`,
		`{"messages":[{"role":"user","content":"u","train":false}]}`:              `"train" leaves a single message out`,
		`{"messages":[{"from":"human","content":"u"}]}`:                           `"role" is missing`,
		`{"conversations":[{"from":"function_call","value":"u"}]}`:                `unknown from "function_call"; accepted: assistant, chatgpt, gpt, human`,
		`{"messages":[{"role":"user","content":"u"},{"from":"gpt","value":"a"}]}`: `message 2: "role" is missing`,
	} {
		if row, _, err := parsed(t, object, Fields{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got  %+v, %v\n want %q", object, row, err, want)
		}
	}
}

func TestNamedFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object string
		fields Fields
		want   Row
	}{
		"text":       {`{"body":"t","text":"other"}`, Fields{Text: "body"}, Row{Kind: Text, Text: "t"}},
		"completion": {`{"q":"u","a":"a","text":"x"}`, Fields{Prompt: "q", Completion: "a"}, Row{Kind: PromptCompletion, Prompt: "u", Completion: "a"}},
		"under a system prompt": {`{"q":"u","a":"a","s":"s"}`, Fields{Prompt: "q", Completion: "a", System: "s"},
			Row{Kind: Messages, Messages: []Message{{"system", "s"}, {"user", "u"}, {"assistant", "a"}}}},
		"without a system prompt": {`{"q":"u","a":"a"}`, Fields{Prompt: "q", Completion: "a", System: "s"}, Row{Kind: PromptCompletion, Prompt: "u", Completion: "a"}},
		"instruction":             {`{"q":"u","a":"a","i":null}`, Fields{Instruction: "q", Output: "a", Input: "i"}, Row{Kind: Instruction, Prompt: "u", Completion: "a"}},
		"ambiguous otherwise":     {`{"question":"u","answer":"a","response":"b"}`, Fields{Instruction: "question", Output: "response"}, Row{Kind: Instruction, Prompt: "u", Completion: "b"}},
		"messages": {`{"turns":[{"who":"human","says":"u"},{"who":"assistant","says":"a"}]}`, Fields{Messages: "turns", Role: "who", Content: "says"},
			Row{Kind: Messages, Messages: []Message{{"user", "u"}, {"assistant", "a"}}}},
		"messages with known keys": {`{"turns":[{"from":"human","value":"u"}]}`, Fields{Messages: "turns"}, Row{Kind: Messages, Messages: []Message{{"user", "u"}}}},
	} {
		if row, _, err := parsed(t, c.object, c.fields); err != nil || !reflect.DeepEqual(row, c.want) {
			t.Errorf("%s: got %+v, %v", name, row, err)
		}
	}
	if _, _, err := parsed(t, `{"text":"a","body":null}`, Fields{Text: "body"}); err == nil || !strings.Contains(err.Error(), `field "body", named as text, is missing or null; the row holds "body" (null), "text" (string)`) {
		t.Errorf("got %v", err)
	}
}

func TestFieldsErrors(t *testing.T) {
	t.Parallel()
	for want, fields := range map[string]Fields{
		"prompt and completion belong together":   {Prompt: "a"},
		"instruction and output belong together":  {Output: "a"},
		"role and content are keys":               {Role: "a", Content: "b"},
		"role and content belong together":        {Messages: "m", Role: "a"},
		"are of several forms (text and messages": {Text: "a", Messages: "b"},
		"a text has no system prompt":             {Text: "a", System: "b"},
		"system prompt is named alone":            {System: "b"},
	} {
		if _, err := Open(context.Background(), "a.jsonl", ReadOptions{Fields: fields}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", fields, err, want)
		}
	}
}
