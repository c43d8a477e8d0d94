package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestGGUFMetadataOfEveryValueType(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	builder := new(ggufBuilder).
		pair("uint8", ggufUint8, []byte{200}).
		pair("int8", ggufInt8, []byte{0xff}).
		pair("uint16", ggufUint16, le.AppendUint16(nil, 65535)).
		pair("int16", ggufInt16, le.AppendUint16(nil, 0xfffe)).
		uint32("uint32", 1<<31).
		pair("int32", ggufInt32, le.AppendUint32(nil, 0xfffffffd)).
		float32("float32", 0.1).
		pair("bool", ggufBool, []byte{1}).
		text("string", "é").
		pair("uint64", ggufUint64, le.AppendUint64(nil, 1<<63)).
		pair("int64", ggufInt64, le.AppendUint64(nil, 1<<64-4)).
		pair("float64", ggufFloat64, le.AppendUint64(nil, 0x3ff8000000000000)).
		array("strings", ggufString, 2, appendGGUFText(appendGGUFText(nil, "a"), "")).
		array("int32s", ggufInt32, 2, []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	file := builder.bytes()
	header, err := readGGUFHeader(bytes.NewReader(file), int64(len(file)), "test")
	if err != nil {
		t.Fatal(err)
	}
	want := ggufMetadata{
		"uint8": uint64(200), "int8": int64(-1), "uint16": uint64(65535), "int16": int64(-2), "uint32": uint64(1 << 31),
		"int32": int64(-3), "float32": 0.1, "bool": true, "string": "é", "uint64": uint64(1 << 63), "int64": int64(-4),
		"float64": 1.5, "strings": []string{"a", ""},
		"int32s": ggufNumbers{ggufInt32, 2, []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}},
	}
	if !reflect.DeepEqual(header.metadata, want) {
		t.Errorf("got  %#v\nwant %#v", header.metadata, want)
	}
	numbers, present, err := header.metadata.int32s("int32s")
	if !present || err != nil || !reflect.DeepEqual(numbers, []int32{1, -1}) {
		t.Errorf("int32s: %v %v %v", numbers, present, err)
	}
}

func TestDamagedGGUFIsRefused(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	whole := llamaGGUF().bytes()
	withVersion := func(version uint32) []byte {
		file := bytes.Clone(whole)
		le.PutUint32(file[4:], version)
		return file
	}
	withCount := func(position int) []byte {
		file := bytes.Clone(whole)
		le.PutUint64(file[position:], 1<<62)
		return file
	}
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "not a GGUF file"},
		{"another format", []byte("PK\x03\x04 and more"), "not a GGUF file"},
		{"version 1", withVersion(1), "the GGUF version 1 is not supported; supported: 2, 3"},
		{"big-endian", withVersion(3 << 24), "big-endian"},
		{"only the magic", whole[:4], "truncated: the file ends inside its GGUF header; download it again"},
		{"cut in the metadata", whole[:100], "truncated: the file ends inside"},
		{"cut in the data", whole[:len(whole)-1], fmt.Sprintf("truncated: expected %d bytes, but the file has %d; download it again", len(whole), len(whole)-1)},
		{"hostile tensor count", withCount(8), `tensor "" occurs twice`},
		{"hostile pair count", withCount(16), "of 4611686018427387904"},
		{"hostile string", new(ggufBuilder).pair("x", ggufString, le.AppendUint64(nil, 1<<60)).bytes(), "truncated"},
		{"hostile array", new(ggufBuilder).array("x", ggufFloat64, 1<<61, nil).bytes(), "truncated"},
		{"hostile strings", new(ggufBuilder).array("x", ggufString, 1<<61, nil).bytes(), "truncated"},
		{"array of arrays", new(ggufBuilder).array("x", ggufArray, 1, make([]byte, 12)).bytes(), "arrays of value type 9"},
		{"unknown value type", new(ggufBuilder).pair("x", 13, make([]byte, 8)).bytes(), `metadata "x": the value type 13 is unknown`},
		{"duplicate key", new(ggufBuilder).uint32("x", 1).uint32("x", 1).bytes(), `metadata "x" occurs twice`},
		{"alignment", new(ggufBuilder).uint32("general.alignment", 24).bytes(), "want a power of two"},
		{"duplicate tensor", new(ggufBuilder).tensor("x", 8).tensor("x", 8).bytes(), `tensor "x" occurs twice`},
		{"dimensions", new(ggufBuilder).tensor("x", 1, 1, 1, 1, 1).bytes(), "5 dimensions, more than 4"},
		{"huge dimension", new(ggufBuilder).info("x", 0, 0, 1<<40).bytes(), "too large"},
		{"huge shape", new(ggufBuilder).info("x", 0, 0, 1<<31-1, 1<<31-1, 1<<31-1).bytes(), "too large"},
		{"unsupported type", new(ggufBuilder).info("x", 23, 0, 256).bytes(), `"x" has the type IQ4_XS, which is not supported; supported: F32, F16`},
		{"unknown type", new(ggufBuilder).info("x", 99, 0, 256).bytes(), `"x" has the type number 99`},
		{"partial block", new(ggufBuilder).info("x", 2, 0, 48, 2).bytes(), "not whole blocks of 32 values, as Q4_0 needs"},
		{"offset", new(ggufBuilder).info("x", 0, 1<<63, 8).bytes(), "beyond any possible file"},
		{"misaligned", new(ggufBuilder).info("x", 0, 16, 8).bytes(), "not a multiple of the alignment 32"},
		{"overlap", new(ggufBuilder).tensor("x", 16).info("y", 0, 32, 8).bytes(), `tensor "y" overlaps`},
	} {
		path := filepath.Join(t.TempDir(), "x.gguf")
		if err := os.WriteFile(path, test.file, 0o600); err != nil {
			t.Fatal(err)
		}
		model, err := Open(path)
		if err == nil {
			model.Close()
			t.Errorf("%s: opened", test.name)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error with %q and the path", test.name, err, test.want)
		}
	}
}

func FuzzGGUFHeader(f *testing.F) {
	types, err := os.ReadFile(filepath.Join("testdata", "types.gguf"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(types)
	f.Add(llamaGGUF().bytes())
	f.Add(llamaGGUF().tensor(ggufRopeFactorsName, 2).text("llama.rope.scaling.type", "linear").float32("llama.rope.scaling.factor", 2).bytes())
	f.Add(new(ggufBuilder).array("x", ggufString, 1<<61, nil).bytes())
	f.Add(new(ggufBuilder).info("x", 8, 0, 1<<31-32, 0, 1<<31-1).bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		header, err := readGGUFHeader(bytes.NewReader(file), int64(len(file)), "fuzz")
		if err != nil {
			return
		}
		requireReadable(t, header.tensors, len(file))
		stored := map[string]storedTensor{}
		for _, tensor := range header.tensors {
			stored[tensor.name] = tensor
		}
		family, err := header.metadata.family()
		if err != nil {
			return
		}
		config, err := header.metadata.config(family, stored)
		if err == nil && config.Parameters() < 1 {
			t.Errorf("the accepted configuration %+v has %d parameters", config, config.Parameters())
		}
	})
}
