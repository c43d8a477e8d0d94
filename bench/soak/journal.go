package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// A journal is what a job's workers write down of what they do, a line each time, for the driver alone: the daemon does not
// know of it. A line is in the file as soon as the call that writes it returns, whatever becomes of the process, so the order
// of the lines is that of what happened.
type journal struct {
	file *os.File
	pid  int
}

// The words of a journal's lines.
const (
	wordBegin      = "begin"      // a worker lives: told=N steps told by those before it
	wordFrom       = "from"       // it goes on after step N
	wordStep       = "step"       // it takes step N
	wordCheckpoint = "checkpoint" // the checkpoint of step N stands, and is synced
	wordSaved      = "saved"      // the adapter N stands, and is synced
	wordEnd        = "end"        // it ends by itself
	wordOverlap    = "overlap"    // it found another worker of its job alive
)

func openJournal(directory, jobID string) (*journal, error) {
	file, err := os.OpenFile(journalPath(directory, jobID), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &journal{file: file, pid: os.Getpid()}, nil
}

const journalSuffix = ".journal"

func journalPath(directory, jobID string) string {
	return filepath.Join(directory, jobID+journalSuffix)
}

func (j *journal) note(word string, value any) error {
	_, err := fmt.Fprintf(j.file, "%d %s %v\n", j.pid, word, value)
	return err
}

// line is one line of a journal.
type line struct {
	pid   int
	word  string
	value string
}

func readJournal(directory, jobID string) ([]line, error) {
	file, err := os.Open(journalPath(directory, jobID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no worker of the job has come so far
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var lines []line
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		var l line
		if _, err := fmt.Sscanf(scanner.Text(), "%d %s %s", &l.pid, &l.word, &l.value); err != nil {
			return nil, fmt.Errorf("%s: the line %q cannot be read: %w", file.Name(), scanner.Text(), err)
		}
		lines = append(lines, l)
	}
	return lines, scanner.Err()
}

// life is what one worker wrote down.
type life struct {
	pid         int
	from        int // the step after which it went on
	steps       int // that it took
	checkpoints int // that it wrote
}

// lives parts a journal into its workers' lives, and says where two of them overlap.
func lives(lines []line) (all []life, overlaps []string) {
	over := map[int]bool{}
	for _, l := range lines {
		if len(all) == 0 || all[len(all)-1].pid != l.pid {
			if over[l.pid] {
				overlaps = append(overlaps, fmt.Sprintf("process %d wrote %q after another worker of its job had begun", l.pid, l.word+" "+l.value))
			}
			if len(all) > 0 {
				over[all[len(all)-1].pid] = true
			}
			all = append(all, life{pid: l.pid})
		}
		current := &all[len(all)-1]
		switch l.word {
		case wordFrom:
			current.from, _ = strconv.Atoi(l.value) // a worker writes a number
		case wordStep:
			current.steps++
		case wordCheckpoint:
			current.checkpoints++
		case wordOverlap:
			overlaps = append(overlaps, fmt.Sprintf("process %d found process %s at work on its job", l.pid, l.value))
		}
	}
	return all, overlaps
}
