package data

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// samplesOf makes samples of the given lengths; each token tells its sample and
// position, and every third is a target.
func samplesOf(lengths ...int) []Sample {
	samples := make([]Sample, len(lengths))
	for i, length := range lengths {
		for j := range length {
			samples[i].Tokens = append(samples[i].Tokens, int32(1000*(i+1)+j))
			samples[i].Target = append(samples[i].Target, j > 0 && (i+j)%3 == 0)
		}
	}
	return samples
}

func TestPackByHand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lengths []int
		size    int
		want    [][]int
	}{
		{nil, 8, nil},
		{[]int{3, 8, 5, 2, 6}, 8, [][]int{{1}, {4, 3}, {2, 0}}}, // 8 | 6+2 | 5+3
		{[]int{4, 4, 4}, 8, [][]int{{0, 1}, {2}}},
		{[]int{5, 4, 3, 2}, 10, [][]int{{0, 1}, {2, 3}}}, // 3 does not fit beside 5+4
		{[]int{7, 6, 3, 4}, 10, [][]int{{0, 2}, {1, 3}}}, // best fit, not first: 4 goes to 6, 3 to 7
		{[]int{1, 1}, 1, [][]int{{0}, {1}}},
	} {
		if got := Pack(samplesOf(c.lengths...), c.size); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v in %d: got %v, want %v", c.lengths, c.size, got, c.want)
		}
	}
}

// TestPackProperties checks against a plain search for the best fit, which also
// shows that no block is too full and every sample is in exactly one.
func TestPackProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 70).Draw(t, "size")
		lengths := rapid.SliceOfN(rapid.IntRange(1, size), 0, 60).Draw(t, "lengths")
		blocks := Pack(samplesOf(lengths...), size)
		var seen []int
		var rooms []int
		for _, block := range blocks {
			used := 0
			for _, i := range block {
				used += lengths[i]
				seen = append(seen, i)
			}
			if used > size {
				t.Fatalf("block %v has %d tokens of %d", block, used, size)
			}
			rooms = append(rooms, size-used)
		}
		slices.Sort(seen)
		for i, index := range seen {
			if i != index {
				t.Fatalf("samples in blocks: %v", seen)
			}
		}
		if len(seen) != len(lengths) {
			t.Fatalf("%d of %d samples are in blocks", len(seen), len(lengths))
		}
		want := plainBestFit(lengths, size)
		slices.Sort(rooms)
		slices.Sort(want)
		if !slices.Equal(rooms, want) {
			t.Fatalf("room left is %v, best fit leaves %v", rooms, want)
		}
	})
}

// plainBestFit returns the room left in each block after best fit decreasing.
func plainBestFit(lengths []int, size int) []int {
	sorted := slices.Clone(lengths)
	slices.Sort(sorted)
	slices.Reverse(sorted)
	var rooms []int
	for _, need := range sorted {
		best := -1
		for i, room := range rooms {
			if room >= need && (best < 0 || room < rooms[best]) {
				best = i
			}
		}
		if best < 0 {
			rooms = append(rooms, size)
			best = len(rooms) - 1
		}
		rooms[best] -= need
	}
	return rooms
}

func TestPackRefusesOverlong(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Pack(samplesOf(9), 8)
}

func TestAssembleByHand(t *testing.T) {
	t.Parallel()
	samples := []Sample{
		{Tokens: []int32{10, 11, 12}, Target: []bool{false, true, true}},
		{Tokens: []int32{20, 21}, Target: []bool{false, true}},
		{Tokens: []int32{30, 31}, Target: []bool{false, false}},
	}
	got, err := Assemble(samples, [][]int{{1, 0}, {2}}, 3, 6)
	want := Batch{
		Rows: 3, Length: 6,
		Tokens:      []int32{20, 21, 10, 11, 12, 0, 30, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		Positions:   []int32{0, 1, 0, 1, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		Segments:    []int32{1, 1, 2, 2, 2, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		TargetIndex: []int32{0, 2, 3}, TargetLabel: []int32{21, 11, 12}, SampleOf: []int32{1, 0, 0},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("\n got  %+v, %v\n want %+v", got, err, want)
	}
	for name, c := range map[string]struct {
		blocks       [][]int
		rows, length int
	}{"too many blocks": {[][]int{{0}, {1}}, 1, 6}, "too long": {[][]int{{0, 1}}, 1, 4}, "no such sample": {[][]int{{3}}, 1, 6}} {
		if _, err := Assemble(samples, c.blocks, c.rows, c.length); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestAssembleProperties: every target of every sample appears once, and the
// position that predicts it holds the token before it, in the same segment.
func TestAssembleProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40).Draw(t, "size")
		samples := samplesOf(rapid.SliceOfN(rapid.IntRange(1, size), 1, 20).Draw(t, "lengths")...)
		blocks := Pack(samples, size)
		batch, err := Assemble(samples, blocks, len(blocks)+1, size)
		if err != nil {
			t.Fatal(err)
		}
		targets := map[int32]int{}
		for k, index := range batch.TargetIndex {
			label, sample := batch.TargetLabel[k], batch.SampleOf[k]
			position := batch.Positions[index]
			if label != samples[sample].Tokens[position+1] || batch.Tokens[index] != samples[sample].Tokens[position] {
				t.Fatalf("target %d of sample %d is read from position %d", label, sample, position)
			}
			if batch.Tokens[index+1] != label || batch.Segments[index] == 0 || batch.Segments[index] != batch.Segments[index+1] {
				t.Fatalf("target %d does not follow its position in one segment", label)
			}
			targets[label]++
		}
		used, want := 0, 0
		for _, sample := range samples {
			used += len(sample.Tokens)
			for j, target := range sample.Target {
				if target {
					want++
				}
				if target != (targets[sample.Tokens[j]] == 1) {
					t.Fatalf("token %d: target %v, found %d times", sample.Tokens[j], target, targets[sample.Tokens[j]])
				}
			}
		}
		if len(batch.TargetIndex) != want {
			t.Fatalf("%d targets, want %d", len(batch.TargetIndex), want)
		}
		for i, segment := range batch.Segments {
			if segment == 0 && (batch.Tokens[i] != 0 || batch.Positions[i] != 0) {
				t.Fatalf("padding at %d is not zero", i)
			}
			if segment != 0 {
				used--
			}
		}
		if used != 0 {
			t.Fatalf("the batch holds %d tokens too few", used)
		}
	})
}

func TestEpochOrder(t *testing.T) {
	t.Parallel()
	// Worked out apart, from the definition of PCG-DXSM: a checkpoint of one release
	// must resume in the next.
	for _, c := range []struct {
		seed  int64
		epoch int
		want  []int
	}{
		{1, 0, []int{7, 6, 1, 3, 2, 4, 8, 9, 0, 5}},
		{1, 1, []int{2, 5, 8, 3, 4, 1, 7, 6, 0, 9}},
		{-7, 0, []int{3, 0, 5, 2, 9, 4, 7, 8, 6, 1}},
	} {
		if got := EpochOrder(10, c.seed, c.epoch); !slices.Equal(got, c.want) {
			t.Errorf("seed %d, epoch %d: got %#v, want %v", c.seed, c.epoch, got, c.want)
		}
	}
	if got := EpochOrder(0, 1, 0); len(got) != 0 {
		t.Errorf("order of nothing: %v", got)
	}
	first := make([]int, 5)
	for epoch := range 5000 {
		order := EpochOrder(5, 3, epoch)
		first[order[0]]++
		slices.Sort(order)
		if !slices.Equal(order, []int{0, 1, 2, 3, 4}) {
			t.Fatalf("epoch %d is no permutation: %v", epoch, order)
		}
	}
	for i, n := range first { // 1000 expected, standard deviation 28
		if n < 860 || n > 1140 {
			t.Errorf("%d comes first in %d of 5000 epochs", i, n)
		}
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lengths             []int
		blockSize, multiple int
		want                []int
	}{
		{nil, 512, 64, nil},
		{[]int{1, 64}, 512, 64, []int{64}},
		{[]int{1, 65, 500}, 500, 64, []int{64, 128, 500}},
		{[]int{100}, 96, 64, []int{96}},
		{[]int{10, 70, 130, 200, 260}, 512, 64, []int{128, 192, 256, 320}}, // five lengths, equal cost: any one merge
		{append(slices.Repeat([]int{60}, 100), 70, 130, 200, 260), 512, 64, []int{64, 192, 256, 320}},
	} {
		if got := Buckets(c.lengths, c.blockSize, c.multiple); !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.lengths, got, c.want)
		}
	}
}

// TestBucketsAreBest compares the padding with that of every other choice.
func TestBucketsAreBest(t *testing.T) {
	t.Parallel()
	const multiple, blockSize = 8, 60
	generator := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		lengths := make([]int, 1+generator.IntN(12))
		for i := range lengths {
			lengths[i] = 1 + generator.IntN(blockSize)
		}
		buckets := Buckets(lengths, blockSize, multiple)
		if len(buckets) > 4 || !slices.IsSorted(buckets) {
			t.Fatalf("buckets %v", buckets)
		}
		got, ok := paddedTotal(lengths, buckets)
		if !ok {
			t.Fatalf("buckets %v do not hold %v", buckets, lengths)
		}
		for choice := range 1 << 8 { // every set of the lengths 8, 16, … 56, 60
			var other []int
			for bit := range 8 {
				if choice>>bit&1 == 1 {
					other = append(other, min(8*(bit+1), blockSize))
				}
			}
			if total, ok := paddedTotal(lengths, other); ok && len(other) <= 4 && total < got {
				t.Fatalf("%v: buckets %v pad to %d, but %v to %d", lengths, buckets, got, other, total)
			}
		}
	}
}

func paddedTotal(lengths, buckets []int) (total int, ok bool) {
	for _, length := range lengths {
		at, _ := slices.BinarySearch(buckets, length)
		if at == len(buckets) {
			return 0, false
		}
		total += buckets[at]
	}
	return total, true
}
