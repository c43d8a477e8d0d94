package lora

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// Config is the shape of an adapter.
type Config struct {
	Rank           int
	Alpha          float64
	RankStabilized bool     // the output is scaled by Alpha/√Rank (rsLoRA) and not by Alpha/Rank
	DoRA           bool     // each adapted layer has a magnitude for every output besides (weight-decomposed LoRA)
	Dropout        float64  // on the adapter's input while training, in [0, 1)
	Modules        []string // which linear layers carry an adapter: ends of their names, as PEFT's target_modules
}

// Scale is what the product B A x is multiplied by.
func (c Config) Scale() float64 {
	if c.RankStabilized {
		return c.Alpha / math.Sqrt(float64(c.Rank))
	}
	return c.Alpha / float64(c.Rank)
}

// maxRank keeps sizes from overflowing; it is above the width of any real layer.
const maxRank = 1 << 16

// Validate says which field is out of its range. Whether a model has the modules is for [NewLayout] to say.
func (c Config) Validate() error {
	switch {
	case c.Rank < 1 || c.Rank > maxRank:
		return fmt.Errorf("lora_r is %d; it must be 1 to %d", c.Rank, maxRank)
	case !(c.Alpha > 0) || math.IsInf(c.Alpha, 0):
		return fmt.Errorf("lora_alpha is %g; it must be above 0", c.Alpha)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("lora_dropout is %g; it must be at least 0 and below 1", c.Dropout)
	case len(c.Modules) == 0:
		return errors.New("target_modules is empty; name some linear layers of the model")
	}
	seen := map[string]bool{}
	for _, module := range c.Modules {
		if seen[module] {
			return fmt.Errorf("target_modules names %q twice", module)
		}
		seen[module] = true
	}
	return nil
}

// Slot is where the weights of one adapted layer lie in the flat vector. B is kept transposed there, which is how the
// graph's fast products want it; files have it as PEFT does.
type Slot struct {
	Layer     int
	Module    string // its path inside the block: "self_attn.q_proj"
	Path      string // its path in the model: "model.layers.0.self_attn.q_proj"
	In, Out   int
	A         int // offset of A, [Rank, In] row-major
	B         int // offset of Bᵀ, [Rank, Out] row-major
	Magnitude int // offset of the magnitudes, [Out]; 0 without DoRA
}

// Layout is where every weight of an adapter lies: first the matrices of every layer, then the magnitudes of every layer.
type Layout struct {
	Config   Config
	Slots    []Slot // by layer, then in the order of the forward pass
	Matrices int    // weights of all A and B, which are what the prior is on; magnitudes follow
	Size     int    // weights in all
	// FanInFanOut says that the model stores the weights of the adapted layers as [in, out], as GPT-2 does. It changes
	// nothing here; PEFT's files say so.
	FanInFanOut bool
}

// NewLayout lays out an adapter for a model.
func NewLayout(arch architecture.Config, config Config) (*Layout, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	modules, err := arch.MatchModules(config.Modules)
	if err != nil {
		return nil, err
	}
	layout := &Layout{Config: config}
	for layer := range arch.Layers {
		for _, module := range modules {
			slot := Slot{Layer: layer, Module: module.Name, Path: arch.Path(layer, module.Name), In: module.In, Out: module.Out}
			layout.FanInFanOut = layout.FanInFanOut || module.Transposed
			slot.A = layout.Matrices
			slot.B = slot.A + config.Rank*slot.In
			layout.Matrices = slot.B + config.Rank*slot.Out
			layout.Slots = append(layout.Slots, slot)
		}
	}
	layout.Size = layout.Matrices
	if config.DoRA {
		for i := range layout.Slots {
			layout.Slots[i].Magnitude = layout.Size
			layout.Size += layout.Slots[i].Out
		}
	}
	return layout, nil
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
// B zero, so that the adapted model begins equal to its base. The magnitudes of DoRA are left 0: they begin at the norms of
// the base's rows, which trainer/model computes. The same seed gives the same weights on every machine.
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
