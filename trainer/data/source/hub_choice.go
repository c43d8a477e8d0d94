package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// choose picks the files to train on, sorted by path. A path names them by
// itself if it is a file or a pattern. Otherwise the data set's card does, if it
// declares subsets, and if not, the names of the files do.
func (l *hubListing) choose(s hubSpec) (chosen []hubFile, warnings []string, err error) {
	named := l.matching(s.path)
	var candidates []hubFile
	switch {
	case s.path != "" && s.config != "", len(named) > 0 && s.split != "":
		return nil, nil, errors.New("a path is given and a config or split as well; give one of them")
	case len(named) > 0:
		candidates = named
	case s.path != "" && len(l.below(s.path)) == 0:
		return nil, nil, fmt.Errorf("there is no file, directory or pattern %s in it", s.path)
	case s.path != "":
		candidates, err = splitByName(l.below(s.path), s.split)
	case len(l.Configs) > 0:
		candidates, err = l.declared(s)
	default:
		candidates, err = l.undeclared(s)
	}
	if err != nil {
		return nil, nil, err
	}
	return readable(candidates)
}

// metadata are files that data sets have beside their data, in formats of data.
var metadata = []string{"dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json"}

// beside reports whether a file is not data at all.
func (f hubFile) beside() bool {
	base := path.Base(f.Path)
	return strings.HasPrefix(base, ".") || slices.Contains(metadata, base)
}

// readable leaves out the files that hold no rows or that cannot be read.
func readable(candidates []hubFile) (chosen []hubFile, warnings []string, err error) {
	var leftOut []string
	formats := map[Format]bool{}
	for _, file := range candidates {
		if file.beside() {
			continue
		}
		format, _, err := formatOf(file.Path)
		if err != nil {
			leftOut = append(leftOut, file.Path)
			continue
		}
		formats[format] = true
		chosen = append(chosen, file)
	}
	switch {
	case len(chosen) == 0 && len(leftOut) > 0:
		return nil, nil, fmt.Errorf("it holds no data file that can be read, only %s; accepted: %s (the Hub has many data sets as Parquet too: try @refs/convert/parquet)", someOf(leftOut), accepted)
	case len(chosen) == 0:
		return nil, nil, errors.New("it holds no data file")
	}
	if len(leftOut) > 0 {
		warnings = append(warnings, fmt.Sprintf("%d files are left out, since their extensions are not read: %s", len(leftOut), someOf(leftOut)))
	}
	if len(formats) > 1 {
		warnings = append(warnings, fmt.Sprintf("the %d files are in %d formats; if they hold the same rows, name a path in the data set", len(chosen), len(formats)))
	}
	slices.SortFunc(chosen, func(a, b hubFile) int { return strings.Compare(a.Path, b.Path) })
	return chosen, warnings, nil
}

// matching are the files of a path or pattern.
func (l *hubListing) matching(pattern string) []hubFile {
	match := globExpression(pattern)
	var found []hubFile
	for _, file := range l.Files {
		if file.Path == pattern || match.MatchString(file.Path) {
			found = append(found, file)
		}
	}
	return found
}

func (l *hubListing) below(directory string) []hubFile {
	var found []hubFile
	for _, file := range l.Files {
		if strings.HasPrefix(file.Path, directory+"/") {
			found = append(found, file)
		}
	}
	return found
}

// globExpression translates a pattern: * and ? stay within a name, ** does not.
func globExpression(pattern string) *regexp.Regexp {
	var expression strings.Builder
	for rest := pattern; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "**/"):
			expression.WriteString("(?:.*/)?")
			rest = rest[3:]
		case strings.HasPrefix(rest, "**"):
			expression.WriteString(".*")
			rest = rest[2:]
		case rest[0] == '*':
			expression.WriteString("[^/]*")
			rest = rest[1:]
		case rest[0] == '?':
			expression.WriteString("[^/]")
			rest = rest[1:]
		default:
			expression.WriteString(regexp.QuoteMeta(rest[:1]))
			rest = rest[1:]
		}
	}
	return regexp.MustCompile("^" + expression.String() + "$")
}

// declared picks the files by the data set's card.
func (l *hubListing) declared(s hubSpec) ([]hubFile, error) {
	config, err := l.config(s.config)
	if err != nil {
		return nil, err
	}
	splits, err := splitsOf(config.DataFiles)
	if err != nil {
		return nil, fmt.Errorf("its card is not understood: config %s: %w; name a path in the data set", config.Name, err)
	}
	if len(splits) == 0 {
		files := l.Files
		if config.DataDir != "" {
			files = l.below(strings.Trim(config.DataDir, "./"))
		}
		return splitByName(files, s.split)
	}
	patterns, err := chooseSplit(splits, s.split)
	if err != nil {
		return nil, err
	}
	var found []hubFile
	for _, pattern := range patterns {
		matched := l.matching(path.Join(strings.Trim(config.DataDir, "./"), pattern))
		if len(matched) == 0 {
			return nil, fmt.Errorf("its card names the files %s, but there are none", pattern)
		}
		for _, file := range matched {
			if !slices.ContainsFunc(found, func(f hubFile) bool { return f.Path == file.Path }) {
				found = append(found, file)
			}
		}
	}
	return found, nil
}

// config returns the subset of a name, or the one that is meant without one.
func (l *hubListing) config(name string) (hubConfig, error) {
	names := make([]string, len(l.Configs))
	for i, config := range l.Configs {
		names[i] = string(config.Name)
		if name != "" && names[i] == name || name == "" && config.Default {
			return config, nil
		}
	}
	if at := slices.Index(names, "default"); name == "" && at >= 0 {
		return l.Configs[at], nil
	}
	if name == "" && len(l.Configs) == 1 {
		return l.Configs[0], nil
	}
	if name == "" {
		return hubConfig{}, fmt.Errorf("it has several configs; choose one with ?config=NAME: %s", strings.Join(names, ", "))
	}
	return hubConfig{}, fmt.Errorf("it has no config %q; it has %s", name, strings.Join(names, ", "))
}

// split is a part of a data set and the patterns of its files.
type split struct {
	name  string
	paths []string
}

// splitsOf reads the data_files of a card, which is one pattern, a list of
// patterns, or a list of {"split": name, "path": pattern or list of patterns}.
func splitsOf(raw json.RawMessage) ([]split, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if paths, err := onePatternOrMore(raw); err == nil {
		return []split{{"train", paths}}, nil
	}
	var entries []struct {
		Split cardText        `json:"split"`
		Path  json.RawMessage `json:"path"`
	}
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("data_files: %w", err)
	}
	var splits []split
	for _, entry := range entries {
		paths, err := onePatternOrMore(entry.Path)
		if err != nil || entry.Split == "" {
			return nil, errors.New("data_files: each entry must have a split and a path")
		}
		splits = append(splits, split{string(entry.Split), paths})
	}
	return splits, nil
}

func onePatternOrMore(raw json.RawMessage) ([]string, error) {
	var one string
	if err := json.Unmarshal(raw, &one); err == nil {
		return []string{one}, nil
	}
	var several []string
	err := json.Unmarshal(raw, &several)
	return several, err
}

// chooseSplit returns the patterns of the split of a name, or without one those of
// train, or of the only split.
func chooseSplit(splits []split, name string) ([]string, error) {
	names := make([]string, len(splits))
	for i, one := range splits {
		names[i] = one.name
	}
	wanted := name
	if name == "" {
		wanted = "train"
	}
	if at := slices.Index(names, wanted); at >= 0 {
		return splits[at].paths, nil
	}
	return nil, fmt.Errorf("it has no split %q; choose one with ?split=NAME: %s", wanted, strings.Join(names, ", "))
}

// undeclared picks the files of a data set without subsets in its card: those
// below a directory that has the config's name, and of them the split's.
func (l *hubListing) undeclared(s hubSpec) ([]hubFile, error) {
	files := l.Files
	if s.config != "" {
		files = slices.DeleteFunc(slices.Clone(files), func(f hubFile) bool {
			return !slices.Contains(strings.Split(path.Dir(f.Path), "/"), s.config)
		})
		if len(files) == 0 {
			return nil, fmt.Errorf("it has no config %q: its card declares none, and no directory has the name", s.config)
		}
	}
	return splitByName(files, s.split)
}
