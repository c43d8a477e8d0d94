package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFileBytes is far more than a configuration takes, and keeps a wrong file from being read whole.
const maxFileBytes = 1 << 20

// document is a file whose YAML is sound; what it says is not looked at yet.
type document struct {
	path string
	mode fs.FileMode
	root *yaml.Node // nil when there is nothing in it
}

func readFile(path string) (*document, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(text) > maxFileBytes {
		return nil, problemAt(place{file: path}, "the file has more than %d bytes, so it can hardly be a configuration", maxFileBytes)
	}
	root, err := parse(path, text)
	return &document{path: path, mode: info.Mode(), root: root}, err
}

// parse gives the root of the only document, nil when there is none.
func parse(path string, text []byte) (*yaml.Node, error) {
	if line := lineIndentedWithTab(text); line > 0 {
		return nil, problemAt(place{file: path, line: line}, "the line is indented with a tab; YAML takes only spaces")
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", path, err)
	}
	var first, second yaml.Node
	err = loader.Load(&first)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, unsound(path, err)
	}
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, problemAt(place{file: path, line: second.Line}, "a second document begins; a configuration is a single one")
	case !errors.Is(err, io.EOF):
		return nil, unsound(path, err)
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

// unsound says where the YAML is broken.
func unsound(path string, err error) error {
	var broken *yaml.LoadError
	if !errors.As(err, &broken) {
		return problemAt(place{file: path}, "this is not YAML: %v", err)
	}
	message := broken.Message
	if broken.ContextMsg != "" {
		message = broken.ContextMsg + ": " + message
	}
	return problemAt(place{file: path, line: broken.Mark.Line}, "this is not YAML: %s", message)
}

// lineIndentedWithTab is the number of the first such line that is neither empty nor a comment, or 0.
func lineIndentedWithTab(text []byte) int {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		content := bytes.TrimLeft(line, " \t")
		indent := line[:len(line)-len(content)]
		if bytes.ContainsRune(indent, '\t') && len(bytes.TrimSpace(content)) > 0 && content[0] != '#' {
			return number
		}
	}
	return 0
}

// settings walks the file along the table.
func (d *document) settings(variables variables, problems *problems) []setting {
	w := &walk{path: d.path, variables: variables, problems: problems}
	if d.root != nil {
		w.section("", "", d.root)
	}
	return w.settings
}

// warnings are about a file that others can read although it holds a secret.
func (d *document) warnings(settings []setting) []string {
	holdsSecret := slices.ContainsFunc(settings, func(s setting) bool {
		row := keyOf(s.key)
		return row != nil && row.secret && s.literal && s.place.file != ""
	})
	if !holdsSecret || d.mode.Perm()&0o044 == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s holds a secret and can be read by others (mode %04o): run `chmod 600 %s`, or put the secret into a variable and write ${NAME}", d.path, d.mode.Perm(), d.path)}
}

// walk turns nodes into settings.
type walk struct {
	path      string
	variables variables
	problems  *problems
	settings  []setting
}

func (w *walk) at(node *yaml.Node) place { return place{file: w.path, line: node.Line} }

// section goes through a mapping. prefix is the key of the section with a dot behind it, or empty for the file itself.
func (w *walk) section(prefix, owner string, node *yaml.Node) {
	name := strings.TrimSuffix(prefix, ".")
	if !w.plain(node, name) || node.Tag == "!!null" {
		return
	}
	if node.Kind != yaml.MappingNode {
		w.problems.add(w.at(node), name, "must hold settings, each on a line of its own as `name: value`")
		return
	}
	lines := map[string]int{}
	for n := 0; n+1 < len(node.Content); n += 2 {
		child, value := node.Content[n], node.Content[n+1]
		if child.Kind != yaml.ScalarNode || !w.plain(child, name) {
			w.problems.add(w.at(child), name, "holds a name that is not a word")
			continue
		}
		if line := lines[child.Value]; line > 0 {
			w.problems.add(w.at(child), prefix+child.Value, "stands on line %d already; keep one of them", line)
			continue
		}
		lines[child.Value] = child.Line
		w.entry(prefix, owner, child, value)
	}
}

// entry is one line of a section.
func (w *walk) entry(prefix, owner string, child, value *yaml.Node) {
	key := prefix + child.Value
	row := keyOf(key)
	if owner != "" {
		row = ownerKeyOf(owner, child.Value)
	}
	switch {
	case prefix != ownersPrefix && strings.Contains(child.Value, "."):
		w.problems.add(w.at(child), key, "is written with dots; write each part as a section of its own, with the next one indented below it")
	case row != nil:
		w.setting(*row, owner, value)
	case prefix == ownersPrefix:
		w.section(key+".", child.Value, value)
	case owner == "" && isSection(key):
		w.section(key+".", "", value)
	default:
		w.problems.add(w.at(child), key, "is not a setting%s", nearestKey(key))
	}
}

func (w *walk) setting(row key, owner string, value *yaml.Node) {
	if !w.plain(value, row.name) {
		return
	}
	nodes := []*yaml.Node{value}
	if row.list && value.Kind == yaml.SequenceNode {
		nodes = value.Content
	}
	s := setting{key: row.name, owner: owner, texts: []string{}, place: w.at(value), literal: true}
	for _, node := range nodes {
		if !w.plain(node, row.name) {
			return
		}
		if node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
			w.problems.add(w.at(node), row.name, "must be %s", row.form)
			return
		}
		text, expanded, err := w.variables.expand(node.Value, row)
		if err != nil {
			w.problems.add(w.at(node), row.name, "%v", err)
			return
		}
		s.texts = append(s.texts, text)
		s.literal = s.literal && !expanded
	}
	if row.list && value.Kind == yaml.ScalarNode {
		s.texts = row.split(s.texts[0])
	}
	w.settings = append(w.settings, s)
}

// plain refuses what makes YAML say more than it seems to.
func (w *walk) plain(node *yaml.Node, key string) bool {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		w.problems.add(w.at(node), key, "uses an anchor or an alias, which a configuration does not take: write the value itself")
	case node.Style&yaml.TaggedStyle != 0:
		w.problems.add(w.at(node), key, "has a tag, %s, which a configuration does not take: write the value alone", node.Tag)
	default:
		return true
	}
	return false
}
