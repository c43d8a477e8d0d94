package data

import "fmt"

// Kind says which of the accepted forms a row has.
type Kind string

// The kinds of rows.
const (
	Text             Kind = "text"              // {"text"}, or a document of a text file
	PromptCompletion Kind = "prompt_completion" // {"prompt", "completion"}
	Instruction      Kind = "instruction"       // {"instruction", "input"?, "output"}, or a question and an answer
	Messages         Kind = "messages"          // {"messages"} or {"conversations"}, or another form with a system prompt
)

// Message is one turn of a conversation. Role is one of system, developer, user,
// assistant and tool.
type Message struct {
	Role    string
	Content string
}

// Row is one validated example of a data set.
type Row struct {
	File   string // the path of its file, or the address that it was fetched from
	Number int    // 1-based: the line where it begins, or in a JSON array or a Parquet file its place among the rows
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
