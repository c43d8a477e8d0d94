package plan

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/lora"
)

// LoadInitAdapter reads the adapter that a job goes on from, whose shape must be that of the job's configuration.
func LoadInitAdapter(directory string, arch architecture.Config, config *protocol.SCUConfig) (*lora.Adapter, *protocol.Error) {
	adapter, failure := loadAdapter(directory, arch)
	if failure != nil {
		return nil, failure
	}
	if failure := checkShape(directory, adapter, arch, config); failure != nil {
		return nil, failure
	}
	return adapter, nil
}

// loadAdapter reads the adapter in a directory; nil for none.
func loadAdapter(directory string, arch architecture.Config) (*lora.Adapter, *protocol.Error) {
	if directory == "" {
		return nil, nil
	}
	adapter, err := lora.Load(directory, arch)
	if err != nil {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "init_adapter: %v", err)
	}
	return adapter, nil
}

// checkShape refuses an adapter that does not have the shape of a job's configuration.
func checkShape(directory string, adapter *lora.Adapter, arch architecture.Config, config *protocol.SCUConfig) *protocol.Error {
	layout, err := lora.NewLayout(arch, AdapterConfig(config))
	if err != nil {
		return protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
	}
	have, want := adapter.Layout, layout
	if !slices.Equal(have.Slots, want.Slots) || math.Abs(have.Config.Scale()/want.Config.Scale()-1) > 1e-6 {
		ours, theirs := differences(want.Config, have.Config)
		return protocol.NewError(protocol.CodeInvalidConfig, "the adapter %s has %s, but this job has %s", directory, theirs, ours).
			WithHint("leave these settings out, and they follow the adapter")
	}
	return nil
}

// differences lists the settings in which two adapters differ, with the values of each.
func differences(a, b lora.Config) (ofA, ofB string) {
	var as, bs []string
	add := func(key string, x, y any) {
		if !reflect.DeepEqual(x, y) {
			as, bs = append(as, fmt.Sprintf("%s %v", key, x)), append(bs, fmt.Sprintf("%s %v", key, y))
		}
	}
	add("lora_r", a.Rank, b.Rank)
	add("lora_alpha", a.Alpha, b.Alpha)
	add("use_rslora", a.RankStabilized, b.RankStabilized)
	add("use_dora", a.DoRA, b.DoRA)
	add("target_modules", a.Modules, b.Modules)
	return strings.Join(as, ", "), strings.Join(bs, ", ")
}
