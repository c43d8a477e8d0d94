package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// hub fetches data sets from the Hugging Face Hub, or what answers as it does.
type hub struct {
	*fetcher
	endpoint string // without a slash at the end
	token    string // "" is none
}

// defaultHub is the Hub unless the environment or the options name another.
const defaultHub = "https://huggingface.co"

func newHub(options Options) (*hub, error) {
	endpoint := strings.TrimRight(cmp.Or(options.HubEndpoint, os.Getenv("HF_ENDPOINT"), defaultHub), "/")
	if _, err := parseAddress(endpoint); err != nil {
		return nil, fmt.Errorf("the address of the Hub: %w", err)
	}
	f, err := newFetcher(options)
	if err != nil {
		return nil, err
	}
	return &hub{fetcher: f, endpoint: endpoint, token: strings.TrimSpace(cmp.Or(options.HubToken, os.Getenv("HF_TOKEN")))}, nil
}

func (h *hub) authorization() http.Header {
	if h.token == "" {
		return http.Header{}
	}
	return http.Header{"Authorization": {"Bearer " + h.token}}
}

// resolveHub fetches the training files of a data set, as far as they are not in
// the cache.
func resolveHub(ctx context.Context, spec string, options Options) (Found, error) {
	s, err := parseHubSpec(spec)
	if err != nil {
		return Found{}, err
	}
	h, err := newHub(options)
	if err != nil {
		return Found{}, fmt.Errorf("data set %s: %w", s.name(s.path), err)
	}
	defer h.close()
	found, err := h.resolve(ctx, s)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("data set %s: %w", s.name(s.path), err)
	}
	return found, err
}

func (h *hub) resolve(ctx context.Context, s hubSpec) (Found, error) {
	var found Found
	listing, err := h.listing(ctx, s, &found)
	if err != nil {
		return Found{}, err
	}
	chosen, warnings, err := listing.choose(s)
	if err != nil {
		return Found{}, err
	}
	found.Warnings = append(found.Warnings, warnings...)
	for _, one := range chosen {
		h.arrival.total += one.Size
	}
	for _, one := range chosen {
		file, err := h.fetch(ctx, s, listing.Commit, one)
		if err != nil {
			return Found{}, err
		}
		found.Files = append(found.Files, file)
		h.arrival.before += one.Size
	}
	return found, nil
}

// A data set in the cache:
//
//	hub/OWNER/NAME/revisions/REVISION.json   its listing when last asked for
//	hub/OWNER/NAME/COMMIT/PATH               a file of a commit
func (h *hub) directory(s hubSpec) string {
	return filepath.Join(h.cache.directory, "hub", filepath.FromSlash(s.id))
}

// listing returns the listing of a revision: of a commit from the cache, if it is
// there, and of a branch from the Hub, or from the cache if that cannot be reached.
func (h *hub) listing(ctx context.Context, s hubSpec, found *Found) (*hubListing, error) {
	path := filepath.Join(h.directory(s), "revisions", url.PathEscape(s.revision)+".json")
	known := new(hubListing)
	there, err := readJSON(path, known)
	if err != nil {
		return nil, err
	}
	if there && known.Commit == s.revision {
		return known, nil
	}
	listing, err := h.list(ctx, s)
	if err != nil && there && errors.As(err, new(unreachableError)) && ctx.Err() == nil {
		found.Warnings = append(found.Warnings, fmt.Sprintf("%s: %v; the commit %s is used, which was fetched earlier", s.name(""), err, known.Commit))
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	return listing, writeJSON(path, listing)
}

// fetch brings one file into the cache, unless it is there.
func (h *hub) fetch(ctx context.Context, s hubSpec, commit string, one hubFile) (File, error) {
	format, compression, err := formatOf(one.Path)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", one.Path, err)
	}
	if !filepath.IsLocal(filepath.FromSlash(one.Path)) {
		return File{}, fmt.Errorf("the Hub lists the file %q, whose path leads out of the data set", one.Path)
	}
	path := filepath.Join(h.directory(s), commit, filepath.FromSlash(one.Path))
	info, err := os.Stat(path)
	if err != nil || info.Size() != one.Size {
		if err := h.download(ctx, s, commit, one, path); err != nil {
			return File{}, fmt.Errorf("%s: %w", one.Path, err)
		}
		if info, err = os.Stat(path); err != nil {
			return File{}, cannotOpen(path, err)
		}
	}
	return File{Path: path, Name: s.name(one.Path), Format: format, Compression: compression, Size: info.Size(), Modified: info.ModTime()}, nil
}

func (h *hub) download(ctx context.Context, s hubSpec, commit string, one hubFile, path string) error {
	address, err := url.Parse(h.endpoint + "/datasets/" + s.id + "/resolve/" + commit + "/" + escapePath(one.Path))
	if err != nil {
		return errors.New("its name makes no valid address")
	}
	return h.request(ctx, address, h.authorization(), func(response *http.Response) error {
		if response.StatusCode != http.StatusOK {
			return h.refused(response)
		}
		w, err := h.write(response, one.Size)
		if err != nil {
			return err
		}
		if err := one.check(w); err != nil {
			os.Remove(w.path) // nothing refers to it
			return unreachableError{err}
		}
		return w.moveTo(path)
	})
}

// check compares what was fetched with the listing.
func (f hubFile) check(w written) error {
	switch {
	case w.size != f.Size:
		return fmt.Errorf("%d bytes arrived, but the Hub lists %d", w.size, f.Size)
	case f.LFS != nil && w.sha256 != f.LFS.OID:
		return fmt.Errorf("the content has the SHA-256 %s, but the Hub lists %s", w.sha256, f.LFS.OID)
	case f.LFS == nil && w.sha1 != f.OID:
		return fmt.Errorf("the content has the git object id %s, but the Hub lists %s", w.sha1, f.OID)
	}
	return nil
}

func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
