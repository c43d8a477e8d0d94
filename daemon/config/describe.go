package config

import (
	"fmt"
	"strings"
)

// exampleWidth is where the lines of an example end, in bytes.
const exampleWidth = 100

// exampleOwner stands for an owner's name where keys of quotas are described.
const exampleOwner = "NAME"

// describedKeys are the table with the quota of one owner behind it.
func describedKeys() []key {
	return append(append([]key{}, keys...), quotaKeys(ownersPrefix+exampleOwner, nil)...)
}

// Example is a configuration file in which every setting is explained and stands with its default, commented out.
func Example() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s of scu's home, $SCU_HOME or ~/.scu. Each setting stands here with its default; remove its # to change\n", FileName)
	text.WriteString("# it. A value may hold variables, as ${NAME}, and SCU_* variables are over this file: SCU_TRAINING_MAX_RETRIES=0 is\n")
	text.WriteString("# training.max_retries: 0. `scu config check` looks for errors; SIGHUP lets the daemon read the file again.\n")
	var section []string
	for _, k := range keys {
		parts := strings.Split(k.name, ".")
		section = writeSections(&text, section, parts[:len(parts)-1])
		indent := strings.Repeat("  ", len(section))
		text.WriteByte('\n')
		writeComment(&text, indent, k.explanation())
		fmt.Fprintf(&text, "%s#%s: %s\n", indent, parts[len(parts)-1], k.written())
	}
	writeOwner(&text)
	return text.String()
}

// writeSections writes the names of the sections that are entered between two keys.
func writeSections(text *strings.Builder, from, to []string) []string {
	same := 0
	for same < len(from) && same < len(to) && from[same] == to[same] {
		same++
	}
	for depth := same; depth < len(to); depth++ {
		fmt.Fprintf(text, "\n%s%s:\n", strings.Repeat("  ", depth), to[depth])
	}
	return to
}

// writeOwner writes the quota of one owner behind the default one. Its sections are commented out too: no owner is called
// by the example's name.
func writeOwner(text *strings.Builder) {
	indent := "    "
	text.WriteByte('\n')
	writeComment(text, indent, "What holds for one owner instead, by the owner's name. What is left out is as in default.")
	fmt.Fprintf(text, "%s#owners:\n%s#  %s:\n", indent, indent, exampleOwner)
	for _, k := range quotaKeys("", nil) {
		fmt.Fprintf(text, "%s#    %s: %s\n", indent, strings.TrimPrefix(k.name, "."), k.written())
	}
}

// writeComment breaks lines between words.
func writeComment(text *strings.Builder, indent, comment string) {
	line := indent + "#"
	for word := range strings.FieldsSeq(comment) {
		if len(line)+1+len(word) > exampleWidth {
			text.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	text.WriteString(line + "\n")
}

// explanation is everything about a key but its default.
func (k *key) explanation() string {
	text := k.doc + " Value: " + k.form + "."
	if k.restart {
		text += " A change takes effect when the daemon is started again."
	}
	return text
}

// written is the default as a line of the file has it.
func (k *key) written() string {
	if k.list {
		return "[" + k.fallback + "]"
	}
	return k.fallback
}

// Markdown is the page that documents the file, as docs/config.md has it.
func Markdown() string {
	var text strings.Builder
	text.WriteString(pageHead)
	section := ""
	for _, k := range describedKeys() {
		if name, _, _ := strings.Cut(k.name, "."); name != section {
			section = name
			fmt.Fprintf(&text, "\n## %s\n", section)
		}
		fmt.Fprintf(&text, "\n### `%s`\n\n%s\n\n", k.name, k.doc)
		fmt.Fprintf(&text, "- Value: %s.\n- Default: %s\n", strings.ReplaceAll(k.form, "*", "`*`"), k.defaultForPage())
		if !strings.HasPrefix(k.name, ownersPrefix) {
			fmt.Fprintf(&text, "- Variable: `%s`\n", k.variable())
		}
		if k.restart {
			text.WriteString("- A change takes effect when the daemon is started again.\n")
		}
	}
	return text.String()
}

func (k *key) defaultForPage() string {
	switch {
	case strings.HasPrefix(k.name, ownersPrefix):
		return "that of `security.quotas.default`"
	case k.otherwise != "":
		return fmt.Sprintf("`%s`, or `%s` where that variable is not set", k.written(), k.otherwise)
	case k.mayBeUnset != "":
		return fmt.Sprintf("`%s`, or none where that variable is not set", k.written())
	}
	return "`" + k.written() + "`"
}

const pageHead = `<!-- Made from the table in daemon/config/keys.go by: go test ./daemon/config -run TestPage -update -->

# Configuration

The file is ` + "`config.yaml`" + ` in the home, which is ` + "`$SCU_HOME`" + ` or ` + "`~/.scu`" + `. It need not exist: every setting has a default.

` + "```yaml" + `
training:
  devices: [cuda:0, cuda:1=20 GiB, cpu]
  max_job_time: 12h
security:
  quotas:
    default:
      max_queued: 100
` + "```" + `

- Every setting can also be given as an environment variable, which is over the file. A list is written with commas:
  ` + "`SCU_TRAINING_DEVICES=cuda:0,cpu`" + `.
- ` + "`${NAME}`" + ` in a value of the file stands for an environment variable, which must be set. ` + "`$${`" + ` is a plain ` + "`${`" + `.
- The file is read strictly: a key that does not exist is an error that names the nearest one. So is a ` + "`SCU_`" + `
  variable that begins with a section's name, such as ` + "`SCU_TRAINING_`" + `, or is almost that of a setting.
- ` + "`scu config check`" + ` looks for errors, ` + "`scu config show`" + ` tells each value and where it comes from, and
  ` + "`scu config show --default`" + ` prints a file in which everything is explained and commented out.
- The daemon reads the file when it starts and again on SIGHUP (` + "`systemctl --user reload scu`" + `). A file with errors changes
  nothing then. Variables are those that the daemon was started with.
`
