package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/trainer/durable"
)

// chitchatConversation is one conversation of the chitchat corpus: bursts of messages, each burst by one sender.
type chitchatConversation struct {
	Messages [][]struct {
		Text   string `json:"text"`
		Sender string `json:"sender"`
	} `json:"messages"`
}

// chatTurn is a message of a training row.
type chatTurn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

const (
	fewestTurns = 4 // a conversation with fewer is left out
	mostTurns   = 8 // a longer one is cut
)

// writeChitchatRows turns the corpus at source into rows of messages at target: whoever speaks first is the user, the
// other the assistant. It takes the first count conversations between two people, in the order of their ids.
func writeChitchatRows(source, target string, count int) error {
	text, err := os.ReadFile(source)
	if err != nil {
		return fmt.Errorf("read the data set: %w", err)
	}
	var corpus map[string]chitchatConversation
	if err := json.Unmarshal(text, &corpus); err != nil {
		return fmt.Errorf("read the data set %s: %w", source, err)
	}
	var rows bytes.Buffer
	encoder := json.NewEncoder(&rows)
	encoder.SetEscapeHTML(false)
	for _, id := range slices.Sorted(maps.Keys(corpus)) {
		turns := corpus[id].turns()
		if len(turns) < fewestTurns {
			continue
		}
		if err := encoder.Encode(map[string][]chatTurn{"messages": turns}); err != nil {
			return err
		}
		if count--; count == 0 {
			break
		}
	}
	if err := durable.WriteBytes(target, rows.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	return nil
}

// turns joins what one sender says in a row, and ends with the assistant. A conversation of other than two people has none.
func (c chitchatConversation) turns() []chatTurn {
	roles := map[string]string{}
	var turns []chatTurn
	for _, burst := range c.Messages {
		for _, message := range burst {
			content := strings.TrimSpace(message.Text)
			if content == "" {
				continue
			}
			if _, known := roles[message.Sender]; !known {
				roles[message.Sender] = []string{"user", "assistant", "another"}[min(len(roles), 2)]
			}
			role := roles[message.Sender]
			if last := len(turns) - 1; last >= 0 && turns[last].Role == role {
				turns[last].Content += "\n" + content
			} else {
				turns = append(turns, chatTurn{role, content})
			}
		}
	}
	if len(roles) != 2 {
		return nil
	}
	return turns[:min(mostTurns, len(turns)/2*2)]
}
