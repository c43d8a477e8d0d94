package main

import (
	"math"
	"strconv"
	"strings"
)

// parseSettings reads the key=value arguments of --set as the config_overrides of a job. Which keys there are, and
// what each may hold, is the daemon's to say.
func parseSettings(arguments []string) (map[string]any, error) {
	settings := map[string]any{}
	for _, argument := range arguments {
		key, text, found := strings.Cut(argument, "=")
		key = strings.TrimSpace(key)
		if !found || key == "" {
			return nil, usageErrorf("--set %q is not of the form key=value", argument)
		}
		if _, twice := settings[key]; twice {
			return nil, usageErrorf("--set %s is given twice", key)
		}
		settings[key] = parseSetting(key, strings.TrimSpace(text))
	}
	return settings, nil
}

// parseSetting reads one value: a list for target_modules, else a number, true or false, else the text itself.
func parseSetting(key, text string) any {
	if key == "target_modules" {
		var modules []string
		for module := range strings.SplitSeq(text, ",") {
			modules = append(modules, strings.TrimSpace(module))
		}
		return modules
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return whole
	}
	// JSON has no NaN and no infinity, so those go as text and are refused with their name.
	if number, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(number) && !math.IsInf(number, 0) {
		return number
	}
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	return text
}
