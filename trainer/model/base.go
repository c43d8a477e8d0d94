package model

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/weights"
)

// Base is a frozen base model on a device.
type Base struct {
	Arch    weights.Config
	backend compute.Backend
	compute dtypes.DType
	tensors []*tensors.Tensor // in the order that arrange takes
}

// LoadBase reads a base model and puts it on the device. precision is "f32" or "bf16" and holds for the weights and for
// the operands of every product; norms are always float32. progress, when not nil, is told the share done, 0 to 1.
func LoadBase(backend compute.Backend, source *weights.Model, precision string, progress func(float64)) (*Base, error) {
	b := &Base{Arch: source.Config, backend: backend}
	switch precision {
	case "f32":
		b.compute = dtypes.Float32
	case "bf16":
		b.compute = dtypes.BFloat16
	default:
		return nil, fmt.Errorf("precision is %q; it must be f32 or bf16", precision)
	}
	narrow, err := NewExec(backend, func(x *Node) *Node { return ConvertDType(x, b.compute) })
	if err != nil {
		return nil, err
	}
	defer narrow.Finalize()
	loader := &baseLoader{base: b, source: source, narrow: narrow, progress: progress}
	if err := loader.load(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close frees the device's memory.
func (b *Base) Close() {
	for _, tensor := range b.tensors {
		tensor.MustFinalizeAll()
	}
	b.tensors = nil
}

// baseLoader moves a model's weights to a device, one fused matrix at a time.
type baseLoader struct {
	base     *Base
	source   *weights.Model
	narrow   *Exec
	progress func(float64)
	buffer   []float32
}

func (l *baseLoader) load() error {
	arch := l.base.Arch
	type group struct {
		narrow bool
		names  []string
	}
	groups := []group{{true, []string{"model.embed_tokens"}}}
	for layer := range arch.Layers {
		in := func(names ...string) []string {
			for i := range names {
				names[i] = fmt.Sprintf("model.layers.%d.%s", layer, names[i])
			}
			return names
		}
		groups = append(groups,
			group{false, in("input_layernorm")},
			group{true, in("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")},
			group{true, in("self_attn.o_proj")},
			group{false, in("post_attention_layernorm")},
			group{true, in("mlp.gate_proj", "mlp.up_proj")},
			group{true, in("mlp.down_proj")})
	}
	groups = append(groups, group{false, []string{"model.norm"}})
	if !arch.TieEmbeddings {
		groups = append(groups, group{true, []string{"lm_head"}})
	}
	for i, g := range groups {
		if err := l.fused(g.narrow, g.names); err != nil {
			return err
		}
		if l.progress != nil {
			l.progress(float64(i+1) / float64(len(groups)))
		}
	}
	return nil
}

// fused stacks matrices of one width on each other, [Σ out, in], and puts them on the device.
func (l *baseLoader) fused(narrow bool, names []string) error {
	l.buffer = l.buffer[:0]
	var dimensions []int
	for _, name := range names {
		name += ".weight"
		shape, err := l.source.Shape(name)
		if err != nil {
			return err
		}
		size := 1
		for _, d := range shape {
			size *= d
		}
		from := len(l.buffer)
		if cap(l.buffer) < from+size {
			l.buffer = append(make([]float32, 0, from+size), l.buffer...)
		}
		l.buffer = l.buffer[:from+size]
		if _, err := l.source.Float32(name, l.buffer[from:from:from+size]); err != nil {
			return err
		}
		if dimensions == nil {
			dimensions = append(dimensions, shape...)
		} else {
			dimensions[0] += shape[0]
		}
	}
	tensor := tensors.FromFlatDataAndDimensions(l.buffer, dimensions...)
	if err := tensor.ToDevice(l.base.backend, 0); err != nil {
		return fmt.Errorf("put %s on the device: %w", names[0], err)
	}
	if narrow && l.base.compute != dtypes.Float32 {
		narrowed, err := l.narrow.Call1(tensor)
		tensor.MustFinalizeAll()
		if err != nil {
			return fmt.Errorf("convert %s: %w", names[0], err)
		}
		tensor = narrowed
	}
	l.base.tensors = append(l.base.tensors, tensor)
	return nil
}
