package architecture

import (
	"fmt"
	"slices"
	"strings"
)

// Modules lists the linear layers of a block in the order of the forward pass. Each can carry an adapter.
func (c *Config) Modules() []Linear {
	b := &c.Block
	return slices.Concat(b.QueryKeyValue, []Linear{b.Output}, b.GateUp, []Linear{b.Down})
}

// ModuleNames lists the ends of the modules' names, as PEFT's target_modules have them, in the order of the forward pass
// and each once: with all of them every linear layer of a block carries an adapter.
func (c *Config) ModuleNames() []string {
	var names []string
	for _, module := range c.Modules() {
		if name := lastPart(module.Name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// MatchModules returns the linear layers that some of targets name, in the order of the forward pass. A target names
// every layer whose path it is or ends, as in PEFT: GPT-2's "c_proj" names two. A target that names none is an error.
func (c *Config) MatchModules(targets []string) ([]Linear, error) {
	for _, target := range targets {
		if !slices.ContainsFunc(c.Modules(), func(l Linear) bool { return l.answersTo(target) }) {
			return nil, fmt.Errorf("target_modules names %q; a %s model has %s", target, c.Family, strings.Join(c.ModuleNames(), ", "))
		}
	}
	var matched []Linear
	for _, module := range c.Modules() {
		if slices.ContainsFunc(targets, module.answersTo) {
			matched = append(matched, module)
		}
	}
	return matched, nil
}

// TargetModules returns the linear layers that the target_modules of an adapter name, in the order of the forward pass. As
// in PEFT, a target names every module whose full path it is or ends ("q_proj", "0.attn.c_proj",
// "model.layers.0.mlp.up_proj"), and one that names nothing is passed over. Layers that differ in what is named are an
// error, and so are targets of which none names anything.
func (c *Config) TargetModules(targets []string) ([]Linear, error) {
	wanted := map[string]bool{}
	for _, target := range targets {
		wanted[target] = true
	}
	var named []Linear
	for _, module := range c.Modules() {
		layers := 0
		for layer := range c.Layers {
			if endsIn(c.Path(layer, module.Name), wanted) {
				layers++
			}
		}
		switch layers {
		case 0:
		case c.Layers:
			named = append(named, module)
		default:
			return nil, fmt.Errorf("target_modules names %q in %d of %d layers, which is not supported; supported: the same modules in every layer",
				module.Name, layers, c.Layers)
		}
	}
	if len(named) == 0 {
		return nil, fmt.Errorf("target_modules names no linear layer of a block; a %s model has %s", c.Family, strings.Join(c.ModuleNames(), ", "))
	}
	return named, nil
}

// endsIn says whether the path or what follows one of its dots is wanted.
func endsIn(path string, wanted map[string]bool) bool {
	for {
		if wanted[path] {
			return true
		}
		_, rest, found := strings.Cut(path, ".")
		if !found {
			return false
		}
		path = rest
	}
}

// ShortNames returns the shortest targets that name these linear layers and no others: the last part of a name where all
// layers of the block that end in it are among them, and the path inside the block where not.
func (c *Config) ShortNames(modules []Linear) []string {
	var names []string
	for _, module := range modules {
		name := lastPart(module.Name)
		for _, other := range c.Modules() {
			if lastPart(other.Name) == name && !slices.Contains(modules, other) {
				name = module.Name
				break
			}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (l Linear) answersTo(target string) bool {
	return l.Name == target || strings.HasSuffix(l.Name, "."+target)
}

func lastPart(path string) string { return path[strings.LastIndex(path, ".")+1:] }
