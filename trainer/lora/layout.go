package lora

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/trainer/weights"
)

// Modules are the linear layers of a block that can carry an adapter, in the order of the forward pass.
var Modules = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// Config is the shape of an adapter.
type Config struct {
	Rank    int
	Alpha   float64  // the output is scaled by Alpha/Rank
	Dropout float64  // on the adapter's input while training, in [0, 1)
	Modules []string // a subset of Modules, without repeats
}

// Scale is what the product B A x is multiplied by.
func (c Config) Scale() float64 { return c.Alpha / float64(c.Rank) }

// Validate says which field is out of its range.
func (c Config) Validate() error {
	switch {
	case c.Rank < 1:
		return fmt.Errorf("lora_r is %d; it must be at least 1", c.Rank)
	case !(c.Alpha > 0) || math.IsInf(c.Alpha, 0):
		return fmt.Errorf("lora_alpha is %g; it must be above 0", c.Alpha)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("lora_dropout is %g; it must be at least 0 and below 1", c.Dropout)
	case len(c.Modules) == 0:
		return fmt.Errorf("target_modules is empty; name some of %s", strings.Join(Modules, ", "))
	}
	seen := map[string]bool{}
	for _, module := range c.Modules {
		if !slices.Contains(Modules, module) {
			return fmt.Errorf("target_modules names %q; known are %s", module, strings.Join(Modules, ", "))
		}
		if seen[module] {
			return fmt.Errorf("target_modules names %q twice", module)
		}
		seen[module] = true
	}
	return nil
}

// Slot is where the two matrices of one adapted layer lie in the flat vector. B is kept transposed there, which is how
// the graph's fast products want it; files have it as PEFT does.
type Slot struct {
	Layer   int
	Module  string
	In, Out int
	A       int // offset of A, [Rank, In] row-major
	B       int // offset of Bᵀ, [Rank, Out] row-major
}

// Layout is where every weight of an adapter lies.
type Layout struct {
	Config Config
	Slots  []Slot // by layer, then in the order of Modules
	Size   int    // weights in all
}

// NewLayout lays out an adapter for a model.
func NewLayout(arch weights.Config, config Config) (*Layout, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	layout := &Layout{Config: config}
	for layer := range arch.Layers {
		for _, module := range Modules {
			if !slices.Contains(config.Modules, module) {
				continue
			}
			slot := Slot{Layer: layer, Module: module}
			slot.In, slot.Out = Dimensions(arch, module)
			slot.A = layout.Size
			slot.B = slot.A + config.Rank*slot.In
			layout.Size = slot.B + slot.Out*config.Rank
			layout.Slots = append(layout.Slots, slot)
		}
	}
	return layout, nil
}

// Dimensions returns the widths of a module's input and output.
func Dimensions(arch weights.Config, module string) (in, out int) {
	attention := arch.Heads * arch.HeadDim
	switch module {
	case "q_proj":
		return arch.Hidden, attention
	case "k_proj", "v_proj":
		return arch.Hidden, arch.KVHeads * arch.HeadDim
	case "o_proj":
		return attention, arch.Hidden
	case "gate_proj", "up_proj":
		return arch.Hidden, arch.Intermediate
	case "down_proj":
		return arch.Intermediate, arch.Hidden
	}
	panic(fmt.Sprintf("lora: no module %q", module))
}

// Find returns the slot of a layer's module.
func (l *Layout) Find(layer int, module string) (Slot, bool) {
	for _, slot := range l.Slots {
		if slot.Layer == layer && slot.Module == module {
			return slot, true
		}
	}
	return Slot{}, false
}

// Initial returns the weights at which training begins: A uniform in ±1/√in (kaiming-uniform with a = √5, as PEFT does),
// B zero, so that the adapted model begins equal to its base. The same seed gives the same weights on every machine.
func (l *Layout) Initial(seed int64) []float32 {
	values := make([]float32, l.Size)
	random := rand.NewPCG(uint64(seed), 0x6c6f7261) // the second word keeps this stream apart from others of the same seed
	for _, slot := range l.Slots {
		bound := 1 / math.Sqrt(float64(slot.In))
		a := values[slot.A : slot.A+l.Config.Rank*slot.In]
		for i := range a {
			unit := float64(random.Uint64()>>11) / (1 << 53) // uniform in [0, 1)
			a[i] = float32((2*unit - 1) * bound)
		}
	}
	return values
}

// ExpectedInitialSquares returns E[Σw²] of Initial: rank/3 for each adapted matrix, since A has rank×in weights of
// variance 1/(3·in).
func (l *Layout) ExpectedInitialSquares() float64 {
	return float64(len(l.Slots)) * float64(l.Config.Rank) / 3
}
