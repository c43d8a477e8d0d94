package weights

// The "K" formats of ggml: super-blocks of 256 values. Q4_K and Q5_K split one into 8 groups of 32, each with a 6-bit
// scale and a 6-bit minimum relative to the super-block's d and dmin; Q6_K into 16 groups of 16 with 8-bit scales.

const superBlock = 256

var (
	encodingQ4_K = encoding{"Q4_K", superBlock, 144, decodeQ4_K}
	encodingQ5_K = encoding{"Q5_K", superBlock, 176, decodeQ5_K}
	encodingQ6_K = encoding{"Q6_K", superBlock, 210, decodeQ6_K}
)

// groupScale unpacks group g (0–7) from the 12 packed bytes: groups 0–3 have their 6 bits in place; of groups 4–7 the
// low four bits share a byte and the top two are the spare bits of groups 0–3.
func groupScale(packed []byte, g int) (scale, minimum byte) {
	if g < 4 {
		return packed[g] & 63, packed[g+4] & 63
	}
	return packed[g+4]&15 | packed[g-4]>>6<<4, packed[g+4]>>4 | packed[g]>>6<<4
}

// decodeQ4_K: d, dmin, 12 packed bytes, 128 bytes of nibbles; each 32 bytes hold two groups, low nibbles first.
func decodeQ4_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[144:] {
		d, dmin, packed, nibbles := halfAt(src), halfAt(src[2:]), src[4:16], src[16:144]
		for g := range 8 {
			scale, minimum := groupScale(packed, g)
			step, low := d*float32(scale), dmin*float32(minimum)
			shift := 4 * (g % 2)
			for i, q := range nibbles[g/2*32:][:32] {
				dst[g*32+i] = float32(step*float32(q>>shift&15)) - low
			}
		}
	}
}

// decodeQ5_K: as Q4_K with 32 more bytes before the nibbles; bit g of byte i is the fifth bit of value i of group g.
func decodeQ5_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[176:] {
		d, dmin, packed, high, nibbles := halfAt(src), halfAt(src[2:]), src[4:16], src[16:48], src[48:176]
		for g := range 8 {
			scale, minimum := groupScale(packed, g)
			step, low := d*float32(scale), dmin*float32(minimum)
			shift := 4 * (g % 2)
			for i, q := range nibbles[g/2*32:][:32] {
				value := q>>shift&15 | high[i]>>g&1<<4
				dst[g*32+i] = float32(step*float32(value)) - low
			}
		}
	}
}

// decodeQ6_K: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, d. Each half (128 values) has 64
// bytes of nibbles, whose low nibbles are its values 0–63 and high nibbles 64–127, and 32 bytes of bit pairs, whose
// pair k belongs to values 32k–32k+31.
func decodeQ6_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[210:] {
		low, high, scales, d := src[:128], src[128:192], src[192:208], halfAt(src[208:])
		for i := range superBlock {
			half, quarter, column := i/128, i%128/32, i%32
			nibble := low[half*64+quarter%2*32+column] >> (quarter / 2 * 4) & 15
			pair := high[half*32+column] >> (2 * quarter) & 3
			step := d * float32(int8(scales[i/16]))
			dst[i] = step * float32(int(nibble|pair<<4)-32)
		}
	}
}
