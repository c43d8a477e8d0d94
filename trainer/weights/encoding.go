package weights

import (
	"encoding/binary"
	"math"
)

// encoding is how a file stores the values of a tensor: in blocks of blockElements values and blockBytes bytes, each
// block inside one row. Plain formats have blocks of one value.
type encoding struct {
	name          string
	blockElements int
	blockBytes    int
	// decode fills dst from src; both hold the same whole number of blocks. Nil where values are not read.
	decode func(dst []float32, src []byte)
}

var (
	encodingF64  = encoding{"F64", 1, 8, decodeF64}
	encodingF32  = encoding{"F32", 1, 4, decodeF32}
	encodingF16  = encoding{"F16", 1, 2, decodeF16}
	encodingBF16 = encoding{"BF16", 1, 2, decodeBF16}
)

func decodeF64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

func decodeF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func decodeF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = halfToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func decodeBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// halfToFloat32 widens an IEEE 754 binary16 value; every one is exact in float32.
func halfToFloat32(half uint16) float32 {
	sign := uint32(half>>15) << 31
	exponent := uint32(half>>10) & 0x1f
	fraction := uint32(half) & 0x3ff
	switch exponent {
	case 0: // zero and subnormals: fraction × 2^-24, a product that float32 holds exactly
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 0x1f: // infinities and NaN keep their payload
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	default: // rebias the exponent from 15 to 127
		return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
	}
}
