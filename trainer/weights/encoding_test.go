package weights

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Every binary16 value against its definition: (-1)^s · 2^(e−15) · 1.f, or 2^-14 · 0.f when e is 0.
func TestHalfToFloat32IsExactForEveryValue(t *testing.T) {
	t.Parallel()
	for bits := range 1 << 16 {
		exponent, fraction := bits>>10&31, bits&1023
		var want float64
		switch exponent {
		case 31:
			want = math.Inf(1)
			if fraction != 0 {
				want = math.NaN()
			}
		case 0:
			want = math.Ldexp(float64(fraction), -24)
		default:
			want = math.Ldexp(float64(1024+fraction), exponent-25)
		}
		if bits>>15 == 1 {
			want = math.Copysign(want, -1)
		}
		got := halfToFloat32(uint16(bits))
		same := math.Float32bits(got) == math.Float32bits(float32(want))
		if math.IsNaN(want) {
			same = math.IsNaN(float64(got))
		}
		if !same {
			t.Fatalf("%#04x is %g, want %g", bits, got, want)
		}
	}
}

func TestEveryGGUFTypeDecodesAsThePythonLibraryDoes(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "types.gguf")
	file, size, err := openRegular(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	header, err := readGGUFHeader(file, size, path)
	if err != nil {
		t.Fatal(err)
	}
	expected := openExpected(t, "types.expected.safetensors")
	if len(header.tensors) != len(ggufEncodings) {
		t.Fatalf("the file covers %d types, want all %d", len(header.tensors), len(ggufEncodings))
	}
	for _, tensor := range header.tensors {
		want, err := expected.Float32(tensor.name, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensor.float32s(nil)
		if err != nil {
			t.Fatal(err)
		}
		if tensor.encoding.name != tensor.name {
			t.Errorf("%s was read as %s", tensor.name, tensor.encoding.name)
		}
		requireSameBits(t, tensor.name, got, want)
	}
}

// A tensor above the threshold is decoded by two goroutines in several chunks; the result must be that of one pass.
func TestLargeTensorIsReadInParallelWithoutSeams(t *testing.T) {
	t.Parallel()
	const rows, width = 1001, 257 // odd, so that halves and chunks do not divide evenly
	data := make([]float32, rows*width)
	for i := range data {
		data[i] = float32(i)
	}
	path := filepath.Join(t.TempDir(), "large.safetensors")
	if err := WriteSafetensors(path, []Tensor{{Name: "x", Shape: []int{rows, width}, Data: data}}, nil); err != nil {
		t.Fatal(err)
	}
	file, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	buffer := make([]float32, 0, rows*width)
	got, err := file.Float32("x", buffer)
	if err != nil {
		t.Fatal(err)
	}
	requireSameBits(t, "x", got, data)
	if &got[0] != &buffer[:1][0] {
		t.Error("a destination with enough capacity was not used")
	}
}

// A file that shrinks after it was opened must give an error and not a partial tensor.
func TestReadOfAFileThatShrankFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.safetensors")
	data := make([]float32, 1<<17)
	if err := WriteSafetensors(path, []Tensor{{Name: "x", Shape: []int{512, 256}, Data: data}}, nil); err != nil {
		t.Fatal(err)
	}
	file, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if values, err := file.Float32("x", nil); err == nil {
		t.Errorf("got %d values and no error", len(values))
	}
}
