package tokenizer

// mergeLong does what mergeShort does in O(n log n): the tokens form a linked list, and a heap holds the merges that are
// possible. A pair that has changed since its merge was entered is known by its rank, which belongs to one pair only.
func (m *bpe) mergeLong(tokens []token) []token {
	list := newTokenList(tokens)
	queue := make(mergeHeap, 0, len(tokens))
	for left := range tokens {
		m.enqueue(&queue, list, left)
	}
	for len(queue) > 0 {
		lowest := queue.pop()
		right := list.next[lowest.left]
		if right == listEnd {
			continue
		}
		found := m.merges.get(tokens[lowest.left].id, tokens[right].id)
		if found.rank != lowest.rank {
			continue
		}
		list.join(lowest.left, found.id)
		m.enqueue(&queue, list, list.previous[lowest.left])
		m.enqueue(&queue, list, lowest.left)
	}
	return list.compact()
}

// enqueue enters the merge of the token at left with its right neighbour, if there is one.
func (m *bpe) enqueue(queue *mergeHeap, list *tokenList, left int) {
	if left == listEnd || list.next[left] == listEnd {
		return
	}
	found := m.merges.get(list.tokens[left].id, list.tokens[list.next[left]].id)
	if found.rank != noMerge {
		queue.push(candidate{rank: found.rank, left: left})
	}
}

// listEnd stands for "no neighbour".
const listEnd = -1

// tokenList links tokens to their neighbours by index. The token at index 0 is always in the list.
type tokenList struct {
	tokens         []token
	previous, next []int
}

func newTokenList(tokens []token) *tokenList {
	list := &tokenList{tokens: tokens, previous: make([]int, len(tokens)), next: make([]int, len(tokens))}
	for i := range tokens {
		list.previous[i], list.next[i] = i-1, i+1
	}
	list.next[len(tokens)-1] = listEnd
	return list
}

// join makes the token at left and its right neighbour one token, id. The neighbour leaves the list: it has no next.
func (l *tokenList) join(left int, id int32) {
	right := l.next[left]
	after := l.next[right]
	l.tokens[left].id = id
	l.tokens[left].end = l.tokens[right].end
	l.next[left] = after
	l.next[right] = listEnd
	if after != listEnd {
		l.previous[after] = left
	}
}

// compact moves the tokens that are still in the list to the front of its slice and gives them.
func (l *tokenList) compact() []token {
	n := 0
	for i := 0; i != listEnd; i = l.next[i] {
		l.tokens[n] = l.tokens[i]
		n++
	}
	return l.tokens[:n]
}

// candidate is a merge of the token at index left with its right neighbour.
type candidate struct {
	rank int32
	left int
}

func (c candidate) before(other candidate) bool {
	return c.rank < other.rank || c.rank == other.rank && c.left < other.left
}

// mergeHeap is a binary min-heap of candidates. (The standard library's heap works through an interface and allocates
// for every element, which a word of a million letters feels.)
type mergeHeap []candidate

func (h *mergeHeap) push(c candidate) {
	items := append(*h, c)
	*h = items
	i := len(items) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !c.before(items[parent]) {
			break
		}
		items[i] = items[parent]
		i = parent
	}
	items[i] = c
}

func (h *mergeHeap) pop() candidate {
	items := *h
	lowest := items[0]
	moved := items[len(items)-1]
	items = items[:len(items)-1]
	*h = items
	i := 0
	for {
		child := 2*i + 1
		if child >= len(items) {
			break
		}
		if child+1 < len(items) && items[child+1].before(items[child]) {
			child++
		}
		if !items[child].before(moved) {
			break
		}
		items[i] = items[child]
		i = child
	}
	if len(items) > 0 {
		items[i] = moved
	}
	return lowest
}
