package data

// fate is what cutting did to a row.
type fate int

const (
	fits fate = iota
	truncated
	dropped
	splitUp
)

// cut brings a sample down to the block size.
func (e *Encoder) cut(kind Kind, whole Sample) ([]Sample, fate) {
	size := e.options.BlockSize
	switch {
	case len(whole.Tokens) <= size:
		return []Sample{whole}, fits
	case e.options.Overlong == Drop:
		return nil, dropped
	case e.options.Overlong == SplitBlocks && kind == Text:
		return splitSample(whole, size), splitUp
	default:
		return []Sample{part(whole, 0, size)}, truncated
	}
}

// splitSample cuts into blocks that overlap by one token; see SplitBlocks.
func splitSample(whole Sample, size int) []Sample {
	var parts []Sample
	for start := 0; start+1 < len(whole.Tokens); start += size - 1 {
		parts = append(parts, part(whole, start, min(start+size, len(whole.Tokens))))
	}
	return parts
}

// part copies a stretch of a sample; its first token is context.
func part(whole Sample, start, end int) Sample {
	piece := whole
	piece.Tokens = append([]int32(nil), whole.Tokens[start:end]...)
	piece.Target = append([]bool(nil), whole.Target[start:end]...)
	piece.Target[0] = false
	return piece
}
