package progress

import (
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// Waits says why a job that has not ended does not run and what would let it go on, or "" when there is nothing to say: it
// runs, or it waits for nothing but its turn.
func (s *State) Waits() string {
	waiting := s.Status.Waiting
	if waiting == nil || waiting.Reason == protocol.WaitTurn {
		return ""
	}
	if waiting.Reason == protocol.WaitUser {
		return waiting.Message + "; it goes on with: scu resume " + s.Status.Name
	}
	return waiting.Message
}

// standing is a job's phase, with what keeps it from running or has ended it.
func (s *State) standing() string {
	if failed := s.Status.Error; failed != nil {
		return s.Phase() + ": " + failed.Message
	}
	switch why := s.Waits(); {
	case why == "":
		return s.Phase()
	case strings.HasPrefix(why, s.Phase()): // as in "paused by"
		return why
	default:
		return s.Phase() + ": " + why
	}
}
