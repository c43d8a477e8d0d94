package powercut

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func write(offset int64, text string) operation {
	return operation{kind: opWrite, offset: offset, data: []byte(text)}
}

func TestWhatSurvives(t *testing.T) {
	t.Parallel()
	create, unlink := operation{kind: opCreate}, operation{kind: opUnlink}
	old := disk{there: true, content: []byte("old")}
	cases := map[string]struct {
		disk       disk
		operations []operation
		loss       Loss
		want       disk
	}{
		"nothing was pending":         {old, nil, LoseAll, old},
		"a write is lost":             {old, []operation{write(0, "new")}, LoseAll, old},
		"a write is kept":             {old, []operation{write(1, "new")}, LoseNone, disk{true, []byte("onew")}},
		"a write beyond the end":      {old, []operation{write(4, "x")}, LoseNone, disk{true, []byte("old\x00x")}},
		"a truncation is kept":        {old, []operation{{kind: opTruncate, size: 1}}, LoseNone, disk{true, []byte("o")}},
		"a truncation is lost":        {old, []operation{{kind: opTruncate, size: 1}}, LoseAll, old},
		"a file that was made is not": {disk{}, []operation{create, write(0, "x")}, LoseAll, disk{}},
		"a file that was made is":     {disk{}, []operation{create, write(0, "x")}, LoseNone, disk{true, []byte("x")}},
		"a removal is lost":           {old, []operation{unlink, create, write(0, "new")}, LoseAll, old},
		"a removal is kept":           {old, []operation{unlink}, LoseNone, disk{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lost := 0
			got := survive(c.disk, c.operations, rand.New(rand.NewPCG(1, 2)), c.loss, &lost)
			if got.there != c.want.there || !bytes.Equal(got.content, c.want.content) {
				t.Errorf("got %v %q, want %v %q", got.there, got.content, c.want.there, c.want.content)
			}
		})
	}
}

// TestPartsOfAWriteSurvive expects each sector, of the first write or the second or neither, and nothing in between.
func TestPartsOfAWriteSurvive(t *testing.T) {
	t.Parallel()
	const count = 64
	fill := func(b byte) operation {
		return operation{kind: opWrite, data: bytes.Repeat([]byte{b}, count*sectorBytes)}
	}
	lost := 0
	got := survive(disk{there: true, content: bytes.Repeat([]byte{'0'}, count*sectorBytes)}, []operation{fill('1'), fill('2')},
		rand.New(rand.NewPCG(3, 4)), LosePart, &lost)
	seen := map[byte]int{}
	for sector := range count {
		content := got.content[sector*sectorBytes : (sector+1)*sectorBytes]
		if !bytes.Equal(content, bytes.Repeat(content[:1], sectorBytes)) {
			t.Fatalf("sector %d is torn", sector)
		}
		seen[content[0]]++
	}
	if seen['0'] == 0 || seen['1'] == 0 || seen['2'] == 0 || lost == 0 || lost == 2*count*sectorBytes {
		t.Errorf("sectors by their content: %v; %d bytes lost", seen, lost)
	}
}

func encode(kind, offset, length uint64, data string) []byte {
	var log []byte
	for _, value := range []uint64{kind, offset, length} {
		log = binary.NativeEndian.AppendUint64(log, value)
	}
	return append(log, data...)
}

func TestALogThatAKillHasCutIsReadUpToThere(t *testing.T) {
	t.Parallel()
	whole := append(encode(opWrite, 7, 3, "abc"), encode(opTruncate, 0, 9, "")...)
	for name, tail := range map[string][]byte{
		"nothing": nil, "a part of a header": encode(opWrite, 0, 1, "")[:10], "a part of the data": encode(opWrite, 0, 5, "ab"),
	} {
		operations, err := parsePending(append(bytes.Clone(whole), tail...))
		if err != nil || len(operations) != 2 || string(operations[0].data) != "abc" || operations[1].size != 9 {
			t.Errorf("%s: %v, %v", name, operations, err)
		}
	}
	if _, err := parsePending(encode(99, 0, 0, "")); err == nil {
		t.Error("an unknown operation was accepted")
	}
}

func FuzzParsePending(f *testing.F) {
	f.Add(encode(opWrite, 7, 3, "abc"))
	f.Add(append(encode(opUnlink, 0, 0, ""), encode(opCreate, 0, 0, "")...))
	f.Add(encode(opTruncate, 0, 1<<63, ""))
	f.Fuzz(func(t *testing.T, log []byte) {
		operations, err := parsePending(log)
		if err != nil {
			return
		}
		bytes := 0
		for _, op := range operations {
			bytes += headerBytes + len(op.data)
			if op.offset < 0 || op.size < 0 {
				t.Errorf("%+v", op)
			}
		}
		if bytes > len(log) {
			t.Errorf("%d bytes were made of %d", bytes, len(log))
		}
	})
}
