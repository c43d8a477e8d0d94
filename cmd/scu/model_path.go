package main

import (
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
)

// modelPath finds the base model that --model names.
func (c *console) modelPath(model string) (string, error) {
	if model == "" {
		return "", usageErrorf("--model is missing; after `scu setup` %s is installed", plan.DefaultModel)
	}
	home, err := rpc.Home()
	if err != nil {
		return "", err
	}
	resolved, err := resolveModel(home, model)
	if err != nil {
		return "", err
	}
	path, failure := plan.FindModel(home, resolved)
	if failure != nil {
		return "", failure
	}
	return path, nil
}
