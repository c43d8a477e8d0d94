package progress

import (
	"fmt"
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// State is what is known about one job at a moment.
type State struct {
	Name    string
	Status  protocol.TrainingStatus
	Metrics *protocol.TrainingMetrics // of the latest step; nil before the first
	TargetS float64                   // S*; 0 while not known
}

// NewState takes a job's snapshot.
func NewState(job *protocol.Job) *State {
	s := &State{Name: job.Name, Status: job.TrainingStatus, Metrics: job.Metrics}
	if job.Config != nil {
		s.TargetS = job.Config.TargetS
	}
	return s
}

// Apply takes the next event.
func (s *State) Apply(event protocol.JobEvent) {
	switch {
	case event.Status != nil:
		s.Status = *event.Status
		if event.Status.Metrics != nil {
			s.Metrics = event.Status.Metrics
		}
	case event.Plan != nil:
		s.TargetS = event.Plan.Config.TargetS
		s.Status.TotalSteps = event.Plan.TotalSteps
	case event.Metrics != nil:
		s.Metrics = event.Metrics
		s.Status.Step = event.Metrics.Step
	}
}

// Phase is what the job does: its phase while it runs, with how far that has come where it is known, else its status.
func (s *State) Phase() string {
	if s.Status.Status == protocol.StatusRunning && s.Status.Phase != "" {
		if s.Status.PhaseProgress > 0 {
			return fmt.Sprintf("%s %.0f%%", s.Status.Phase, s.Status.PhaseProgress)
		}
		return string(s.Status.Phase)
	}
	if s.Status.Status == protocol.StatusQueued && s.Status.QueuePosition != nil {
		return fmt.Sprintf("queued, number %d", *s.Status.QueuePosition)
	}
	return string(s.Status.Status)
}

// Fraction is how much of the training is done, 0 to 1.
func (s *State) Fraction() float64 {
	if s.Status.TotalSteps <= 0 {
		return 0
	}
	return min(1, float64(s.Status.Step)/float64(s.Status.TotalSteps))
}

// Steps is "12/60", or "12" while the number of steps is not known, or "" before the first.
func (s *State) Steps() string {
	switch {
	case s.Status.TotalSteps > 0:
		return fmt.Sprintf("%d/%d", s.Status.Step, s.Status.TotalSteps)
	case s.Status.Step > 0:
		return fmt.Sprint(s.Status.Step)
	}
	return ""
}

// hasTimeLeft reports whether the latest step tells how long the job has still to run. It says nothing of one that stands
// still.
func (s *State) hasTimeLeft() bool {
	switch status := s.Status.Status; {
	case status == protocol.StatusQueued, status == protocol.StatusPaused, status.Final():
		return false
	}
	return s.Metrics.EtaMinutes.Finite() && s.Metrics.EtaMinutes > 0
}

// Compact is Measures short enough for a line that has a bar as well: bits per token, S and its target, λ, tokens a
// second, time left.
func (s *State) Compact() string {
	m := s.Metrics
	if m == nil {
		return ""
	}
	left := ""
	if s.hasTimeLeft() {
		left = "  " + Minutes(float64(m.EtaMinutes))
	}
	return fmt.Sprintf("%s bpt  S %s→%.4f  λ %s  %s tok/s%s",
		Number(m.DataBPT, 3), Number(m.SRatio, 4), s.TargetS, Number(m.LambdaValue, 2), Number(m.TokensPerSecond, 0), left)
}

// Measures are the latest step's numbers: bits per token, S and its target, λ, tokens a second, time left.
func (s *State) Measures() string {
	m := s.Metrics
	if m == nil {
		return ""
	}
	ratio := "S " + Number(m.SRatio, 4)
	if s.TargetS > 0 {
		ratio += fmt.Sprintf(" → %.4f", s.TargetS)
	}
	parts := []string{
		Number(m.DataBPT, 3) + " bits/token",
		ratio,
		"λ " + Number(m.LambdaValue, 3),
		Number(m.TokensPerSecond, 0) + " tokens/s",
	}
	if s.hasTimeLeft() {
		parts = append(parts, Minutes(float64(m.EtaMinutes))+" left")
	}
	return strings.Join(parts, "  ")
}
