package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// parseAddress reads an address and refuses what would send a request unencrypted
// over a network. Plain http is for servers on this machine.
func parseAddress(spec string) (*url.URL, error) {
	address, err := url.Parse(spec)
	if err != nil || address.Host == "" {
		return nil, fmt.Errorf("data set %s is not a valid address; write https://HOST/PATH", shown(spec))
	}
	if err := allowed(address); err != nil {
		return nil, fmt.Errorf("data set %s: %w", shown(spec), err)
	}
	return address, nil
}

func allowed(address *url.URL) error {
	switch {
	case address.Scheme == "https":
		return nil
	case address.Scheme == "http" && loopback(address.Hostname()):
		return nil
	case address.Scheme == "http":
		return errors.New("plain http is refused, since anyone on the way could change the data; use https://")
	default:
		return fmt.Errorf("the scheme %q is not supported; use https://", address.Scheme)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// shown is an address as messages show it: without user name, password, query and
// fragment, each of which may hold a secret.
func shown(spec string) string {
	spec, _, _ = strings.Cut(spec, "#")
	spec, _, _ = strings.Cut(spec, "?")
	scheme, rest, found := strings.Cut(spec, "://")
	if !found {
		return spec
	}
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		authority = authority[at+1:]
	}
	if path != "" {
		path = "/" + path
	}
	return scheme + "://" + authority + path
}

// resolveAddress fetches the file of an address, unless the one of the last time
// is still current.
func resolveAddress(ctx context.Context, spec string, options Options) (Found, error) {
	address, err := parseAddress(spec)
	if err != nil {
		return Found{}, err
	}
	f, err := newFetcher(options)
	if err != nil {
		return Found{}, fmt.Errorf("data set %s: %w", shown(spec), err)
	}
	defer f.close()
	known, err := f.cache.readEntry(address)
	if err != nil {
		return Found{}, fmt.Errorf("data set %s: %w", shown(spec), err)
	}
	current, err := f.refresh(ctx, address, known)
	var found Found
	if err != nil && known != nil && errors.As(err, new(unreachableError)) && ctx.Err() == nil {
		found.Warnings = append(found.Warnings, fmt.Sprintf("%s: %v; the copy fetched earlier is used", shown(spec), err))
		current, err = known, nil
	}
	if err != nil {
		return Found{}, fmt.Errorf("data set %s: %w", shown(spec), err)
	}
	file, err := f.cache.file(current, shown(spec))
	if err != nil {
		return Found{}, err
	}
	found.Files = []File{file}
	return found, nil
}

// refresh asks for the file of an address. known is what the cache has of it, or
// nil.
func (f *fetcher) refresh(ctx context.Context, address *url.URL, known *entry) (*entry, error) {
	header := http.Header{}
	if known != nil {
		if known.ETag != "" {
			header.Set("If-None-Match", known.ETag)
		}
		if known.LastModified != "" {
			header.Set("If-Modified-Since", known.LastModified)
		}
	}
	var current *entry
	err := f.request(ctx, address, header, func(response *http.Response) error {
		if response.StatusCode == http.StatusNotModified && known != nil {
			current = known
			return nil
		}
		if response.StatusCode != http.StatusOK {
			return statusError(response)
		}
		var err error
		current, err = f.keep(response, address)
		return err
	})
	return current, err
}

// keep writes a response's content into the cache, and then the entry that leads
// to it.
func (f *fetcher) keep(response *http.Response, address *url.URL) (*entry, error) {
	current, err := describeResponse(response, address)
	if err != nil {
		return nil, err
	}
	written, err := f.write(response, response.ContentLength)
	if err != nil {
		return nil, err
	}
	current.Digest, current.Size = written.sha256, written.size
	if err := written.moveTo(f.cache.content(current)); err != nil {
		return nil, err
	}
	return current, f.cache.writeEntry(address, current)
}

// describeResponse tells the form of what a server sends: by the name in the
// address, then by the name that the server gives, then by its media type.
func describeResponse(response *http.Response, address *url.URL) (*entry, error) {
	contentType := response.Header.Get("Content-Type")
	if strings.HasPrefix(contentType, "text/html") {
		return nil, errors.New("the server sent a web page, not data; give the address of the file itself (on code hosts, the one called raw)")
	}
	e := &entry{ETag: response.Header.Get("ETag"), LastModified: response.Header.Get("Last-Modified")}
	names := []string{address.Path, nameInDisposition(response), response.Request.URL.Path}
	var err error
	for _, name := range names {
		if e.Format, e.Compression, err = formatOf(name); err == nil {
			break
		}
	}
	if err != nil {
		format, known := formatOfMedia(contentType)
		if !known {
			return nil, fmt.Errorf("neither the name nor the media type %q tells the form of the data; accepted extensions: %s", contentType, accepted)
		}
		e.Format, e.Compression = format, Plain
	}
	switch encoding := response.Header.Get("Content-Encoding"); {
	case encoding == "" || encoding == "identity":
	case encoding == "gzip" && e.Format != Parquet && e.Compression != Zstandard:
		e.Compression = Gzip // the server keeps it compressed though it was not asked to
	default:
		return nil, fmt.Errorf("the server sent the data in the encoding %q, which is not supported", encoding)
	}
	return e, nil
}
