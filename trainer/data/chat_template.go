package data

import (
	"errors"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/trainer/data/jinja"
)

// chatTemplate renders conversations with the names that transformers gives to a
// template: messages, tools and documents (None), add_generation_prompt, and the
// text of BOS and EOS where the model has them.
type chatTemplate struct {
	template           *jinja.Template
	bosToken, eosToken string
	now                time.Time
}

func newChatTemplate(options EncoderOptions) (*chatTemplate, error) {
	parsed, err := jinja.Parse(options.ChatTemplate)
	if err != nil {
		return nil, fmt.Errorf("the model's chat template cannot be used: %w", err)
	}
	t := &chatTemplate{template: parsed, bosToken: options.BOSToken, eosToken: options.EOSToken, now: options.Now}
	// What any conversation would run into is better said before the first row.
	probe := []Message{{Role: "user", Content: "question"}, {Role: "assistant", Content: "answer"}}
	if _, err := t.render(probe, false); err != nil {
		return nil, fmt.Errorf("the model's chat template cannot render a plain conversation: %w", err)
	}
	return t, nil
}

// render returns the conversation as the model reads it, and with
// addGenerationPrompt also what comes before the assistant's next turn.
func (t *chatTemplate) render(messages []Message, addGenerationPrompt bool) (string, error) {
	list := make([]any, len(messages))
	for i, message := range messages {
		list[i] = jinja.NewMapping().Set("role", message.Role).Set("content", message.Content)
	}
	variables := map[string]any{
		"messages": list, "tools": nil, "documents": nil, "add_generation_prompt": addGenerationPrompt,
	}
	if t.bosToken != "" {
		variables["bos_token"] = t.bosToken
	}
	if t.eosToken != "" {
		variables["eos_token"] = t.eosToken
	}
	rendered, err := t.template.Render(variables, t.now)
	if raised := (*jinja.RaisedError)(nil); errors.As(err, &raised) {
		return "", fmt.Errorf("the model's chat template refuses this conversation: %s", raised.Message)
	}
	if err != nil {
		return "", fmt.Errorf("the model's chat template fails on this conversation: %w", err)
	}
	return rendered, nil
}
