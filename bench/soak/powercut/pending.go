package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Kinds of operation in a pending file, as preload/image.h has them.
const (
	opWrite    = 1
	opTruncate = 2
	opCreate   = 3
	opUnlink   = 4
)

const headerBytes = 24 // three integers of 64 bits in the machine's order

// operation is something that was done to a file and is not certain to have reached the disk.
type operation struct {
	kind   uint64
	offset int64
	size   int64 // of the file, after opTruncate
	data   []byte
}

// readPending reads a file's log. The library may have been killed while it noted an operation, which it had not begun
// then: that one is left out.
func readPending(path string) ([]operation, error) {
	log, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("read what was not synced: %w", err)
	}
	return parsePending(log)
}

func parsePending(log []byte) ([]operation, error) {
	var operations []operation
	for len(log) >= headerBytes {
		kind := binary.NativeEndian.Uint64(log)
		op := operation{kind: kind, offset: int64(binary.NativeEndian.Uint64(log[8:]))}
		length := int64(binary.NativeEndian.Uint64(log[16:]))
		log = log[headerBytes:]
		if op.offset < 0 || length < 0 {
			return nil, fmt.Errorf("operation %d has the offset %d and the length %d", len(operations), op.offset, length)
		}
		switch kind {
		case opWrite:
			if length > int64(len(log)) {
				return operations, nil
			}
			op.data, log = log[:length], log[length:]
		case opTruncate:
			op.size = length
		case opCreate, opUnlink:
		default:
			return nil, fmt.Errorf("operation %d has the unknown kind %d", len(operations), kind)
		}
		operations = append(operations, op)
	}
	return operations, nil
}
