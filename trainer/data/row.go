package data

import "fmt"

// Kind says which of the accepted forms a row has.
type Kind string

// The kinds of rows.
const (
	Text             Kind = "text"              // {"text"}, or a document of a text file
	PromptCompletion Kind = "prompt_completion" // {"prompt", "completion"}
	Instruction      Kind = "instruction"       // {"instruction", "input"?, "output"}
	Messages         Kind = "messages"          // {"messages"} or {"conversations"}
)

// Message is one turn of a conversation. Role is one of system, developer, user,
// assistant and tool.
type Message struct {
	Role    string
	Content string
}

// Row is one validated example of a data set.
type Row struct {
	File   string // as given to Read
	Number int    // 1-based: the line in JSONL and text files, the element in a JSON array
	Kind   Kind

	Text       string    // Text
	Prompt     string    // PromptCompletion; for Instruction, the instruction and its input
	Completion string    // PromptCompletion; for Instruction, the output
	Messages   []Message // Messages
}

// RowError says which row of which file is wrong, and why.
type RowError struct {
	File   string
	Number int // as in Row
	Err    error
}

func (e *RowError) Error() string {
	return fmt.Sprintf("%s, row %d: %v", e.File, e.Number, e.Err)
}

func (e *RowError) Unwrap() error { return e.Err }
