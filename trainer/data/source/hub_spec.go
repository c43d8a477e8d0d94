package source

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// hubScheme begins what names a data set on the Hub.
const hubScheme = "hf://"

// hubSpec is a data set on the Hub, taken apart.
type hubSpec struct {
	id       string // OWNER/NAME
	revision string // a branch, tag or commit
	path     string // a file, directory or pattern in it, or ""
	config   string // a subset that the data set's card names, or ""
	split    string // "" is train
}

var (
	hubName = regexp.MustCompile(`^[\w][\w.-]*/[\w][\w.-]*$`)
	// hubAddress takes apart OWNER/NAME@REVISION/PATH. Of the revisions with
	// slashes, those of the Hub's own are known; another must be written with %2F.
	hubAddress = regexp.MustCompile(`^([^/@]+/[^/@]+)(?:@(refs/convert/[^/]+|refs/pr/\d+|[^/]+))?(?:/(.*))?$`)
)

// HubName returns the full form of OWNER/NAME, hf://datasets/OWNER/NAME, and false
// for what does not look like one, looks like a data file, or is a path on this
// machine. Whether short names are taken is the caller's choice.
func HubName(spec string) (full string, ok bool) {
	if !hubName.MatchString(spec) {
		return "", false
	}
	if _, _, err := formatOf(spec); err == nil {
		return "", false
	}
	if _, err := os.Lstat(spec); !errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	return hubScheme + "datasets/" + spec, true
}

func parseHubSpec(spec string) (hubSpec, error) {
	rest, isDataset := strings.CutPrefix(spec, hubScheme+"datasets/")
	if !isDataset {
		return hubSpec{}, fmt.Errorf("data set %s: only data sets of the Hub are read; write hf://datasets/OWNER/NAME", shown(spec))
	}
	rest, query, _ := strings.Cut(rest, "?")
	parts := hubAddress.FindStringSubmatch(rest)
	if parts == nil || !hubName.MatchString(parts[1]) {
		return hubSpec{}, fmt.Errorf("data set %s: write hf://datasets/OWNER/NAME, with @REVISION or /PATH behind it if need be", shown(spec))
	}
	revision, err := url.PathUnescape(parts[2])
	if err != nil {
		return hubSpec{}, fmt.Errorf("data set %s: the revision is not valid: %w", shown(spec), err)
	}
	if revision == "" {
		revision = "main"
	}
	s := hubSpec{id: parts[1], revision: revision, path: strings.Trim(parts[3], "/")}
	values, err := url.ParseQuery(query)
	if err != nil {
		return hubSpec{}, fmt.Errorf("data set %s: what follows ? is not valid: %w", shown(spec), err)
	}
	for name, given := range values {
		switch name {
		case "config":
			s.config = given[0]
		case "split":
			s.split = given[0]
		default:
			return hubSpec{}, fmt.Errorf("data set %s: %q is not known; accepted behind ?: config=NAME and split=NAME", shown(spec), name)
		}
	}
	return s, nil
}

// name is how messages call a file of the data set.
func (s hubSpec) name(path string) string {
	name := hubScheme + "datasets/" + s.id
	if s.revision != "main" {
		name += "@" + url.PathEscape(s.revision)
	}
	if path != "" {
		name += "/" + path
	}
	return name
}
