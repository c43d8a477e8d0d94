package weights

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// ggufBuilder puts small GGUF files together for tests, well-formed unless told otherwise.
type ggufBuilder struct {
	pairs, infos         []byte
	pairCount, infoCount uint64
	dataSize             int
}

func appendGGUFText(b []byte, text string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(text))), text...)
}

// pair adds a key with a raw value of the given type.
func (g *ggufBuilder) pair(key string, valueType uint32, value []byte) *ggufBuilder {
	g.pairs = binary.LittleEndian.AppendUint32(appendGGUFText(g.pairs, key), valueType)
	g.pairs = append(g.pairs, value...)
	g.pairCount++
	return g
}

func (g *ggufBuilder) uint32(key string, value uint32) *ggufBuilder {
	return g.pair(key, ggufUint32, binary.LittleEndian.AppendUint32(nil, value))
}

func (g *ggufBuilder) float32(key string, value float32) *ggufBuilder {
	return g.pair(key, ggufFloat32, binary.LittleEndian.AppendUint32(nil, math.Float32bits(value)))
}

func (g *ggufBuilder) text(key, value string) *ggufBuilder {
	return g.pair(key, ggufString, appendGGUFText(nil, value))
}

// array adds an array with a count that need not be true to its raw elements.
func (g *ggufBuilder) array(key string, elementType uint32, count uint64, raw []byte) *ggufBuilder {
	head := binary.LittleEndian.AppendUint32(nil, elementType)
	return g.pair(key, ggufArray, append(binary.LittleEndian.AppendUint64(head, count), raw...))
}

// info adds a tensor description; dimensions are innermost first, as in the file.
func (g *ggufBuilder) info(name string, typeNumber uint32, offset uint64, dimensions ...uint64) *ggufBuilder {
	g.infos = binary.LittleEndian.AppendUint32(appendGGUFText(g.infos, name), uint32(len(dimensions)))
	for _, dimension := range dimensions {
		g.infos = binary.LittleEndian.AppendUint64(g.infos, dimension)
	}
	g.infos = binary.LittleEndian.AppendUint32(g.infos, typeNumber)
	g.infos = binary.LittleEndian.AppendUint64(g.infos, offset)
	g.infoCount++
	return g
}

// tensor adds an F32 tensor of zeros with its place in the data; dimensions are innermost first.
func (g *ggufBuilder) tensor(name string, dimensions ...uint64) *ggufBuilder {
	count := 1
	for _, dimension := range dimensions {
		count *= int(dimension)
	}
	offset := g.dataSize
	g.dataSize += (4*count + ggufDefaultAlignment - 1) / ggufDefaultAlignment * ggufDefaultAlignment
	return g.info(name, 0, uint64(offset), dimensions...)
}

func (g *ggufBuilder) bytes() []byte {
	file := binary.LittleEndian.AppendUint32([]byte(ggufMagic), 3)
	file = binary.LittleEndian.AppendUint64(file, g.infoCount)
	file = binary.LittleEndian.AppendUint64(file, g.pairCount)
	file = append(append(file, g.pairs...), g.infos...)
	for len(file)%ggufDefaultAlignment != 0 {
		file = append(file, 0)
	}
	return append(file, make([]byte, g.dataSize)...)
}

func (g *ggufBuilder) write(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, g.bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// llamaGGUF is a complete one-layer model: hidden 8, 2 heads of 4, intermediate 16, 5 tokens, tied.
func llamaGGUF() *ggufBuilder {
	return new(ggufBuilder).text("general.architecture", "llama").
		uint32("llama.block_count", 1).uint32("llama.context_length", 32).uint32("llama.embedding_length", 8).
		uint32("llama.feed_forward_length", 16).uint32("llama.attention.head_count", 2).
		float32("llama.attention.layer_norm_rms_epsilon", 1e-5).
		tensor("token_embd.weight", 8, 5).tensor("output_norm.weight", 8).
		tensor("blk.0.attn_norm.weight", 8).tensor("blk.0.ffn_norm.weight", 8).
		tensor("blk.0.attn_q.weight", 8, 8).tensor("blk.0.attn_k.weight", 8, 8).
		tensor("blk.0.attn_v.weight", 8, 8).tensor("blk.0.attn_output.weight", 8, 8).
		tensor("blk.0.ffn_gate.weight", 8, 16).tensor("blk.0.ffn_up.weight", 8, 16).tensor("blk.0.ffn_down.weight", 16, 8)
}
