package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// hubListing is what a revision of a data set holds. It is kept in the cache, so
// that a commit is asked for once.
type hubListing struct {
	Commit  string      `json:"commit"`
	Configs []hubConfig `json:"configs,omitempty"` // of the data set's card
	Files   []hubFile   `json:"files"`
}

// hubConfig is a subset of a data set, as its card declares it.
type hubConfig struct {
	Name      cardText        `json:"config_name"`
	Default   bool            `json:"default,omitempty"`
	DataFiles json.RawMessage `json:"data_files,omitempty"` // see splitsOf
	DataDir   string          `json:"data_dir,omitempty"`
}

// cardText is a name in a card. Written without quotes, 2024 is a number there.
type cardText string

// UnmarshalJSON takes a number as it is written.
func (c *cardText) UnmarshalJSON(raw []byte) error {
	var number json.Number
	if json.Unmarshal(raw, &number) == nil {
		*c = cardText(number)
		return nil
	}
	return json.Unmarshal(raw, (*string)(c))
}

// hubFile is one file of a data set.
type hubFile struct {
	Type string `json:"type"` // "file" or "directory"
	Path string `json:"path"`
	Size int64  `json:"size"` // bytes
	OID  string `json:"oid"`  // SHA-1 of the git blob, which is a pointer if LFS is set
	LFS  *struct {
		OID string `json:"oid"` // SHA-256 of the content
	} `json:"lfs,omitempty"`
}

const (
	// maximumAnswer bounds a page of the Hub's listing, in bytes.
	maximumAnswer = 64 << 20
	// maximumPages bounds a listing; the Hub sends up to 1000 files a page.
	maximumPages = 1000
)

// list asks the Hub for a revision's commit, card and files:
//
//	GET /api/datasets/OWNER/NAME/revision/REVISION    {"sha", "cardData": {"configs"}}
//	GET /api/datasets/OWNER/NAME/tree/COMMIT?recursive=1   [{"type", "path", "size", "oid", "lfs"}]
//
// The second comes in pages, each with a Link header to the next.
func (h *hub) list(ctx context.Context, s hubSpec) (*hubListing, error) {
	api := h.endpoint + "/api/datasets/" + s.id
	var info struct {
		SHA  string `json:"sha"`
		Card struct {
			Configs []hubConfig `json:"configs"`
		} `json:"cardData"`
	}
	if _, err := h.get(ctx, api+"/revision/"+url.PathEscape(s.revision), &info); err != nil {
		return nil, err
	}
	if !commitName.MatchString(info.SHA) {
		return nil, fmt.Errorf("the Hub gave %q as the commit of revision %s", info.SHA, s.revision)
	}
	listing := &hubListing{Commit: info.SHA, Configs: info.Card.Configs}
	next := api + "/tree/" + info.SHA + "?recursive=1"
	for range maximumPages {
		var page []hubFile
		header, err := h.get(ctx, next, &page)
		if err != nil {
			return nil, err
		}
		for _, file := range page {
			if file.Type == "file" {
				listing.Files = append(listing.Files, file)
			}
		}
		if next, err = h.nextPage(header); next == "" || err != nil {
			return listing, err
		}
	}
	return nil, fmt.Errorf("the data set has more than %d pages of files; name a path in it", maximumPages)
}

var (
	commitName = regexp.MustCompile(`^[0-9a-f]{40}$`)
	nextLink   = regexp.MustCompile(`<([^>]*)>\s*;\s*rel="?next"?`)
)

// nextPage returns the address of the next page, or "". Only the Hub's own host
// gets the token, so the page must be there.
func (h *hub) nextPage(header http.Header) (string, error) {
	match := nextLink.FindStringSubmatch(strings.Join(header.Values("Link"), ","))
	if match == nil {
		return "", nil
	}
	if !strings.HasPrefix(match[1], h.endpoint+"/") {
		return "", fmt.Errorf("the Hub's listing goes on at another host, %s", shown(match[1]))
	}
	return match[1], nil
}

// get asks the Hub for a JSON value.
func (h *hub) get(ctx context.Context, address string, into any) (http.Header, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address of the Hub is not valid")
	}
	var header http.Header
	err = h.request(ctx, parsed, h.authorization(), func(response *http.Response) error {
		if response.StatusCode != http.StatusOK {
			return h.refused(response)
		}
		header = response.Header
		text, err := io.ReadAll(io.LimitReader(response.Body, maximumAnswer+1))
		switch {
		case err != nil:
			return err
		case len(text) > maximumAnswer:
			return fmt.Errorf("the Hub's answer is longer than %d bytes", maximumAnswer)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("the Hub's answer is not what was expected: %w; check HF_ENDPOINT", err)
		}
		return nil
	})
	return header, err
}

// refused words a response of the Hub that is an error. The Hub answers 401 for
// what does not exist too, so as not to tell what is private.
func (h *hub) refused(response *http.Response) error {
	err := statusError(response)
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		if h.token == "" {
			return fmt.Errorf("the Hub answered %s; check the name and the revision, and if the data set is private or gated, set HF_TOKEN", response.Status)
		}
		return fmt.Errorf("the Hub answered %s; check the name and the revision, and that HF_TOKEN may read the data set (a gated one must be asked for on its page)", response.Status)
	}
	return err
}
