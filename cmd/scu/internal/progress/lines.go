package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// View draws jobs while they are followed. The events of one job come in order; several jobs may come at the same time.
type View interface {
	Begin(job *protocol.Job)
	Event(jobID string, event protocol.JobEvent)
	Close() // draws no more, and leaves what was drawn
}

// linesEvery is how much time passes at least between two steps that are printed; the last step always is.
const linesEvery = 2 * time.Second

// Describe says what an event tells as one line without its time, or "" for an event of no interest to a person.
func Describe(state *State, event protocol.JobEvent) string {
	switch event.Type {
	case protocol.EventState:
		return state.standing()
	case protocol.EventPlan:
		p := event.Plan
		return fmt.Sprintf("plan: %d steps, %d rows, %d target tokens, σ %.3g, S %.4f→%.4f",
			p.TotalSteps, p.TrainRows, p.TargetTokens, p.Config.PriorSigma, p.PredictedStartS, p.Config.TargetS)
	case protocol.EventMetrics:
		return strings.TrimRight("step "+state.Steps()+"  "+state.Measures(), " ")
	case protocol.EventEval:
		return fmt.Sprintf("held-out %s bits/token after %d steps (%d target tokens)", Number(event.Eval.DataBPT, 4), event.Eval.Step, event.Eval.TargetTokens)
	case protocol.EventWarning:
		return "warning: " + event.Message
	case protocol.EventLog:
		return event.Message
	}
	return ""
}

// Lines prints jobs as plain lines.
type Lines struct {
	board   *board
	out     io.Writer
	named   bool
	printed map[string]printedLine // by job id
}

type printedLine struct {
	line      string
	steppedAt time.Time // of the last step printed, by the event's own clock
}

// NewLines returns a View that prints to out; with named each line begins with the job's name.
func NewLines(out io.Writer, named bool) *Lines {
	return &Lines{board: newBoard(), out: out, named: named, printed: map[string]printedLine{}}
}

// Begin prints how the job stands.
func (l *Lines) Begin(job *protocol.Job) {
	l.board.begin(job, func(state *State) {
		line := state.Phase() + "  " + state.Steps() + "  " + state.Measures()
		l.print(job.JobID, state, strings.TrimRight(line, " "))
		if state.Waits() != "" {
			l.print(job.JobID, state, state.standing())
		}
	})
}

// Event prints what the event tells, unless it tells nothing new or the last step was printed a moment ago.
func (l *Lines) Event(jobID string, event protocol.JobEvent) {
	l.board.apply(jobID, event, func(state *State) {
		if event.Type == protocol.EventMetrics {
			last := state.Status.TotalSteps > 0 && state.Status.Step >= state.Status.TotalSteps
			if at := l.printed[jobID].steppedAt; !last && event.CreatedAt.Sub(at) < linesEvery {
				return
			}
		}
		l.print(jobID, state, Describe(state, event))
		if event.Type == protocol.EventMetrics {
			printed := l.printed[jobID]
			printed.steppedAt = event.CreatedAt
			l.printed[jobID] = printed
		}
	})
}

// print writes one line, but not the same one twice in a row.
func (l *Lines) print(jobID string, state *State, line string) {
	printed := l.printed[jobID]
	if line == "" || line == printed.line {
		return
	}
	printed.line = line
	l.printed[jobID] = printed
	if l.named {
		line = state.Name + ": " + line
	}
	fmt.Fprintln(l.out, line)
}

// Close does nothing: lines stay.
func (l *Lines) Close() {}
