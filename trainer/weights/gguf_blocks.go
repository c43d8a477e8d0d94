package weights

import "encoding/binary"

// The 32-value block formats of ggml. Each block is one scale d (binary16), perhaps one minimum m, and packed
// integers q; a value is d·q, d·(q−bias) or d·q+m. Products are rounded to float32 before they are added (the explicit
// conversions forbid a fused multiply-add), so that every machine decodes the same bits.

var (
	encodingQ4_0 = encoding{"Q4_0", 32, 18, decodeQ4_0}
	encodingQ4_1 = encoding{"Q4_1", 32, 20, decodeQ4_1}
	encodingQ5_0 = encoding{"Q5_0", 32, 22, decodeQ5_0}
	encodingQ5_1 = encoding{"Q5_1", 32, 24, decodeQ5_1}
	encodingQ8_0 = encoding{"Q8_0", 32, 34, decodeQ8_0}
)

func halfAt(b []byte) float32 { return halfToFloat32(binary.LittleEndian.Uint16(b)) }

// decodeQ4_0: d, 16 bytes. The low nibbles are values 0–15, the high nibbles values 16–31.
func decodeQ4_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[18:] {
		d := halfAt(src)
		for i, q := range src[2:18] {
			dst[i] = d * float32(int(q&15)-8)
			dst[i+16] = d * float32(int(q>>4)-8)
		}
	}
}

// decodeQ4_1: d, m, 16 bytes of nibbles as in Q4_0.
func decodeQ4_1(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[20:] {
		d, m := halfAt(src), halfAt(src[2:])
		for i, q := range src[4:20] {
			dst[i] = float32(d*float32(q&15)) + m
			dst[i+16] = float32(d*float32(q>>4)) + m
		}
	}
}

// decodeQ5_0: d, 32 high bits (bit i belongs to value i), 16 bytes of low nibbles.
func decodeQ5_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[22:] {
		d, high := halfAt(src), binary.LittleEndian.Uint32(src[2:])
		for i, q := range src[6:22] {
			dst[i] = d * float32(int(fifthBit(q&15, high, i))-16)
			dst[i+16] = d * float32(int(fifthBit(q>>4, high, i+16))-16)
		}
	}
}

// decodeQ5_1: d, m, 32 high bits, 16 bytes of low nibbles.
func decodeQ5_1(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[24:] {
		d, m, high := halfAt(src), halfAt(src[2:]), binary.LittleEndian.Uint32(src[4:])
		for i, q := range src[8:24] {
			dst[i] = float32(d*float32(fifthBit(q&15, high, i))) + m
			dst[i+16] = float32(d*float32(fifthBit(q>>4, high, i+16))) + m
		}
	}
}

func fifthBit(nibble byte, high uint32, position int) byte {
	return nibble | byte(high>>position&1)<<4
}

// decodeQ8_0: d, 32 signed bytes.
func decodeQ8_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[34:] {
		d := halfAt(src)
		for i, q := range src[2:34] {
			dst[i] = d * float32(int8(q))
		}
	}
}
