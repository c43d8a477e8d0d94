package daemon

import (
	"testing"
	"time"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/protocol"
)

func TestAFullQueueSaysSo(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Training.MaxQueuedJobs = 2
	startDaemon(t, o)
	client := connect(t, o.Home)
	if _, err := client.QueuePause(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := spec(t, script{})
	s.RequestID = "the first"
	first := mustCreate(t, client, s)
	mustCreate(t, client, spec(t, script{}))
	_, err := client.CreateJob(t.Context(), spec(t, script{}))
	wantCode(t, err, protocol.CodeQueueFull, "2 jobs wait", "training.max_queued_jobs", "scu queue")
	// What was accepted is found again all the same.
	if again, err := client.CreateJob(t.Context(), s); err != nil || again.JobID != first.JobID {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := client.Cancel(t.Context(), first.JobID); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, client, spec(t, script{}))
}

func TestTheQueueIsBoundHoweverManyComeAtOnce(t *testing.T) {
	t.Parallel()
	for code, limit := range map[protocol.ErrorCode]func(*config.Config){
		protocol.CodeQueueFull:     func(c *config.Config) { c.Training.MaxQueuedJobs = 5 },
		protocol.CodeQuotaExceeded: func(c *config.Config) { c.Security.Quotas.Default.MaxQueued = 5 },
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			o := testOptions(shortHome(t))
			limit(o.Config)
			startDaemon(t, o)
			client := connect(t, o.Home)
			if _, err := client.QueuePause(t.Context()); err != nil {
				t.Fatal(err)
			}
			taken := make(chan error)
			for range 20 {
				s := spec(t, script{})
				go func() {
					_, err := client.CreateJob(t.Context(), s)
					taken <- err
				}()
			}
			accepted := 0
			for range 20 {
				if err := <-taken; err == nil {
					accepted++
				} else {
					wantCode(t, err, code)
				}
			}
			if queue, err := client.QueueStatus(t.Context()); err != nil || accepted != 5 || len(queue.Waiting) != 5 {
				t.Errorf("%d accepted, queue %+v, %v", accepted, queue, err)
			}
		})
	}
}

func TestLimitsOfModelsAndOwners(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Security = config.Security{
		AllowedModels: []string{"Tiny*", "/models/*"}, MaxModelParameters: 2_000_000,
		Quotas: config.Quotas{Default: config.Quota{MaxQueued: 1, MaxDisk: 3}},
	}
	startDaemon(t, o)
	client := connect(t, o.Home)
	for model, says := range map[string]string{
		"Other.gguf": "security.allowed_models", // not allowed
		"Tiny-3B":    "security.max_model_parameters",
	} {
		s := spec(t, script{})
		s.BaseModel = model
		_, err := client.CreateJob(t.Context(), s)
		wantCode(t, err, protocol.CodeNotAllowed, says)
	}
	if _, err := client.QueuePause(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := mustCreate(t, client, spec(t, script{}))
	_, err := client.CreateJob(t.Context(), spec(t, script{}))
	wantCode(t, err, protocol.CodeQuotaExceeded, "local has 1 jobs in the queue")
	if _, err := client.QueueResume(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustWait(t, client, first.JobID)
	mustWait(t, client, mustCreate(t, client, spec(t, script{})).JobID) // adapters of two bytes each
	_, err = client.CreateJob(t.Context(), spec(t, script{}))
	wantCode(t, err, protocol.CodeQuotaExceeded, "of disk", "scu delete")
	if _, err := client.DeleteAdapter(t.Context(), first.JobID); err != nil {
		t.Fatal(err)
	}
	mustWait(t, client, mustCreate(t, client, spec(t, script{})).JobID)
}

func TestJobsRunWhereTheyAskTo(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Devices = []schedule.Device{{Name: "cuda:0", Kind: "cuda", Memory: 1000}, {Name: "cuda:1", Kind: "cuda", Memory: 1000}, {Name: "cpu", Kind: "cpu", Memory: 1000}}
	startDaemon(t, o)
	client := connect(t, o.Home)
	for asked, want := range map[string]string{"cuda:1": "cuda:1", "cpu": "cpu", "": "cuda:0"} {
		s := spec(t, script{Steps: 1})
		s.Device = asked
		if job := mustWait(t, client, mustCreate(t, client, s).JobID); job.Device != want || job.Status != protocol.StatusCompleted {
			t.Errorf("asked for %q: %+v", asked, job.TrainingStatus)
		}
	}
	s := spec(t, script{})
	s.Device = "tpu"
	_, err := client.CreateJob(t.Context(), s)
	wantCode(t, err, protocol.CodeDeviceNotFound, "tpu", "cuda:0, cuda:1, cpu")
	devices, err := client.Devices(t.Context(), time.Time{})
	if err != nil || len(devices.Devices) != 3 || devices.Devices[0].Runs != 1 || devices.Devices[0].BusySeconds <= 0 {
		t.Errorf("%+v, %v", devices, err)
	}
}

// TestJobsShareADeviceAsLongAsTheyFit runs jobs of 400 bytes each on a device of 1,000.
func TestJobsShareADeviceAsLongAsTheyFit(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Training.MaxConcurrentJobs = 8
	o.Devices = []schedule.Device{{Name: "cpu", Kind: "cpu", Memory: 1000}}
	startDaemon(t, o)
	client := connect(t, o.Home)
	var open []func()
	var ids []string
	for i := range 3 {
		s, gate := gated(t, script{Steps: 2, Estimate: 300, Memory: 400})
		open = append(open, gate)
		ids = append(ids, mustCreate(t, client, s).JobID)
		if i < 2 {
			awaitStep(t, client, ids[i], 2) // it has told its memory, which is more than was estimated
		}
	}
	third, err := client.Job(t.Context(), ids[2])
	if err != nil || third.Status != protocol.StatusQueued || third.Waiting == nil || third.Waiting.Reason != protocol.WaitMemory {
		t.Fatalf("the third: %+v, %v", third, err)
	}
	devices, err := client.Devices(t.Context(), time.Time{})
	if err != nil || devices.Devices[0].ReservedBytes != 800 || len(devices.Devices[0].Jobs) != 2 {
		t.Errorf("%+v, %v", devices, err)
	}
	for i, id := range ids {
		open[i]()
		mustWait(t, client, id)
	}
}
