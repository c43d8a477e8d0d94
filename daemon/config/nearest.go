package config

import (
	"slices"
	"strings"
)

// keyOf is the row of a key, or nil.
func keyOf(name string) *key {
	n := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if n < 0 {
		return nil
	}
	return &keys[n]
}

// ownerKeyOf is the row of a part of one owner's quota, or nil. What it sets is for setOwner to say.
func ownerKeyOf(owner, part string) *key {
	for _, row := range quotaKeys(ownersPrefix+owner, func(c *Config) *Quota { return &c.Security.Quotas.Default }) {
		if row.name == ownersPrefix+owner+"."+part {
			return &row
		}
	}
	return nil
}

// isSection tells whether keys begin with the name.
func isSection(name string) bool {
	within := func(k key) bool { return strings.HasPrefix(k.name, name+".") }
	return name == ownersKey || slices.ContainsFunc(keys, within)
}

// sectionNames are the outermost sections, in the order of the table.
func sectionNames() []string {
	var names []string
	for _, k := range keys {
		name, _, _ := strings.Cut(k.name, ".")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// nearestKey is what to say of a key that does not exist: the one that was probably meant, or where they are listed.
func nearestKey(name string) string {
	candidates := sectionNames()
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, k := range keys {
		if strings.HasSuffix(k.name, "."+last) { // in another section
			return "; did you mean " + k.name + "?"
		}
		candidates = append(candidates, k.name)
	}
	if strings.HasPrefix(name, ownersPrefix) {
		candidates = append(candidates, ownerCandidates(name)...)
	}
	if meant := nearest(name, candidates); meant != "" {
		return "; did you mean " + meant + "?"
	}
	return "; `scu config show` lists them"
}

// ownerCandidates are the keys of the owner whose quota a key is in. The owner's name may hold dots.
func ownerCandidates(name string) []string {
	var names []string
	for _, row := range quotaKeys(name[:strings.LastIndexByte(name, '.')], nil) {
		names = append(names, row.name)
	}
	return names
}

// nearest is the candidate that takes the fewest edits, and no more than a third of the name's letters: one that is
// further off was hardly meant. It is empty when there is none.
func nearest(name string, candidates []string) string {
	best, fewest := "", len(name)/3+1
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		if len(name)-len(candidate) >= fewest { // it takes at least as many edits, and the name may be very long
			continue
		}
		if d := edits(name, candidate); d < fewest {
			best, fewest = candidate, d
		}
	}
	return best
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			row[j+1] = min(above+1, row[j]+1, diagonal)
			if a[i] != b[j] {
				row[j+1] = min(above+1, row[j]+1, diagonal+1)
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
