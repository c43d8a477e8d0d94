// Package jinja renders the chat templates that Hugging Face models carry,
// byte for byte as Python's Jinja2 does under the settings that transformers
// uses (trim_blocks, lstrip_blocks, loop controls, no autoescape, one trailing
// newline of the source removed).
//
// The Go library for Jinja, gonja v2.4.1, renders some of what chat templates
// hold wrongly and without an error: content or 'd' gives True, none is defined
// is false, [::-1] and break are missing, lstrip_blocks leaves a line's end,
// tojson escapes HTML. Hence this package.
//
// It is not a general template engine. It knows the part of the language that
// chat templates use: expressions, if, for (with filter, else, break and
// continue), set, macro, generation, and the filters, tests and methods listed
// in filters.go, tests.go and methods.go. There is no inheritance, no include,
// no autoescape and no access to files.
//
// The design rule is that a template is rendered exactly or not at all. A wrong
// space in a chat template trains a model on a format that it will never see
// again, and nobody notices. So a statement outside the list is refused by
// Parse, and a filter, test, method or value outside the list is refused at the
// moment it is evaluated, which leaves alone the branches that a plain
// conversation never takes (tool calls, images). Where Python would raise, this
// package returns an error too; where Python and Go differ on text (case
// mapping beyond ASCII, say), it refuses instead of guessing.
//
// A template goes through three steps: lex (text to tokens, where the white
// space rules live), parse (tokens to a tree of statements and expressions), and
// Render (the tree evaluates itself against a scope). A Template is immutable
// and safe for concurrent use.
package jinja
