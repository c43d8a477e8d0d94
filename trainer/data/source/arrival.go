package source

import "io"

// arrival tells how many bytes of what is fetched have arrived. A transfer that is begun again is told from its start.
type arrival struct {
	tell   func(done, total int64) // nil tells nobody
	before int64                   // bytes of files that are here already
	total  int64                   // bytes of all files; 0 where only the server knows
}

// watch counts what is read of the body of one file, of which so many bytes are expected; not above 0 is not known.
func (a arrival) watch(body io.ReadCloser, expected int64) io.ReadCloser {
	if a.total == 0 {
		a.total = expected
	}
	if a.tell == nil || a.total <= 0 {
		return body
	}
	return &watchedBody{ReadCloser: body, arrival: a}
}

type watchedBody struct {
	io.ReadCloser
	arrival
	read int64
}

func (w *watchedBody) Read(into []byte) (int, error) {
	n, err := w.ReadCloser.Read(into)
	if n > 0 {
		w.read += int64(n)
		w.tell(w.before+w.read, max(w.total, w.before+w.read))
	}
	return n, err
}
