package supervise

import (
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func TestHowAPausedWorkerEnds(t *testing.T) {
	t.Parallel()
	const long = time.Minute // would fail the test by its time
	patient := Limits{PauseGrace: long, CancelGrace: long, TermGrace: long}
	for behaviour, c := range map[string]struct {
		limits Limits
		kind   Kind
		step   int
		code   protocol.ErrorCode
	}{
		"pauses":                    {patient, Paused, 7, ""},
		"cannot pause":              {patient, Paused, 0, ""},
		"fails when it is to pause": {patient, Failed, 0, protocol.CodeNonFinite},
		"needs sigterm":             {Limits{PauseGrace: 20 * time.Millisecond, CancelGrace: long, TermGrace: long}, Paused, 0, ""},
		"needs sigkill":             {Limits{PauseGrace: 20 * time.Millisecond, CancelGrace: long, TermGrace: 20 * time.Millisecond}, Paused, 0, ""},
		"obey":                      {patient, Crashed, 0, protocol.CodeWorkerCrashed}, // which does not know what a pause is
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			worker := launch(t, launched{Limits: c.limits}, behaviour)
			<-worker.Events() // it is ready
			begin := time.Now()
			worker.Pause("the test wants it")
			worker.Pause("again")
			for event := range worker.Events() {
				if event.Log == nil || event.Log.Message != "the test wants it" {
					t.Errorf("it said %+v", event)
				}
			}
			outcome := worker.Wait()
			if outcome.Kind != c.kind || outcome.PausedAt != c.step || (outcome.Error != nil) != (c.code != "") {
				t.Fatalf("outcome %+v (%v)", outcome, outcome.Error)
			}
			if c.code != "" && outcome.Error.Code != c.code {
				t.Errorf("error %v", outcome.Error)
			}
			if took := time.Since(begin); took > long/2 {
				t.Errorf("it took %v", took)
			}
			worker.Cancel("too late") // must do nothing
			worker.Pause("too late")
		})
	}
}

func TestACancelOverridesAPause(t *testing.T) {
	t.Parallel()
	const long = time.Minute // would fail the test by its time
	for behaviour, limits := range map[string]Limits{
		"pauses only when cancelled": {PauseGrace: long, CancelGrace: long, TermGrace: long},
		"needs sigterm":              {PauseGrace: long, CancelGrace: 20 * time.Millisecond, TermGrace: long},
		"needs sigkill":              {PauseGrace: 20 * time.Millisecond, CancelGrace: 20 * time.Millisecond, TermGrace: 20 * time.Millisecond},
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			worker := launch(t, launched{Limits: limits}, behaviour)
			<-worker.Events() // it is ready
			begin := time.Now()
			worker.Pause("for now")
			worker.Cancel("for good")
			worker.Pause("again")
			drain(worker)
			if outcome := worker.Wait(); outcome.Kind != Cancelled {
				t.Errorf("outcome %+v (%v)", outcome, outcome.Error)
			}
			if took := time.Since(begin); took > long/2 {
				t.Errorf("it took %v", took)
			}
		})
	}
}
