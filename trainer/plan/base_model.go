package plan

import (
	"context"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/architecture"
)

// baseModel is what planning has to know of a base model.
type baseModel struct {
	architecture architecture.Config // shared by all who ask: not to be changed
	parameters   int64
}

// baseModel opens a model to see that it is whole and what it is made of, unless it has been seen.
func (p *Planner) baseModel(ctx context.Context, path string) (baseModel, *protocol.Error) {
	identifyModel := func() (filesIdentity, error) { return identifyTree(path) }
	model, err := p.models.get(ctx, identifyModel, "", func(context.Context) (baseModel, error) {
		source, failure := OpenModel(path)
		if failure != nil {
			return baseModel{}, failure
		}
		defer source.Close()
		return baseModel{source.Config, source.Config.Parameters()}, nil
	})
	if err != nil {
		return baseModel{}, Explain(err)
	}
	return model, nil
}
