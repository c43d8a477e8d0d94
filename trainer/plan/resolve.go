package plan

import (
	"slices"

	"github.com/shannon-labs/scu/protocol"
)

// resolve fills the configuration: defaults, then what the specification names, then its overrides.
func resolve(spec protocol.JobSpec, s situation) (protocol.SCUConfig, map[string]string, *protocol.Error) {
	config, reasons, failure := defaults(s)
	if failure != nil {
		return config, nil, failure
	}
	chosen := map[string]any{}
	if spec.TargetS != nil {
		chosen["target_s"] = *spec.TargetS
	}
	if spec.ValFraction != nil {
		chosen["val_fraction"] = *spec.ValFraction
	}
	for key, value := range spec.ConfigOverrides {
		chosen[key] = value
	}
	if failure := override(&config, chosen); failure != nil {
		return config, nil, failure
	}
	for key := range chosen {
		reasons[key] = "as asked for"
	}
	if len(config.TargetModules) == 1 && config.TargetModules[0] == "all-linear" {
		config.TargetModules = slices.Clone(s.modules)
	}
	derive(&config, s, chosen, reasons)
	if failure := check(&config); failure != nil {
		return config, nil, failure
	}
	if config.BlockSize > s.context {
		return config, nil, protocol.NewError(protocol.CodeInvalidConfig, "block_size is %d, but the model was made for %d tokens", config.BlockSize, s.context).
			WithHint("set block_size to at most %d", s.context)
	}
	return config, reasons, nil
}
