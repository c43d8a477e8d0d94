package powercut

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
)

const sectorBytes = 512 // that a disk writes whole or not at all

// Loss says how much a power cut takes of what was not synced.
type Loss int

// The losses.
const (
	LoseAll    Loss = iota // nothing of it had reached the disk
	LosePart               // an arbitrary part of it had
	LoseNone               // all of it had, by luck
	lossesKept             // how many there are
)

// AnyLoss draws one.
func AnyLoss(random *rand.Rand) Loss { return Loss(random.IntN(int(lossesKept))) }

func (l Loss) String() string { return [...]string{"all", "a part", "none"}[l] }

// Lost counts what a cut took.
type Lost struct {
	Operations int // that were not synced
	Bytes      int // of their writes that did not reach the disk
}

// Cut leaves the database as a power cut would. No process may have it open.
func (m *Machine) Cut(random *rand.Rand, loss Loss) (Lost, error) {
	var lost Lost
	for _, suffix := range suffixes {
		if err := m.cutFile(suffix, random, loss, &lost); err != nil {
			return lost, fmt.Errorf("cut the power of %s%s: %w", m.Database, suffix, err)
		}
	}
	if err := os.Remove(m.Database + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return lost, err
	}
	return lost, nil
}

func (m *Machine) cutFile(suffix string, random *rand.Rand, loss Loss, lost *Lost) error {
	if _, err := os.Stat(m.pendingPath(suffix)); errors.Is(err, fs.ErrNotExist) {
		return nil // the file was never there
	}
	operations, err := readPending(m.pendingPath(suffix))
	if err != nil {
		return err
	}
	image, err := os.ReadFile(m.imagePath(suffix))
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lost.Operations += len(operations)
	content := survive(disk{there, image}, operations, random, loss, &lost.Bytes)
	if err := content.replace(m.Database + suffix); err != nil {
		return err
	}
	if err := content.replace(m.imagePath(suffix)); err != nil {
		return err
	}
	return os.Truncate(m.pendingPath(suffix), 0)
}

// disk is what a disk holds of a file.
type disk struct {
	there   bool
	content []byte
}

func (d disk) replace(path string) error {
	if d.there {
		return os.WriteFile(path, d.content, 0o600)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// survive is what a disk holds after a cut, when before it held what was synced and operations were on their way. Those on
// names and sizes reach it in order, up to one of them; sectors reach it in any order.
func survive(d disk, operations []operation, random *rand.Rand, loss Loss, lostBytes *int) disk {
	survivors := 0
	if changes := countChanges(operations); loss == LosePart {
		survivors = random.IntN(changes + 1)
	} else if loss == LoseNone {
		survivors = changes
	}
	removed := false // what comes now was done to a file that the disk has never heard of
	for _, op := range operations {
		switch {
		case op.kind == opWrite && removed:
			*lostBytes += len(op.data)
		case op.kind == opWrite:
			for _, part := range sectors(op) {
				if d.there && (loss == LoseNone || loss == LosePart && random.IntN(2) == 0) {
					d.write(part)
				} else {
					*lostBytes += len(part.data)
				}
			}
		case survivors > 0:
			survivors--
			d.change(op)
		case op.kind != opTruncate:
			removed = true
		}
	}
	return d
}

func countChanges(operations []operation) int {
	changes := 0
	for _, op := range operations {
		if op.kind != opWrite {
			changes++
		}
	}
	return changes
}

// sectors parts a write at the boundaries of sectors.
func sectors(op operation) []operation {
	var parts []operation
	for len(op.data) > 0 {
		n := min(len(op.data), sectorBytes-int(op.offset%sectorBytes))
		parts = append(parts, operation{kind: opWrite, offset: op.offset, data: op.data[:n]})
		op.offset, op.data = op.offset+int64(n), op.data[n:]
	}
	return parts
}

func (d *disk) write(op operation) {
	d.resize(max(int64(len(d.content)), op.offset+int64(len(op.data))))
	copy(d.content[op.offset:], op.data)
}

// change does what is done to a name or a size.
func (d *disk) change(op operation) {
	switch op.kind {
	case opCreate:
		*d = disk{there: true}
	case opUnlink:
		*d = disk{}
	case opTruncate:
		d.resize(op.size)
	}
}

// resize fills what is new with zeros.
func (d *disk) resize(size int64) {
	if more := size - int64(len(d.content)); more > 0 {
		d.content = append(d.content, make([]byte, more)...)
	}
	d.content = d.content[:size]
}
