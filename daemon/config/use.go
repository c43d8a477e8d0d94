package config

import "path"

// Of is the quota of an owner.
func (q Quotas) Of(owner string) Quota {
	if own, found := q.Owners[owner]; found {
		return own
	}
	return q.Default
}

// AllowsModel says whether jobs may use a base model of any of these names, such as what was asked for and the path that
// it was found at. A pattern is one of path.Match, so that * stops at a slash.
func (s Security) AllowsModel(names ...string) bool {
	if len(s.AllowedModels) == 0 {
		return true
	}
	for _, pattern := range s.AllowedModels {
		for _, name := range names {
			if matched, err := path.Match(pattern, name); err == nil && matched { // patterns were checked when they were read
				return true
			}
		}
	}
	return false
}

// Environment is what a worker's environment must hold, each as NAME=value, for it to reach the Hub as configured.
func (h HuggingFace) Environment() []string {
	variables := []string{"HF_ENDPOINT=" + h.Endpoint}
	if token := h.Token.Reveal(); token != "" {
		variables = append(variables, "HF_TOKEN="+token)
	}
	return variables
}
