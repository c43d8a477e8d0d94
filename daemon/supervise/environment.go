package supervise

import (
	"slices"
	"strings"
)

// quickening are the variables that make XLA quick and lean. They have to be set before a process starts.
var quickening = []struct{ variable, separator, key, value string }{
	// XLA maps its large temporaries anew in each step; without transparent huge pages a step takes about a fifth longer.
	{"GLIBC_TUNABLES", ":", "glibc.malloc.hugetlb", "1"},
	// An adapter, its gradient and its moments are some tens of megabytes each and made anew in each step. Left to itself
	// the C library soon takes them from its heaps, where they leave holes: the worker took 10 % more memory so.
	{"GLIBC_TUNABLES", ":", "glibc.malloc.mmap_threshold", "16777216"},
	// The scheduler that looks for concurrency keeps more temporaries alive at once: the worker took 8 to 15 % more memory
	// with it, and was no quicker on two cores.
	{"XLA_FLAGS", " ", "--xla_cpu_enable_concurrency_optimized_scheduler", "false"},
}

// WorkerEnvironment is a process's own environment with extra settings, and those that make XLA quick unless someone has
// set them otherwise.
func WorkerEnvironment(own, extra []string) []string {
	environment := append(append([]string{}, own...), extra...)
	for _, q := range quickening {
		value := lookup(environment, q.variable)
		setting := q.key + "=" + q.value
		switch {
		case strings.Contains(value, q.key+"="):
		case value == "":
			environment = append(environment, q.variable+"="+setting)
		default:
			// In place of the one before: of two settings of a variable a program may see either.
			environment = slices.DeleteFunc(environment, func(s string) bool { return strings.HasPrefix(s, q.variable+"=") })
			environment = append(environment, q.variable+"="+value+q.separator+setting)
		}
	}
	return environment
}

// lookup is the value of a variable; the last setting of it holds.
func lookup(environment []string, variable string) string {
	value := ""
	for _, setting := range environment {
		if found, is := strings.CutPrefix(setting, variable+"="); is {
			value = found
		}
	}
	return value
}
