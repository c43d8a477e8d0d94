package daemon

import (
	"os"
	"path/filepath"

	"github.com/shannon-labs/scu/trainer/checkpoint"
)

func checkpointsDirectory(home string) string { return filepath.Join(home, "checkpoints") }

// checkpointsPath is where the workers of a job keep what another one can go on from. It stays while the job may go on, be
// it that somebody asks for it, and goes with the job's completion, cancellation or deletion.
func (d *daemon) checkpointsPath(jobID string) string {
	return filepath.Join(checkpointsDirectory(d.options.Home), jobID)
}

// resumableFrom is the step of a job's last checkpoint, or nil where it has none.
func (d *daemon) resumableFrom(jobID string) *int {
	latest, found, err := checkpoint.Latest(d.checkpointsPath(jobID))
	if err != nil {
		d.logger.Warn("cannot look for checkpoints", "job", jobID, "error", err)
	}
	if err != nil || !found {
		return nil
	}
	return &latest.Step
}

// removeCheckpoints gives back the space of what nobody will go on from.
func (d *daemon) removeCheckpoints(jobID string) {
	if err := os.RemoveAll(d.checkpointsPath(jobID)); err != nil {
		d.logger.Error("cannot remove checkpoints", "job", jobID, "error", err)
	}
}
