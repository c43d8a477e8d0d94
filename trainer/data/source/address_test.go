package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shannon-labs/scu/trainer/durable"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick are options that wait no longer than a test should.
func quick(t *testing.T) Options {
	return Options{CacheDir: filepath.Join(t.TempDir(), "cache"), pause: time.Millisecond, stall: 10 * time.Second}
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func content(t *testing.T, file File) string {
	t.Helper()
	opened, err := file.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(opened); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// leftovers lists the temporary files in a cache.
func leftovers(t *testing.T, options Options) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(options.CacheDir, "*", durable.TemporaryPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAddressIsAskedForAgain(t *testing.T) {
	t.Parallel()
	var version, sent atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		tag := fmt.Sprintf(`"%d"`, version.Load())
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent.Add(1)
		fmt.Fprintf(w, "version %d", version.Load())
	})
	options := quick(t)
	spec := server.URL + "/data/a.jsonl?signature=secret"
	resolve := func() (File, []string) {
		t.Helper()
		found, err := Resolve(context.Background(), spec, options)
		if err != nil {
			t.Fatal(err)
		}
		return found.Files[0], found.Warnings
	}
	first, _ := resolve()
	if content(t, first) != "version 0" || first.Format != JSONLines || first.Name != server.URL+"/data/a.jsonl" {
		t.Errorf("first: %+v", first)
	}
	if again, _ := resolve(); again != first || sent.Load() != 1 {
		t.Errorf("an unchanged file was sent %d times: %+v", sent.Load(), again)
	}
	version.Store(1)
	changed, _ := resolve()
	if content(t, changed) != "version 1" || content(t, first) != "version 0" {
		t.Error("a changed file was not fetched, or took the place of the one before")
	}
	if err := os.Remove(changed.Path); err != nil {
		t.Fatal(err)
	}
	if back, _ := resolve(); content(t, back) != "version 1" || sent.Load() != 3 {
		t.Errorf("a file removed from the cache was not fetched again: sent %d times", sent.Load())
	}
	server.Close()
	if kept, warnings := resolve(); content(t, kept) != "version 1" || len(warnings) != 1 || !strings.Contains(warnings[0], "the copy fetched earlier is used") {
		t.Errorf("without the server: warnings %q", warnings)
	}
	if found := leftovers(t, options); len(found) > 0 {
		t.Errorf("temporary files are left: %q", found)
	}
}

func TestFormatOfAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path        string
		header      map[string]string
		format      Format
		compression Compression
		failure     string
	}{
		"name":                {"/a.csv", map[string]string{"Content-Type": "text/plain"}, CSV, Plain, ""},
		"compressed":          {"/a.txt.zst", nil, Text, Zstandard, ""},
		"disposition":         {"/get", map[string]string{"Content-Disposition": `attachment; filename="x.jsonl.gz"`}, JSONLines, Gzip, ""},
		"media type":          {"/get", map[string]string{"Content-Type": "application/json; charset=utf-8"}, JSON, Plain, ""},
		"redirected name":     {"/to?p=/b.tsv", nil, TSV, Plain, ""},
		"encoded by server":   {"/a.jsonl", map[string]string{"Content-Encoding": "gzip"}, JSONLines, Gzip, ""},
		"web page":            {"/a.jsonl", map[string]string{"Content-Type": "text/html; charset=utf-8"}, "", "", "web page"},
		"unknown":             {"/get", map[string]string{"Content-Type": "image/png"}, "", "", `media type "image/png"`},
		"encoding":            {"/a.jsonl", map[string]string{"Content-Encoding": "br"}, "", "", `encoding "br"`},
		"encoding of Parquet": {"/a.parquet", map[string]string{"Content-Encoding": "gzip"}, "", "", `encoding "gzip"`},
	} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if target := r.URL.Query().Get("p"); target != "" {
				http.Redirect(w, r, target, http.StatusFound)
				return
			}
			for key, value := range c.header {
				w.Header().Set(key, value)
			}
			fmt.Fprint(w, "x")
		})
		found, err := Resolve(context.Background(), server.URL+c.path, quick(t))
		switch {
		case c.failure == "" && (err != nil || found.Files[0].Format != c.format || found.Files[0].Compression != c.compression):
			t.Errorf("%s: %+v, %v", name, found, err)
		case c.failure != "" && (err == nil || !strings.Contains(err.Error(), c.failure)):
			t.Errorf("%s: got %v, want %q", name, err, c.failure)
		}
	}
}

func TestAddressErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer   func(w http.ResponseWriter, r *http.Request)
		requests int32
		want     string
	}{
		"not found":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 1, "404 Not Found; check the address"},
		"forbidden":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, 1, "not open to everyone"},
		"busy":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, attempts, "503 Service Unavailable"},
		"in circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a.jsonl", http.StatusFound) }, maximumRedirects + 1, "more than 5 redirects"},
		"to plain": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/a.jsonl?key", http.StatusFound)
		}, 1, "http://example.com/a.jsonl: plain http is refused"},
		"to a file": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, 1, `the scheme "file" is not supported`},
		"cut short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			fmt.Fprint(w, "abc")
		}, attempts, "broke off after 3 bytes"},
		"larger": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 101)) }, 1, "larger than 100 bytes"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			fmt.Fprint(w, strings.Repeat("x", 101))
		}, 1, "larger than 100 bytes"},
		"stands still": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "a")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, attempts, "stopped sending"},
	} {
		var requests atomic.Int32
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			c.answer(w, r)
		})
		options := quick(t)
		options.MaximumSize, options.stall = 100, 50*time.Millisecond
		spec := strings.Replace(server.URL, "http://", "http://user:password@", 1) + "/a.jsonl?signature=secret"
		_, err := Resolve(context.Background(), spec, options)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), server.URL+"/a.jsonl") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "password") {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
		if requests.Load() != c.requests {
			t.Errorf("%s: %d requests, want %d", name, requests.Load(), c.requests)
		}
		if found := leftovers(t, options); len(found) > 0 {
			t.Errorf("%s: temporary files are left: %q", name, found)
		}
	}
}

func TestAddressRefusedBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"http://example.com/a.jsonl":          "plain http is refused",
		"https:///a.jsonl":                    "not a valid address",
		"https://user:secret@[bad/a?k=secret": "not a valid address",
	} {
		if _, err := Resolve(context.Background(), spec, quick(t)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", spec, err)
		}
	}
	if _, err := Resolve(context.Background(), "https://example.com/a.jsonl", Options{}); err == nil || !strings.Contains(err.Error(), "no cache directory") {
		t.Errorf("no cache: got %v", err)
	}
}

// TestRedirects has two servers, of which the second must not see the token of the
// first.
func TestRedirects(t *testing.T) {
	t.Parallel()
	request := func(address, authorization string) *http.Request {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization)
		return r
	}
	first := request("https://hub.example/a", "Bearer t")
	for address, want := range map[string]string{
		"https://hub.example/b": "Bearer t", "https://cdn.hub.example/b": "", "https://other.example/b": "", "http://hub.example/b": "refused", "https://127.0.0.1/b": "refused", "http://localhost/b": "refused",
	} {
		next := request(address, "Bearer t")
		err := checkRedirect(next, []*http.Request{first})
		if got := next.Header.Get("Authorization"); (err != nil) != (want == "refused") || err == nil && got != want {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}

func TestRecoversFromPassingFailures(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		switch requests.Add(1) {
		case 1:
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.Header().Set("Content-Length", "5")
			fmt.Fprint(w, "ab")
		default:
			fmt.Fprint(w, "whole")
		}
	})
	found, err := Resolve(context.Background(), server.URL+"/a.txt", quick(t))
	if err != nil || content(t, found.Files[0]) != "whole" {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestFetchCanBeCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(10))
		fmt.Fprint(w, "a")
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	options := quick(t)
	if _, err := Resolve(ctx, server.URL+"/a.txt", options); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if found := leftovers(t, options); len(found) > 0 {
		t.Errorf("temporary files are left: %q", found)
	}
}

func TestStaleTemporaryFilesAreRemoved(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") })
	options := quick(t)
	files := cache{options.CacheDir}.files()
	if err := os.MkdirAll(files, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"old": 48 * time.Hour, "new": 0} {
		path := filepath.Join(files, durable.TemporaryPrefix+name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Resolve(context.Background(), server.URL+"/a.txt", options); err != nil {
		t.Fatal(err)
	}
	if found := leftovers(t, options); len(found) != 1 || !strings.HasSuffix(found[0], "new") {
		t.Errorf("temporary files: %q", found)
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"https://u:p@host:1/a/b?k=v#f": "https://host:1/a/b", "https://host": "https://host", "hf://datasets/a/b@main/c?split=x": "hf://datasets/a/b@main/c", "a?b": "a", "https://u:p@q@host/": "https://host",
	} {
		if got := shown(spec); got != want {
			t.Errorf("%s: %s", spec, got)
		}
	}
}
