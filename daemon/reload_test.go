package daemon

import (
	"testing"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/protocol"
)

func TestANewConfigurationHoldsFromThenOn(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	reloads := make(chan *config.Config)
	o.Reloads = reloads
	startDaemon(t, o)
	client := connect(t, o.Home)
	s, open := gated(t, script{Steps: 1})
	first := mustCreate(t, client, s)
	second := mustCreate(t, client, spec(t, script{Steps: 1}))
	awaitStep(t, client, first.JobID, 1)

	next, err := config.Load(o.Home, []string{"SCU_TRAINING_MAX_CONCURRENT_JOBS=2", "SCU_TRAINING_DEVICES=cpu,cuda:0", "SCU_TRAINING_RETRY_BACKOFF=1ms"})
	if err != nil {
		t.Fatal(err)
	}
	reloads <- next
	if done := mustWait(t, client, second.JobID); done.Status != protocol.StatusCompleted { // beside the first, which is not done
		t.Errorf("%+v", done.TrainingStatus)
	}
	shown, err := client.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range shown.Values {
		switch value.Key {
		case "training.max_concurrent_jobs":
			if value.Origin != "$SCU_TRAINING_MAX_CONCURRENT_JOBS" || value.Pending != nil {
				t.Errorf("%+v", value)
			}
		case "training.devices":
			if value.Pending == nil {
				t.Errorf("devices take effect at once: %+v", value)
			}
		}
	}
	open()
	mustWait(t, client, first.JobID)
}
