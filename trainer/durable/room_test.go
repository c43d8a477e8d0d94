package durable

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWithRoom(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		free    int64
		failure error // of writing
		written bool
		want    error // that the result is
		full    bool
	}{
		"room":                {SpareBytes + 10, nil, true, nil, false},
		"a byte too little":   {SpareBytes + 9, nil, false, unix.ENOSPC, true},
		"full in the middle":  {SpareBytes + 10, fmt.Errorf("write x: %w", unix.ENOSPC), true, unix.ENOSPC, true},
		"quota in the middle": {SpareBytes + 10, unix.EDQUOT, true, unix.EDQUOT, true},
		"another failure":     {SpareBytes + 10, refused, true, refused, false},
	} {
		written := false
		err := WithRoom("/where", 10, func(string) (int64, error) { return c.free, nil }, func() error {
			written = true
			return c.failure
		})
		if written != c.written || !errors.Is(err, c.want) || IsFull(err) != c.full {
			t.Errorf("%s: written %v, %v", name, written, err)
		}
		var noRoom *NoRoomError
		if errors.As(err, &noRoom) != c.full {
			t.Errorf("%s: %v", name, err)
		} else if c.full && (*noRoom != NoRoomError{"/where", SpareBytes + 10, c.free} || !strings.Contains(err.Error(), "/where has 67.1 MB free")) {
			t.Errorf("%s: %+v, %v", name, noRoom, err)
		}
	}
}

func TestFreeBytes(t *testing.T) {
	t.Parallel()
	if free, err := FreeBytes(t.TempDir()); err != nil || free <= 0 {
		t.Errorf("%d, %v", free, err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := FreeBytes(missing); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), missing) {
		t.Errorf("what is not there: %v", err)
	}
}
