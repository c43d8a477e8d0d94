package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEverySafetensorsDtypeReadsAsThePythonLibraryDoes(t *testing.T) {
	t.Parallel()
	file := openExpected(t, "dtypes.safetensors")
	expected := openExpected(t, "dtypes.expected.safetensors")
	names := file.Names()
	if got := strings.Join(names, " "); got != "bf16 empty f16 f32 f64 scalar" {
		t.Fatalf("names are %q", got)
	}
	for _, name := range names {
		requireSameTensor(t, file, expected, name)
	}
	if _, err := file.Float32("nothing", nil); err == nil || !strings.Contains(err.Error(), "no tensor \"nothing\"") {
		t.Errorf("an unknown name gives %v", err)
	}
}

var writerTensors = []Tensor{
	{Name: "b.weight", Shape: []int{2, 3}, Data: []float32{0, 1. / 3, 2. / 3, 1, 4. / 3, 5. / 3}},
	{Name: "c", Shape: []int{0, 2}},
	{Name: "a.weight", Shape: []int{1}, Data: []float32{-1.5}},
}

func TestWriterGivesThePythonLibrarysBytes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "written.safetensors")
	if err := WriteSafetensors(path, writerTensors, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "written.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWriterRefusesBadTensorsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, tensors := range map[string][]Tensor{
		"has 3 values":          {{Name: "x", Shape: []int{2, 2}, Data: make([]float32, 3)}},
		"used twice":            {{Name: "x", Shape: []int{}, Data: []float32{1}}, {Name: "x", Data: []float32{1}}},
		"empty, reserved":       {{Name: "", Data: []float32{1}}},
		"reserved or used":      {{Name: metadataKey, Data: []float32{1}}},
		"a negative dimension":  {{Name: "x", Shape: []int{-1}}},
		"[4294967296 429496729": {{Name: "x", Shape: []int{1 << 32, 1 << 32}}},
	} {
		directory := t.TempDir()
		err := WriteSafetensors(filepath.Join(directory, "x.safetensors"), tensors, nil)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
		requireEmptyDirectory(t, directory)
	}
}

func TestWriteIntoAMissingDirectoryFails(t *testing.T) {
	t.Parallel()
	err := WriteSafetensors(filepath.Join(t.TempDir(), "missing", "x"), writerTensors, nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want one that says the directory does not exist", err)
	}
}

func requireEmptyDirectory(t *testing.T, directory string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("%s was left behind", entry.Name())
	}
}

// safetensorsBytes puts a file together from a header's text and the data after it.
func safetensorsBytes(header string, data int) []byte {
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	file = append(file, header...)
	return append(file, make([]byte, data)...)
}

func TestDamagedSafetensorsAreRefused(t *testing.T) {
	t.Parallel()
	const x = `"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "empty or truncated; download it again"},
		{"seven bytes", make([]byte, 7), "the file has 7 bytes"},
		{"not safetensors", []byte("<!DOCTYPE html><html>"), "not a safetensors file"},
		{"header cut", safetensorsBytes("{"+x+"}", 8)[:20], "truncated: the header ends at byte 62, but the file has 20; download"},
		{"data cut", safetensorsBytes("{"+x+"}", 7), "truncated: the tensors take 8 bytes, but the file has 7"},
		{"data left", safetensorsBytes("{"+x+"}", 9), "1 bytes after the last tensor"},
		{"no object", safetensorsBytes("[]", 0), "does not begin with a JSON object"},
		{"unfinished object", safetensorsBytes("{"+x, 8), "the JSON object does not end"},
		{"two objects", safetensorsBytes("{"+x+"}{}", 8), "something after the JSON object"},
		{"duplicate", safetensorsBytes("{"+x+","+x+"}", 8), `"x" occurs twice`},
		{"dtype that is not read", safetensorsBytes(`{"x":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, 8), `tensor "x": the dtype "I64" is not supported; supported: F32`},
		{"unknown dtype", safetensorsBytes(`{"x":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1), `tensor "x": the dtype "F4" is not supported; supported: F32`},
		{"size", safetensorsBytes(`{"x":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}`, 8), "takes 4 bytes, but data_offsets give it 8"},
		{"backwards", safetensorsBytes(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), "want a begin and an end"},
		{"negative", safetensorsBytes(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "want a begin and an end"},
		{"no offsets", safetensorsBytes(`{"x":{"dtype":"F32","shape":[2]}}`, 8), "want a begin and an end"},
		{"no shape", safetensorsBytes(`{"x":{"dtype":"F32","data_offsets":[0,4]}}`, 4), "it has no shape"},
		{"negative shape", safetensorsBytes(`{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), "negative dimension"},
		{"huge shape", safetensorsBytes(`{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}`, 8), "too large"},
		{"overlap", safetensorsBytes("{"+x+`,"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), `"y" overlaps`},
		{"gap", safetensorsBytes("{"+x+`,"y":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16), "gap of 4 bytes before tensor \"y\""},
		{"metadata", safetensorsBytes(`{"__metadata__":{"a":1}}`, 0), metadataKey},
	} {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if err := os.WriteFile(path, test.file, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := OpenSafetensors(path)
		if err == nil {
			file.Close()
			t.Errorf("%s: opened", test.name)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error with %q and the path", test.name, err, test.want)
		}
	}
}

func TestOpenSafetensorsRefusesADirectory(t *testing.T) {
	t.Parallel()
	if _, err := OpenSafetensors(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}

func FuzzSafetensorsHeader(f *testing.F) {
	valid, err := os.ReadFile(filepath.Join("testdata", "dtypes.safetensors"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add(safetensorsBytes(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(safetensorsBytes(`{"x":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}}`, 0))
	f.Fuzz(func(t *testing.T, file []byte) {
		header, err := readSafetensorsHeader(bytes.NewReader(file), int64(len(file)), "fuzz")
		if err != nil {
			return
		}
		requireReadable(t, header.tensors, len(file))
	})
}

// requireReadable reads every tensor of a header that was accepted: acceptance promises that its bytes are there.
func requireReadable(t *testing.T, tensors []storedTensor, fileSize int) {
	t.Helper()
	for _, tensor := range tensors {
		if tensor.encoding.decode == nil {
			continue
		}
		values, err := tensor.float32s(nil)
		if err != nil {
			t.Errorf("tensor %q: %v", tensor.name, err)
		}
		if len(values) > 2*fileSize { // the densest format has 4.5 bits a value
			t.Errorf("tensor %q has %d values in a file of %d bytes", tensor.name, len(values), fileSize)
		}
	}
}
