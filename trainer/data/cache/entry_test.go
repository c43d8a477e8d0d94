package cache

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"testing"
	"time"

	"github.com/shannon-labs/scu/trainer/data"
)

func encoded(t testing.TB, entry *Entry) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := writeEntry(&out, entry); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withChecksum puts the right checksum under changed bytes, so that what is behind
// the checksum is tested too.
func withChecksum(content []byte) []byte {
	body := content[:len(content)-checksumSize]
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

// TestLyingEntries have a right checksum over columns that contradict each other.
func TestLyingEntries(t *testing.T) {
	t.Parallel()
	content := encoded(t, &Entry{Train: Part{Samples: []data.Sample{{Tokens: []int32{1, 2}, Target: []bool{false, true}}}}})
	columns := len(content) - checksumSize - (perSample + 2*4 + 1)
	for name, at := range map[string]int{"a longer sample": columns, "no such file": columns + 4} {
		changed := bytes.Clone(content)
		changed[at]++
		if _, err := parseEntry(bytes.NewReader(withChecksum(changed)), int64(len(changed))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	changed := bytes.Clone(content)
	changed[columns]-- // a shorter sample
	if _, err := parseEntry(bytes.NewReader(withChecksum(changed)), int64(len(changed))); err == nil {
		t.Error("a shorter sample: no error")
	}
}

// FuzzParseEntry: no bytes make it panic, and those that it takes say the same when
// they are written and read again.
func FuzzParseEntry(f *testing.F) {
	for _, entry := range []*Entry{{}, entryFor("x", 20), entryFor("y", 3)} {
		f.Add(encoded(f, entry))
	}
	f.Add([]byte(magic + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) >= checksumSize {
			content = withChecksum(content)
		}
		entry, err := parseEntry(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		again := encoded(t, entry)
		second, err := parseEntry(bytes.NewReader(again), int64(len(again)))
		if err != nil || !reflect.DeepEqual(entry, second) {
			t.Errorf("%+v became %+v, %v", entry, second, err)
		}
	})
}

// BenchmarkParseEntry loads 100 million tokens in samples of 400.
func BenchmarkParseEntry(b *testing.B) {
	const samples, length = 250_000, 400
	entry := &Entry{}
	for i := range samples {
		sample := data.Sample{Row: i, File: "a.jsonl", Number: i, Tokens: make([]int32, length), Target: make([]bool, length)}
		for t := range length {
			sample.Tokens[t], sample.Target[t] = int32(i*length+t)%50_000, t > length/2
		}
		entry.Train.Samples = append(entry.Train.Samples, sample)
	}
	began := time.Now()
	content := encoded(b, entry)
	b.ReportMetric(time.Since(began).Seconds(), "s-to-write")
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		if _, err := parseEntry(bytes.NewReader(content), int64(len(content))); err != nil {
			b.Fatal(err)
		}
	}
}
