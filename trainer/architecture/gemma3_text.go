package architecture

import (
	"encoding/json"
	"fmt"
)

// gemma3Text is the text model of Gemma 3: Gemma 2 without bounds on the attention's products, with a norm on each query
// and key head, and windows in all but every sixth layer, whose positions turn by a theta of their own.
func gemma3Text(f *fields) Config {
	c := f.gemmaDecoder(131072, 4)
	c.Rotary, c.LocalRotary = f.gemma3Rotary(c)
	c.AttentionScale = inverseRoot(f.numberOr("query_pre_attn_scalar", 256))
	if f.softCap("attn_logit_softcapping", 0) != 0 { // transformers has the field, but its attention ignores it
		f.fail(fmt.Errorf("%q is set, which is not supported for gemma3_text; supported: null", "attn_logit_softcapping"))
	}
	c.FinalSoftCap = f.softCap("final_logit_softcapping", 0)
	pattern := f.integerOr("sliding_window_pattern", 6)
	if pattern < 1 {
		f.fail(fmt.Errorf("the field \"sliding_window_pattern\" is %d, want at least 1", pattern))
		pattern = 1
	}
	c.Windows = f.windows(c.Layers, f.windowSize(4096), func(layer int) bool { return (layer+1)%pattern != 0 })
	c.Activation = f.activation("hidden_activation", GELUTanh)
	c.Block.addOutputNorms()
	c.Block.QueryNorm, c.Block.KeyNorm = "self_attn.q_norm", "self_attn.k_norm"
	return c
}

// gemma3Rotary reads the positions of the layers without and with a window. Before version 5 transformers wrote
// rope_theta with rope_scaling for the first and rope_local_base_freq for the second, from 5 on rope_parameters by the
// type of the layer; rope_scaling never counts for layers with a window.
func (f *fields) gemma3Rotary(c Config) (global, local Rotary) {
	var byLayerType map[string]json.RawMessage
	if raw, present := f.present("rope_parameters"); present {
		if err := json.Unmarshal(raw, &byLayerType); err != nil {
			f.fail(fmt.Errorf("\"rope_parameters\": %w", err))
		}
		for member := range byLayerType {
			if member != fullAttention && member != slidingAttention {
				f.fail(fmt.Errorf("\"rope_parameters\" has the member %q; a gemma3_text model has %s and %s there", member, fullAttention, slidingAttention))
			}
		}
	}
	read := func(layerType, thetaField string, theta float64) Rotary {
		var r rope
		if raw, present := byLayerType[layerType]; present {
			r = f.decodeRope("rope_parameters", raw)
		}
		if raw, present := f.present("rope_scaling"); present && layerType == fullAttention {
			r = f.decodeRope("rope_scaling", raw)
		}
		r = r.withDefaults(f.numberOr(thetaField, theta), f.numberOr("partial_rotary_factor", 1))
		f.wholeHeads(r)
		return f.turn(r, c.HeadDim, c.ContextLength, ropeDefault, ropeLinear, ropeLlama3)
	}
	return read(fullAttention, "rope_theta", 1e6), read(slidingAttention, "rope_local_base_freq", 1e4)
}
