package supervise

import "strings"

// hugePages lets the worker's C library use transparent huge pages. XLA maps its large temporaries anew in each step,
// and without them a step takes about a fifth longer. It has to be set before the process starts.
const hugePages = "glibc.malloc.hugetlb=1"

// WorkerEnvironment is a process's own environment with extra settings, and huge pages unless someone has set them.
func WorkerEnvironment(own, extra []string) []string {
	environment := append(append([]string{}, own...), extra...)
	tunables := ""
	for _, setting := range environment { // the last of a key holds
		if value, found := strings.CutPrefix(setting, "GLIBC_TUNABLES="); found {
			tunables = value
		}
	}
	switch {
	case strings.Contains(tunables, "glibc.malloc.hugetlb="):
	case tunables == "":
		environment = append(environment, "GLIBC_TUNABLES="+hugePages)
	default:
		environment = append(environment, "GLIBC_TUNABLES="+tunables+":"+hugePages)
	}
	return environment
}
