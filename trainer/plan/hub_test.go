package plan

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/oracle"
)

// Whoever reads rows asks the Hub that was named, with its token: preparing, and loading a set.
func TestTheNamedHubIsAsked(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var authorizations []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		authorizations = append(authorizations, r.Header.Get("Authorization"))
		http.Error(w, "no such data set", http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	token := "first"
	planner := NewPlanner()
	planner.Hub = func() (string, string) { return server.URL, token }
	home := filepath.Join(t.TempDir(), "home")
	spec := protocol.JobSpec{BaseModel: oracle.Load(t, "untied").ModelDirectory, TrainData: "hf://datasets/owner/name"}
	if _, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU); failure == nil {
		t.Error("a data set that the Hub does not have was accepted")
	}
	token = "second"
	if _, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU); failure == nil {
		t.Error("a data set that the Hub does not have was accepted")
	}
	options := SetOptions{Train: spec.TrainData, Config: &protocol.SCUConfig{}, CacheDir: home, HubEndpoint: server.URL, HubToken: "third"}
	if _, err := LoadSet(t.Context(), openTiny(t), options); err == nil {
		t.Error("a data set that the Hub does not have was loaded")
	}
	mu.Lock()
	defer mu.Unlock()
	if got, want := slices.Compact(authorizations), []string{"Bearer first", "Bearer second", "Bearer third"}; !slices.Equal(got, want) {
		t.Errorf("the Hub was asked with %q, want %q", got, want)
	}
}
