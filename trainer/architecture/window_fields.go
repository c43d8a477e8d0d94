package architecture

import (
	"fmt"
	"slices"
)

// windowSize reads "sliding_window": how many positions a query sees, itself included. Null means no window, and so
// does 0 for otherwise.
func (f *fields) windowSize(otherwise int) int {
	if f.null("sliding_window") {
		return 0
	}
	size := f.integerOr("sliding_window", otherwise)
	if _, present := f.present("sliding_window"); present && size < 1 {
		f.fail(fmt.Errorf("the field \"sliding_window\" is %d, want at least 1, or null for no window", size))
	}
	return size
}

// The values of "layer_types".
const (
	fullAttention    = "full_attention"
	slidingAttention = "sliding_attention"
)

// windows gives each layer its window: by "layer_types" where that is written, else by windowed. Nil means that no layer
// has one.
func (f *fields) windows(layers, size int, windowed func(layer int) bool) []int {
	if layers < 1 || layers > maxLayers {
		return nil // Validate says it
	}
	types := fieldOr(f, "layer_types", "a list of texts", []string(nil))
	if types != nil && len(types) != layers {
		f.fail(fmt.Errorf("the field \"layer_types\" has %d entries for %d layers", len(types), layers))
		return nil
	}
	windows := make([]int, layers)
	for layer := range windows {
		kind := fullAttention
		if types != nil {
			kind = types[layer]
		} else if size > 0 && windowed(layer) {
			kind = slidingAttention
		}
		switch {
		case kind == slidingAttention && size > 0:
			windows[layer] = size
		case kind == slidingAttention:
			f.fail(fmt.Errorf("layer %d is %q by \"layer_types\", but no \"sliding_window\" is in use", layer, slidingAttention))
		case kind != fullAttention:
			f.fail(fmt.Errorf("layer %d is %q by \"layer_types\", which is not supported; supported: %s, %s", layer, kind, fullAttention, slidingAttention))
		}
	}
	if slices.Max(windows) == 0 {
		return nil
	}
	return windows
}

// sameWindows gives every layer the same window, or none where size is 0. transformers reads no "layer_types" for such a
// family; one that says otherwise is refused, as the file is meant for another.
func (f *fields) sameWindows(layers, size int) []int {
	windows := f.windows(layers, size, func(int) bool { return true })
	if size > 0 && (windows == nil || slices.Min(windows) == 0) {
		f.fail(fmt.Errorf("\"layer_types\" has %q, but every layer of this model type has the window of \"sliding_window\"", fullAttention))
	}
	return windows
}
