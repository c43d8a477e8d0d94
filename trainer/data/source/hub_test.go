package source

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeHub answers as the Hub does: /api/datasets/ID/revision/REVISION,
// /api/datasets/ID/tree/COMMIT in pages of two, and /datasets/ID/resolve/COMMIT/PATH,
// which redirects large files to another host.
type fakeHub struct {
	id      string
	commit  string
	token   string // asked for if set
	configs string // JSON; "" is none
	files   map[string]string
	large   []string // paths that are in LFS, and served by the other host

	contentHost *httptest.Server
	downloads   atomic.Int32
	sawToken    atomic.Bool // at the content host
}

const (
	firstCommit  = "1111111111111111111111111111111111111111"
	secondCommit = "2222222222222222222222222222222222222222"
)

// start serves the Hub and returns options that lead to it.
func (h *fakeHub) start(t *testing.T) (*httptest.Server, Options) {
	t.Helper()
	h.contentHost = serve(t, func(w http.ResponseWriter, r *http.Request) {
		h.sawToken.Store(h.sawToken.Load() || r.Header.Get("Authorization") != "")
		h.send(w, strings.TrimPrefix(r.URL.Path, "/"))
	})
	server := serve(t, h.answer)
	options := quick(t)
	options.HubEndpoint, options.HubToken = server.URL+"/", h.token
	return server, options
}

func (h *fakeHub) send(w http.ResponseWriter, path string) {
	text, there := h.files[path]
	if !there {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h.downloads.Add(1)
	w.(http.Flusher).Flush() // sent in chunks, without a Content-Length
	fmt.Fprint(w, text)
}

func (h *fakeHub) answer(w http.ResponseWriter, r *http.Request) {
	api, content := "/api/datasets/"+h.id, "/datasets/"+h.id+"/resolve/"+h.commit+"/"
	switch asked := r.URL.EscapedPath(); {
	case h.token != "" && r.Header.Get("Authorization") != "Bearer "+h.token:
		w.WriteHeader(http.StatusUnauthorized)
	case asked == api+"/revision/main", asked == api+"/revision/"+h.commit, asked == api+"/revision/refs%2Fconvert%2Fparquet":
		card := "{}"
		if h.configs != "" {
			card = fmt.Sprintf(`{"license":"mit","configs":%s}`, h.configs)
		}
		fmt.Fprintf(w, `{"id":%q,"sha":%q,"cardData":%s}`, h.id, h.commit, card)
	case asked == api+"/tree/"+h.commit && r.URL.Query().Get("recursive") == "1":
		h.page(w, r)
	case strings.HasPrefix(asked, content):
		name := strings.TrimPrefix(r.URL.Path, content)
		if slices.Contains(h.large, name) {
			http.Redirect(w, r, h.contentHost.URL+"/"+(&url.URL{Path: name}).EscapedPath(), http.StatusFound)
			return
		}
		h.send(w, name)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// page sends two entries of the listing, directories included, and a link to the
// next two.
func (h *fakeHub) page(w http.ResponseWriter, r *http.Request) {
	type lfs struct {
		OID  string `json:"oid"`
		Size int    `json:"size"`
	}
	type item struct {
		Type string `json:"type"`
		OID  string `json:"oid"`
		Size int    `json:"size"`
		Path string `json:"path"`
		LFS  *lfs   `json:"lfs,omitempty"`
	}
	items := map[string]item{}
	for name, text := range h.files {
		if directory := path.Dir(name); directory != "." {
			items[directory] = item{Type: "directory", Path: directory}
		}
		blob, digest := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)), sha256.Sum256([]byte(text))
		one := item{Type: "file", OID: hex.EncodeToString(blob[:]), Size: len(text), Path: name}
		if slices.Contains(h.large, name) {
			one.OID, one.LFS = strings.Repeat("0", 40), &lfs{OID: hex.EncodeToString(digest[:]), Size: len(text)}
		}
		items[name] = one
	}
	names := slices.Sorted(maps.Keys(items))
	var start int
	fmt.Sscan(r.URL.Query().Get("cursor"), &start)
	end := min(start+2, len(names))
	page := []item{}
	for _, name := range names[start:end] {
		page = append(page, items[name])
	}
	if end < len(names) {
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?recursive=1&cursor=%d>; rel="next"`, r.Host, r.URL.Path, end))
	}
	_ = json.NewEncoder(w).Encode(page) // a client that went away is no concern of the server
}

func TestHub(t *testing.T) {
	t.Parallel()
	h := &fakeHub{id: "owner/data", commit: firstCommit, token: "hf_secret", large: []string{"data/train-00001-of-00002.parquet"}, files: map[string]string{
		"data/train-00000-of-00002.parquet": "one", "data/train-00001-of-00002.parquet": "two", "data/test-00000-of-00001.parquet": "t", "README.md": "r", ".gitattributes": "",
		"other/a b#c.jsonl": "odd",
	}}
	server, options := h.start(t)
	resolve := func(spec string) Found {
		t.Helper()
		found, err := Resolve(context.Background(), spec, options)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	found := resolve("hf://datasets/owner/data")
	if len(found.Files) != 2 || content(t, found.Files[0]) != "one" || content(t, found.Files[1]) != "two" ||
		found.Files[1].Name != "hf://datasets/owner/data/data/train-00001-of-00002.parquet" || found.Files[1].Format != Parquet {
		t.Errorf("got %+v", found)
	}
	if h.sawToken.Load() {
		t.Error("the token went to another host")
	}
	if odd := resolve("hf://datasets/owner/data/other/a b#c.jsonl"); content(t, odd.Files[0]) != "odd" {
		t.Errorf("got %+v", odd)
	}
	downloads := h.downloads.Load()
	if again := resolve("hf://datasets/owner/data"); h.downloads.Load() != downloads || !slices.Equal(again.Files, found.Files) {
		t.Errorf("a commit was fetched twice: %+v", again)
	}
	pinned := resolve("hf://datasets/owner/data@" + firstCommit)

	h.commit = secondCommit
	h.files = map[string]string{"train.jsonl": "new"}
	if changed := resolve("hf://datasets/owner/data"); len(changed.Files) != 1 || content(t, changed.Files[0]) != "new" {
		t.Errorf("after a change: %+v", changed)
	}
	server.Close()
	if offline := resolve("hf://datasets/owner/data"); content(t, offline.Files[0]) != "new" || len(offline.Warnings) != 1 || !strings.Contains(offline.Warnings[0], secondCommit) {
		t.Errorf("offline: %+v", offline)
	}
	if offline := resolve("hf://datasets/owner/data@" + firstCommit); !slices.Equal(offline.Files, pinned.Files) || len(offline.Warnings) != 0 {
		t.Errorf("a commit offline: %+v", offline)
	}
}

func TestHubRevision(t *testing.T) {
	t.Parallel()
	h := &fakeHub{id: "o/d", commit: firstCommit, files: map[string]string{"default/train/0000.parquet": "x"}}
	_, options := h.start(t)
	found, err := Resolve(context.Background(), "hf://datasets/o/d@refs/convert/parquet", options)
	if err != nil || len(found.Files) != 1 || found.Files[0].Name != "hf://datasets/o/d@refs%2Fconvert%2Fparquet/default/train/0000.parquet" {
		t.Fatalf("%+v, %v", found, err)
	}
	if again, err := parseHubSpec(found.Files[0].Name); err != nil || again.revision != "refs/convert/parquet" || again.path != "default/train/0000.parquet" {
		t.Errorf("a file's name is not understood again: %+v, %v", again, err)
	}
}

func TestHubErrors(t *testing.T) {
	t.Parallel()
	files := map[string]string{"train.jsonl": "x"}
	for name, c := range map[string]struct {
		hub    *fakeHub
		spec   string
		alter  func(h *fakeHub, o *Options)
		answer http.HandlerFunc // in place of the hub's
		want   string
	}{
		"missing":          {hub: &fakeHub{files: files}, spec: "o/none", want: "404 Not Found; check the name"},
		"revision":         {hub: &fakeHub{files: files}, spec: "o/d@none", want: "404 Not Found"},
		"no token":         {hub: &fakeHub{files: files, token: "hf_secret"}, alter: func(_ *fakeHub, o *Options) { o.HubToken = " " }, want: "set HF_TOKEN"},
		"wrong token":      {hub: &fakeHub{files: files, token: "hf_other"}, alter: func(_ *fakeHub, o *Options) { o.HubToken = "hf_secret" }, want: "HF_TOKEN may read"},
		"no files":         {hub: &fakeHub{}, want: "holds no data file"},
		"nothing readable": {hub: &fakeHub{files: map[string]string{"train.arrow": "x"}}, want: "only train.arrow; accepted"},
		"altered":          {hub: &fakeHub{files: files, large: []string{"train.jsonl"}}, alter: alterContent("y"), want: "has the SHA-256"},
		"other size":       {hub: &fakeHub{files: files, large: []string{"train.jsonl"}}, alter: alterContent("xy"), want: "2 bytes arrived, but the Hub lists 1"},
		"leads out":        {hub: &fakeHub{files: map[string]string{"../train.jsonl": "x"}}, want: "leads out of the data set"},
		"not the Hub":      {answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, want: "not what was expected"},
		"no commit":        {answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"sha":"../x"}`) }, want: `gave "../x" as the commit`},
		"goes elsewhere": {answer: func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/tree/") {
				w.Header().Set("Link", `<https://example.com/tree?key=secret>; rel="next"`)
				fmt.Fprint(w, "[]")
				return
			}
			fmt.Fprintf(w, `{"sha":%q}`, firstCommit)
		}, want: "goes on at another host, https://example.com/tree"},
		"plain endpoint": {hub: &fakeHub{}, alter: func(_ *fakeHub, o *Options) { o.HubEndpoint = "http://example.com" }, want: "plain http is refused"},
		"no cache":       {hub: &fakeHub{}, alter: func(_ *fakeHub, o *Options) { o.CacheDir = "" }, want: "no cache directory"},
	} {
		var options Options
		if c.hub != nil {
			c.hub.id, c.hub.commit = "o/d", firstCommit
			_, options = c.hub.start(t)
		} else {
			options = quick(t)
			options.HubEndpoint = serve(t, c.answer).URL
		}
		if c.alter != nil {
			c.alter(c.hub, &options)
		}
		if c.spec == "" {
			c.spec = "o/d"
		}
		_, err := Resolve(context.Background(), hubScheme+"datasets/"+c.spec, options)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		} else if !strings.Contains(err.Error(), "hf://datasets/o/") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error does not name the data set, or tells a secret: %v", name, err)
		}
	}
}

// alterContent lets the content host send something else than the listing says.
func alterContent(text string) func(*fakeHub, *Options) {
	return func(h *fakeHub, _ *Options) {
		h.contentHost.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	}
}

func TestHubCanBeCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	options := quick(t)
	options.HubEndpoint = serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}).URL
	if _, err := Resolve(ctx, "hf://datasets/o/d", options); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestHubEnvironment is not parallel, since it sets the environment.
func TestHubEnvironment(t *testing.T) {
	h := &fakeHub{id: "o/d", commit: firstCommit, token: "hf_secret", files: map[string]string{"train.jsonl": "x"}}
	_, options := h.start(t)
	t.Setenv("HF_ENDPOINT", options.HubEndpoint)
	t.Setenv("HF_TOKEN", "hf_secret\n")
	options.HubEndpoint, options.HubToken = "", ""
	if found, err := Resolve(context.Background(), "hf://datasets/o/d", options); err != nil || content(t, found.Files[0]) != "x" {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestParseHubSpecErrors(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"hf://models/o/m": "only data sets", "hf://datasets/squad": "write hf://datasets/OWNER/NAME", "hf://datasets/../x": "write hf://", "hf://datasets/o/d?splt=x": `"splt" is not known`,
		"hf://datasets/o/d@%zz": "revision is not valid", "hf://datasets/o/d?%zz": "not valid",
	} {
		if got, err := parseHubSpec(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", spec, got, err)
		}
	}
}

// FuzzHubSpec: what is understood can be said again, and is then understood alike.
func FuzzHubSpec(f *testing.F) {
	for _, seed := range []string{"o/d", "o/d@main/a/b.jsonl", "o/d@refs%2Fpr%2F1", "o/d@refs/convert/parquet/x?config=a&split=b", "o/d?x", "a/b@%zz", "o/d@a%3Fb/c"} {
		f.Add(hubScheme + "datasets/" + seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := parseHubSpec(spec)
		if err != nil {
			return
		}
		again, err := parseHubSpec(s.name(s.path))
		if s.config, s.split = "", ""; err != nil || again != s {
			t.Fatalf("%q: %+v, then %+v, %v", spec, s, again, err)
		}
	})
}
