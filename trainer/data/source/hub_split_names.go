package source

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The words by which file and directory names tell a split, as the Hub's own
// loader takes them: between characters that are no letters.
var (
	splitWords = []struct {
		split string
		words *regexp.Regexp
	}{
		{"train", splitWord("train|training")},
		{"validation", splitWord("validation|valid|val|dev")},
		{"test", splitWord("test|testing|eval|evaluation")},
	}
	noWord = regexp.MustCompile(`[^a-z]`)
)

func splitWord(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^a-z])(?:` + words + `)(?:[^a-z]|$)`)
}

// splitOf tells the split of a file, or "" if its path says none. The last word
// in the path decides: data/train/test.jsonl is a test file.
func splitOf(path string) string {
	path = strings.ToLower(path)
	found, last := "", -1
	for _, one := range splitWords {
		if all := one.words.FindAllStringIndex(path, -1); len(all) > 0 && all[len(all)-1][0] > last {
			found, last = one.split, all[len(all)-1][0]
		}
	}
	return found
}

// splitByName picks the files of a split by their paths. Without a name those of
// train are meant, and if the paths of none say so, those that say nothing: what
// is held out is never trained on because nothing else is there.
func splitByName(files []hubFile, name string) ([]hubFile, error) {
	bySplit := map[string][]hubFile{}
	for _, file := range files {
		if _, _, err := formatOf(file.Path); err == nil && !file.beside() {
			bySplit[splitOf(file.Path)] = append(bySplit[splitOf(file.Path)], file)
		}
	}
	if name != "" && len(bySplit[name]) == 0 && !noWord.MatchString(name) {
		named := slices.DeleteFunc(slices.Clone(files), func(f hubFile) bool { return !splitWord(name).MatchString(strings.ToLower(f.Path)) })
		bySplit[name] = named // a split with a name of the data set's own
	}
	wanted := name
	if name == "" {
		wanted = "train"
	}
	switch {
	case len(bySplit[wanted]) > 0:
		return bySplit[wanted], nil
	case name == "" && len(bySplit[""]) > 0:
		return bySplit[""], nil
	case len(bySplit["validation"])+len(bySplit["test"]) > 0:
		return nil, fmt.Errorf("no file is named as of the split %q; choose another with ?split=validation or ?split=test, or name a path in the data set", wanted)
	case name != "":
		return nil, fmt.Errorf("no file is named as of the split %q", name)
	default:
		return files, nil // none that can be read; the caller says so
	}
}
