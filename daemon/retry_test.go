package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestAFailedJobGoesOnUnderItsName(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s := spec(t, script{Steps: 7, FailFirst: true})
	failed := mustWait(t, client, mustCreate(t, client, s).JobID)
	checkpoints := filepath.Join(d.home, "checkpoints", failed.JobID)
	if _, err := os.Stat(checkpoints); failed.Status != protocol.StatusFailed || err != nil {
		t.Fatalf("the first attempt: %+v, checkpoints %v", failed.TrainingStatus, err)
	}
	status, err := client.Retry(t.Context(), failed.Name)
	if err != nil || status.JobID != failed.JobID || status.Error != nil {
		t.Fatalf("%+v, %v", status, err)
	}
	done := mustWait(t, client, failed.JobID)
	if done.Status != protocol.StatusCompleted || done.Adapter == nil || len(starts(t, s)) != 2 {
		t.Errorf("the second attempt: %+v", done.TrainingStatus)
	}
	steps := 0
	for _, event := range allEvents(t, client, failed.JobID) {
		if event.Metrics != nil {
			if steps++; event.Metrics.Step != steps {
				t.Errorf("step %d, want %d", event.Metrics.Step, steps)
			}
		}
	}
	beginning := int64(0)
	subscription, err := client.Subscribe(t.Context(), failed.JobID, &beginning)
	if err != nil {
		t.Fatal(err)
	}
	if last, ended := read(t, subscription, 0, never); !ended || last != int64(len(allEvents(t, client, failed.JobID))) {
		t.Errorf("followed from the beginning to cursor %d, past the failure to the end: %v", last, ended)
	}
	if _, err := os.Stat(checkpoints); steps != 7 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%d steps told, checkpoints: %v", steps, err)
	}
	_, err = client.Retry(t.Context(), failed.JobID)
	wantCode(t, err, protocol.CodeConflict, "is completed", "scu train")
}

func TestARetryNeedsItsName(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	first := spec(t, script{End: "fail"})
	first.AdapterName = "taken"
	failed := mustWait(t, client, mustCreate(t, client, first).JobID)
	second, open := gated(t, script{Steps: 1})
	second.AdapterName = "taken"
	living := mustCreate(t, client, second)
	_, err := client.Retry(t.Context(), failed.JobID)
	wantCode(t, err, protocol.CodeConflict, living.JobID)
	open()
	mustWait(t, client, living.JobID)
}
