package architecture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// rope is what a config.json says of rotary positions. transformers before version 5 writes rope_theta and rope_scaling,
// from 5 on rope_parameters, with the same members and the theta.
type rope struct {
	Theta           *float64 `json:"rope_theta"`
	RopeType        string   `json:"rope_type"`
	Type            string   `json:"type"` // the older name of rope_type
	Factor          *float64 `json:"factor"`
	Low             *float64 `json:"low_freq_factor"`
	High            *float64 `json:"high_freq_factor"`
	OriginalContext *float64 `json:"original_max_position_embeddings"`
	Partial         *float64 `json:"partial_rotary_factor"`

	field string // where it was read, for messages
}

// The types of scaling that the vocabulary has.
const (
	ropeDefault = "default"
	ropeLinear  = "linear"
	ropeLlama3  = "llama3"
)

// rotary reads the positions of a family that turns whole heads.
func (f *fields) rotary(headDim, context int) Rotary {
	r := f.rope("rope_theta", "partial_rotary_factor", 1)
	f.wholeHeads(r)
	return f.turn(r, headDim, context, ropeDefault, ropeLinear, ropeLlama3)
}

// partialRotary reads the positions of a family that may turn only a part of each head.
func (f *fields) partialRotary(theta, partial string, otherwise float64, headDim, context int, supported ...string) Rotary {
	return f.turn(f.rope(theta, partial, otherwise), headDim, context, supported...)
}

func (f *fields) wholeHeads(r rope) {
	if *r.Partial != 1 {
		f.fail(fmt.Errorf("partial_rotary_factor is %g, which is not supported for this model type; supported: 1", *r.Partial))
	}
}

// rope reads one description for all layers. theta and partial are the names of the fields outside of it, which count
// where it lacks them.
func (f *fields) rope(theta, partial string, otherwise float64) rope {
	var r rope
	for _, field := range []string{"rope_scaling", "rope_parameters"} {
		raw, present := f.present(field)
		if !present || string(raw) == "{}" {
			continue
		}
		var byLayerType map[string]json.RawMessage
		if json.Unmarshal(raw, &byLayerType) == nil && (byLayerType[fullAttention] != nil || byLayerType[slidingAttention] != nil) {
			f.fail(fmt.Errorf("%q differs by the type of the layer, which is supported for gemma3_text only", field))
			break
		}
		r = f.decodeRope(field, raw)
		break
	}
	return r.withDefaults(f.numberOr(theta, 10000), f.numberOr(partial, otherwise))
}

func (f *fields) decodeRope(field string, raw json.RawMessage) rope {
	r := rope{field: field}
	if err := json.Unmarshal(raw, &r); err != nil {
		f.fail(fmt.Errorf("%q: %w", field, err))
	}
	return r
}

func (r rope) withDefaults(theta, partial float64) rope {
	if r.Theta == nil {
		r.Theta = &theta
	}
	if r.Partial == nil {
		r.Partial = &partial
	}
	return r
}

// turn makes the frequencies for the part of a head that turns. context is the longest sequence of the model, which
// llama3 scaling takes for the original one where that is missing.
func (f *fields) turn(r rope, headDim, context int, supported ...string) Rotary {
	kind := f.ropeKind(r, supported)
	theta, part := *r.Theta, *r.Partial
	switch {
	case !(theta > 0):
		f.fail(fmt.Errorf("the rope theta is %g, want above 0", theta))
		return Rotary{}
	case !(part > 0 && part <= 1):
		f.fail(fmt.Errorf("the share of a head that turns is %g, want above 0 and at most 1", part))
		return Rotary{}
	case headDim < 1 || headDim > maxHeadDim:
		return Rotary{} // Validate says it
	}
	dimensions := int(float64(headDim) * part)
	if dimensions%2 != 0 || dimensions == 0 {
		f.fail(fmt.Errorf("positions turn %d elements of the head dimension %d, want an even number above 0", dimensions, headDim))
		return Rotary{}
	}
	return f.scaled(NewRotary(dimensions, theta), r, kind, context)
}

func (f *fields) ropeKind(r rope, supported []string) string {
	kind := r.RopeType
	if kind == "" {
		kind = r.Type
	}
	if kind == "" {
		kind = ropeDefault
	}
	if r.Type != "" && r.Type != kind {
		f.fail(fmt.Errorf("%q has the rope_type %q and the type %q; they must be the same", r.field, kind, r.Type))
	}
	if !slices.Contains(supported, kind) {
		f.fail(fmt.Errorf("%q has the type %q, which is not supported; supported: %s", r.field, kind, strings.Join(supported, ", ")))
	}
	return kind
}

func (f *fields) scaled(rotary Rotary, r rope, kind string, context int) Rotary {
	switch kind {
	case ropeLinear:
		return rotary.linear(f.ropeNumber(r, "factor", r.Factor))
	case ropeLlama3:
		factor, low, high := f.ropeNumber(r, "factor", r.Factor), f.ropeNumber(r, "low_freq_factor", r.Low), f.ropeNumber(r, "high_freq_factor", r.High)
		original := float64(context)
		if r.OriginalContext != nil {
			original = f.ropeNumber(r, "original_max_position_embeddings", r.OriginalContext)
		}
		if low >= high {
			f.fail(fmt.Errorf("%q has low_freq_factor %g and high_freq_factor %g; the first must be the smaller", r.field, low, high))
		}
		return rotary.llama3(factor, low, high, original)
	}
	return rotary
}

// ropeNumber is a member that the scaling needs, above 0.
func (f *fields) ropeNumber(r rope, name string, value *float64) float64 {
	if value == nil {
		f.fail(fmt.Errorf("%q lacks %q", r.field, name))
		return 1
	}
	if !(*value > 0) {
		f.fail(fmt.Errorf("%q has the %s %g, want above 0", r.field, name, *value))
		return 1
	}
	return *value
}
