package architecture

import "fmt"

// Tensor is one tensor that a model's checkpoint must have.
type Tensor struct {
	Name  string // "model.layers.0.self_attn.q_proj.weight"
	Shape []int  // as stored
}

// Tensors lists every tensor of the model: embedding, learned positions, layers from the first, final norm, and the head
// unless it is tied.
func (c *Config) Tensors() []Tensor {
	tensors := []Tensor{{c.Names.Embedding + ".weight", []int{c.Vocab, c.Hidden}}}
	if c.LearnedPositions {
		tensors = append(tensors, Tensor{c.Names.Positions + ".weight", []int{c.ContextLength, c.Hidden}})
	}
	for layer := range c.Layers {
		tensors = append(tensors, c.blockTensors(layer)...)
	}
	tensors = c.appendNorm(tensors, c.Names.FinalNorm, c.Hidden)
	if !c.TieEmbeddings {
		tensors = append(tensors, Tensor{c.Names.Head + ".weight", []int{c.Vocab, c.Hidden}})
	}
	return tensors
}

// Path is the full name of what has this name inside a layer's block.
func (c *Config) Path(layer int, name string) string {
	return fmt.Sprintf("%s.%d.%s", c.Names.Layers, layer, name)
}

func (c *Config) blockTensors(layer int) []Tensor {
	var tensors []Tensor
	b := &c.Block
	norm := func(name string, width int) {
		if name != "" {
			tensors = c.appendNorm(tensors, c.Path(layer, name), width)
		}
	}
	linear := func(layers ...Linear) {
		for _, l := range layers {
			shape := []int{l.Out, l.In}
			if l.Transposed {
				shape = []int{l.In, l.Out}
			}
			tensors = append(tensors, Tensor{c.Path(layer, l.Name) + ".weight", shape})
			if l.Bias {
				tensors = append(tensors, Tensor{c.Path(layer, l.Name) + ".bias", []int{l.Out}})
			}
		}
	}
	norm(b.AttentionNorm, c.Hidden)
	linear(b.QueryKeyValue...)
	norm(b.QueryNorm, c.HeadDim)
	norm(b.KeyNorm, c.HeadDim)
	linear(b.Output)
	norm(b.PostAttentionNorm, c.Hidden)
	norm(b.FeedForwardNorm, c.Hidden)
	linear(b.GateUp...)
	linear(b.Down)
	norm(b.PostFeedForwardNorm, c.Hidden)
	return tensors
}

func (c *Config) appendNorm(tensors []Tensor, path string, width int) []Tensor {
	tensors = append(tensors, Tensor{path + ".weight", []int{width}})
	if c.Norm.Kind == LayerNorm {
		tensors = append(tensors, Tensor{path + ".bias", []int{width}})
	}
	return tensors
}
