package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// variablePrefix begins the names of our variables.
const variablePrefix = "SCU_"

// otherVariables are SCU_* variables that belong to other rooms: SCU_HOME is where the file itself is found. What begins
// with SCU_TEST_ is for tests.
var otherVariables = []string{"SCU_HOME"}

const testPrefix = "SCU_TEST_"

// variable is the name of a key's variable.
func (k *key) variable() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// variables is the environment, by name.
type variables map[string]string

func variablesOf(environ []string) variables {
	v := variables{}
	for _, entry := range environ {
		if name, text, found := strings.Cut(entry, "="); found {
			v[name] = text
		}
	}
	return v
}

// settings are what SCU_* variables set. One that is meant for a setting, going by its section or by a name that is almost
// right, and has none is a problem.
func (v variables) settings(problems *problems) []setting {
	rows := map[string]*key{}
	for n := range keys {
		rows[keys[n].variable()] = &keys[n]
	}
	var set []setting
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if row := rows[name]; row != nil {
			set = append(set, setting{key: row.name, texts: row.split(v[name]), place: place{variable: name}, literal: true})
			continue
		}
		if wrong := wrongVariable(name, slices.Collect(maps.Keys(rows))); wrong != "" {
			problems.add(place{variable: name}, "", "%s", wrong)
		}
	}
	return set
}

// wrongVariable says what is wrong with a variable that is none of ours, or nothing when it is none of our business.
func wrongVariable(name string, known []string) string {
	if !strings.HasPrefix(name, variablePrefix) || strings.HasPrefix(name, testPrefix) || slices.Contains(otherVariables, name) {
		return ""
	}
	if strings.HasPrefix(name, variablePrefix+"SECURITY_QUOTAS_OWNERS") {
		return "quotas of single owners are set in " + FileName + " only, below " + ownersKey
	}
	meant := nearest(name, known)
	ours := slices.ContainsFunc(sectionNames(), func(section string) bool {
		return strings.HasPrefix(name, variablePrefix+strings.ToUpper(section)+"_")
	})
	switch {
	case meant != "":
		return "there is no setting of this name; did you mean " + meant + "?"
	case ours:
		return "there is no setting of this name; `scu config show` lists them"
	}
	return ""
}

// split makes the items of a list out of a variable's text, or of a default.
func (k *key) split(text string) []string {
	if !k.list {
		return []string{text}
	}
	items := []string{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// defaultOf is what a key is when nobody sets it.
func (v variables) defaultOf(k key) setting {
	text, _, err := v.expand(k.fallback, k)
	if err != nil {
		panic("config: the default of " + k.name + ": " + err.Error()) // the table is wrong
	}
	s := setting{key: k.name, texts: k.split(text)}
	if k.mayBeUnset != "" && v[k.mayBeUnset] != "" {
		s.place.variable = k.mayBeUnset
	}
	return s
}

var (
	reference     = regexp.MustCompile(`\$?\$\{[^}]*\}?`) // with the dollar sign before it that makes it a plain text
	referenceForm = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)
)

// expand replaces each ${NAME} by the variable's content, and $${ by ${. It also tells whether there was any.
func (v variables) expand(text string, k key) (expanded string, found bool, err error) {
	var problem error
	expanded = reference.ReplaceAllStringFunc(text, func(part string) string {
		if escaped, is := strings.CutPrefix(part, "$$"); is {
			return "$" + escaped
		}
		found = true
		name := referenceForm.FindStringSubmatch(part)
		if name == nil {
			problem = fmt.Errorf("has %q, which is not of the form ${NAME}; write $${ for a plain ${", part)
			return part
		}
		value, set := v[name[1]]
		if !set && name[1] != k.mayBeUnset {
			problem = fmt.Errorf("names ${%s}, a variable that is not set", name[1])
		}
		return value
	})
	if found && expanded == "" && k.otherwise != "" {
		expanded = k.otherwise
	}
	return expanded, found, errors.Join(problem)
}
