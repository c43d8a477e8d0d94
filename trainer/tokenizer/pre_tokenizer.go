package tokenizer

// splitter gives the length in bytes of the first part of text, which is not empty. Applied again to what remains, it
// cuts the text into parts that cover it.
type splitter func(text string) int

// preTokenizer cuts text into the words that BPE merges separately.
type preTokenizer struct {
	// splits are applied in turn, each to the parts that the one before it made.
	splits []splitter
	// spacePrefix is the number of the split before which a space is put in front of each part that has none
	// (ByteLevel's add_prefix_space); noSpacePrefix for none.
	spacePrefix int
}

const noSpacePrefix = -1

// part is a stretch of text on its way through the splits.
type part struct {
	text string
	at   int // where text starts in the input; one byte early if text starts with a space that was put in
	from int // where the part starts in the input
}

// each calls word for every word of a part, in order.
func (p *preTokenizer) each(in part, word func(part)) {
	p.split(in, 0, word)
}

func (p *preTokenizer) split(in part, step int, word func(part)) {
	if step == p.spacePrefix && in.text[0] != ' ' {
		in.text = " " + in.text
		in.at--
	}
	if step == len(p.splits) {
		word(in)
		return
	}
	last := step+1 == len(p.splits) && p.spacePrefix != step+1
	for len(in.text) > 0 {
		n := p.splits[step](in.text)
		piece := part{text: in.text[:n], at: in.at, from: max(in.from, in.at)}
		if last {
			word(piece)
		} else {
			p.split(piece, step+1, word)
		}
		in.text = in.text[n:]
		in.at += n
	}
}
