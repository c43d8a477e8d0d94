package progress

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/shannon-labs/scu/protocol"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

const (
	barWidth = 12    // characters: with the rest a line stays within 80
	barParts = 10000 // a full bar
)

// Bars draws one live line a job on a terminal: name, phase, bar, steps and the latest step's numbers. What else a
// person should see, such as warnings, evaluations and why a job is put off, scrolls by above the bars.
type Bars struct {
	board *board
	named bool
	drawn *mpb.Progress
	bars  map[string]*liveBar // by job id; guarded by the board
}

type liveBar struct {
	bar   *mpb.Bar
	left  atomic.Pointer[string] // read by mpb's own goroutine
	right atomic.Pointer[string]
}

// NewBars returns a View that draws on a terminal; with named each line that scrolls by begins with the job's name.
func NewBars(terminal *os.File, named bool) *Bars {
	return &Bars{
		board: newBoard(),
		named: named,
		drawn: mpb.New(mpb.WithOutput(terminal), mpb.WithWidth(barWidth), mpb.WithAutoRefresh()),
		bars:  map[string]*liveBar{},
	}
}

// Begin adds the job's bar.
func (b *Bars) Begin(job *protocol.Job) {
	b.board.begin(job, func(state *State) {
		if b.bars[job.JobID] != nil { // a job that is followed twice has one bar
			return
		}
		live := &liveBar{}
		live.show(state, b.named)
		style := mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─")
		live.bar = b.drawn.New(barParts, style,
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return *live.left.Load() })),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return *live.right.Load() })),
		)
		b.bars[job.JobID] = live
		live.advance(state)
		if state.Waits() != "" {
			b.scroll(state, state.standing())
		}
	})
}

// Event moves the job's bar.
func (b *Bars) Event(jobID string, event protocol.JobEvent) {
	b.board.apply(jobID, event, func(state *State) {
		live := b.bars[jobID]
		live.show(state, b.named)
		live.advance(state)
		switch event.Type {
		case protocol.EventPlan, protocol.EventEval, protocol.EventWarning:
			b.scroll(state, Describe(state, event))
		case protocol.EventState:
			if state.Waits() != "" {
				b.scroll(state, state.standing())
			}
		}
	})
}

// scroll lets a line pass by above the bars.
func (b *Bars) scroll(state *State, line string) {
	if b.named {
		line = state.Name + ": " + line
	}
	_, _ = fmt.Fprintln(b.drawn, line)
}

// Close leaves every bar as it stands and returns when mpb draws no more.
func (b *Bars) Close() {
	b.board.mu.Lock()
	for _, live := range b.bars {
		live.bar.Abort(false) // does nothing to a bar that is complete
	}
	b.board.mu.Unlock()
	b.drawn.Wait()
}

func (l *liveBar) show(state *State, named bool) {
	// Every phase takes the same room, so that the bar stays where it is.
	left := fmt.Sprintf("%-11s", state.Phase())
	if named {
		left = state.Name + "  " + left
	}
	right := strings.TrimRight(" "+state.Steps()+"  "+state.Compact(), " ")
	l.left.Store(&left)
	l.right.Store(&right)
}

// advance moves the bar. Only a completed job fills it: a full bar is drawn no more, and a job still has to save.
func (l *liveBar) advance(state *State) {
	switch {
	case state.Status.Status == protocol.StatusCompleted:
		l.bar.SetTotal(barParts, true)
	case state.Status.Status.Final():
		l.bar.Abort(false)
	default:
		l.bar.SetCurrent(min(barParts-1, int64(state.Fraction()*barParts)))
	}
}
