package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Split divides rows into training and validation rows, each in the order given.
// A row's side follows from its content and the seed alone, so that duplicates
// fall on one side, neither side holds a document of the other, and adding or
// moving rows leaves the rest where they are.
//
// fraction is the expected share of validation rows, in [0, 1); 0 gives none.
// With two or more distinct rows and a fraction above 0, each side gets at least
// one row: the row nearest to the border moves over if need be. With one
// distinct row all of it is for training.
func Split(rows []Row, fraction float64, seed int64) (train, validation []Row, err error) {
	if !(fraction >= 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("val_fraction is %v; it must be at least 0 and less than 1", fraction)
	}
	if fraction == 0 || len(rows) == 0 {
		return rows, nil, nil
	}
	digests := make([][sha256.Size]byte, len(rows))
	lowest, highest := 0, 0
	for i, row := range rows {
		digests[i] = contentDigest(row, seed)
		if bytes.Compare(digests[i][:], digests[lowest][:]) < 0 {
			lowest = i
		}
		if bytes.Compare(digests[i][:], digests[highest][:]) > 0 {
			highest = i
		}
	}
	if digests[lowest] == digests[highest] {
		return rows, nil, nil
	}
	for i, row := range rows {
		// The digest's first 53 bits as a number in [0, 1), exact in a float64.
		place := float64(binary.BigEndian.Uint64(digests[i][:8])>>11) / (1 << 53)
		held := place < fraction || digests[i] == digests[lowest]
		if held && digests[i] != digests[highest] {
			validation = append(validation, row)
		} else {
			train = append(train, row)
		}
	}
	return train, validation, nil
}

// Overlap counts the validation rows whose content is in a training row too.
func Overlap(train, validation []Row) int {
	trained := map[[sha256.Size]byte]bool{}
	for _, row := range train {
		trained[contentDigest(row, 0)] = true
	}
	count := 0
	for _, row := range validation {
		if trained[contentDigest(row, 0)] {
			count++
		}
	}
	return count
}

// contentDigest hashes what a row says, not where it stands or in which form. Every part is
// preceded by its length, so that moving text between parts changes the digest.
func contentDigest(row Row, seed int64) [sha256.Size]byte {
	hash := sha256.New()
	var number [8]byte
	write := func(part string) {
		binary.BigEndian.PutUint64(number[:], uint64(len(part)))
		hash.Write(number[:])
		hash.Write([]byte(part))
	}
	binary.BigEndian.PutUint64(number[:], uint64(seed))
	hash.Write(number[:])
	for _, part := range []string{row.Text, row.Prompt, row.Completion} {
		write(part)
	}
	for _, message := range row.Messages {
		write(message.Role)
		write(message.Content)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
