package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// attempts is how often a request is sent that fails for a reason that may pass.
	attempts = 3
	// maximumRedirects is what a content host and its front need, and some.
	maximumRedirects = 5
	// answerWithin bounds the wait for a response to begin, and stalledAfter that
	// for its next byte.
	answerWithin = 60 * time.Second
	stalledAfter = 60 * time.Second
)

// fetcher sends requests and keeps what they bring.
type fetcher struct {
	client      *http.Client
	cache       cache
	maximumSize int64
	arrival     arrival
	pause       time.Duration // before the second attempt; the third waits twice as long
	stall       time.Duration
	owned       bool // the client is ours to close
}

func newFetcher(options Options) (*fetcher, error) {
	if options.CacheDir == "" {
		return nil, errors.New("it is not on this machine, and no cache directory is given to fetch it into")
	}
	f := &fetcher{
		client: options.Client, cache: cache{options.CacheDir}, maximumSize: cmp.Or(options.MaximumSize, DefaultMaximumSize), arrival: arrival{tell: options.Progress},
		pause: cmp.Or(options.pause, time.Second), stall: cmp.Or(options.stall, stalledAfter),
	}
	if f.client == nil {
		f.client, f.owned = newClient(), true
	}
	return f, os.MkdirAll(options.CacheDir, 0o700)
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // files are kept as they are sent
	transport.ResponseHeaderTimeout = answerWithin
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}

// write copies a response, of which so many bytes are expected, into the cache.
func (f *fetcher) write(response *http.Response, expected int64) (written, error) {
	response.Body = f.arrival.watch(response.Body, expected)
	return f.cache.write(f.cache.files(), response, expected, f.maximumSize)
}

func (f *fetcher) close() {
	if f.owned {
		f.client.CloseIdleConnections()
	}
}

// checkRedirect bounds redirects, keeps them off unencrypted hosts and from
// carrying the token to another host, and does not let a server of the network
// point at one on this machine.
func checkRedirect(request *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maximumRedirects:
		return redirectError{fmt.Errorf("there are more than %d redirects", maximumRedirects)}
	case allowed(request.URL) != nil:
		return redirectError{fmt.Errorf("the server redirects to %s: %w", shown(request.URL.String()), allowed(request.URL))}
	case loopback(request.URL.Hostname()) && !loopback(first.Hostname()):
		return redirectError{errors.New("the server redirects to this machine")}
	case request.URL.Host != first.Host:
		request.Header.Del("Authorization")
	}
	return nil
}

// redirectError is a redirect that is not followed.
type redirectError struct{ error }

// unreachableError is a failure that may be none the next time: no connection, a
// busy server, a transfer that broke off.
type unreachableError struct{ error }

func (e unreachableError) Unwrap() error { return e.error }

// request sends a request until it gets a response that use can do with, or fails
// for good. use must not keep the body.
func (f *fetcher) request(ctx context.Context, address *url.URL, header http.Header, use func(*http.Response) error) error {
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(f.pause << (attempt - 1)):
			}
		}
		err = f.once(ctx, address, header, use)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.As(err, new(unreachableError)) {
			return err
		}
	}
	return err
}

func (f *fetcher) once(ctx context.Context, address *url.URL, header http.Header, use func(*http.Response) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return fmt.Errorf("the address is not valid: %w", withoutAddress(err))
	}
	request.Header = header.Clone()
	request.Header.Set("User-Agent", "scu")
	request.Header.Set("Accept-Encoding", "identity")
	response, err := f.client.Do(request)
	if err != nil && errors.As(err, new(redirectError)) {
		return withoutAddress(err)
	}
	if err != nil {
		return unreachableError{fmt.Errorf("the server cannot be reached: %w", withoutAddress(err))}
	}
	defer response.Body.Close() // read only
	body := &stallReader{body: response.Body, wait: f.stall, cancel: cancel}
	response.Body = body
	err = use(response)
	if err != nil && body.failed {
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		return unreachableError{err}
	}
	return err
}

// withoutAddress drops the address that net/http puts into its errors.
func withoutAddress(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		return urlError.Err
	}
	return err
}

var errStalled = errors.New("the server stopped sending")

// stallReader cancels a transfer that stands still.
type stallReader struct {
	body   io.ReadCloser
	wait   time.Duration
	cancel context.CancelCauseFunc
	failed bool // with something other than the end
}

func (s *stallReader) Read(into []byte) (int, error) {
	timer := time.AfterFunc(s.wait, func() { s.cancel(errStalled) })
	defer timer.Stop()
	n, err := s.body.Read(into)
	s.failed = s.failed || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

func (s *stallReader) Close() error { return s.body.Close() }

// statusError words a response that is not the file.
func statusError(response *http.Response) error {
	err := fmt.Errorf("the server answered %s", response.Status)
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests || code >= 500:
		return unreachableError{err}
	case code == http.StatusNotFound || code == http.StatusGone:
		return fmt.Errorf("%w; check the address", err)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%w: it is not open to everyone", err)
	default:
		return err
	}
}

// nameInDisposition is the file name that a server gives, or "".
func nameInDisposition(response *http.Response) string {
	_, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return parameters["filename"]
}
