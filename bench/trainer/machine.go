package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// machine is where the figures come from.
type machine struct {
	CPU       string   `json:"cpu"`
	Cores     int      `json:"cores"`
	Extras    []string `json:"extras"`     // of the processor's instructions, those that the arithmetic can use
	HugePages string   `json:"huge_pages"` // the kernel's mode of transparent huge pages
	Load      float64  `json:"load"`       // processes that were running before, averaged over a minute
}

// idleLoad is the load average above which figures are not to be trusted: something else took a part of a core.
const idleLoad = 0.3

func describeMachine() (*machine, error) {
	m := &machine{Cores: runtime.NumCPU()}
	if err := m.readProcessor(); err != nil {
		return nil, err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil, err
	}
	first, _, _ := bytes.Cut(load, []byte(" "))
	if m.Load, err = strconv.ParseFloat(string(first), 64); err != nil {
		return nil, fmt.Errorf("read /proc/loadavg: %w", err)
	}
	modes, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil {
		return nil, err
	}
	_, chosen, _ := strings.Cut(string(modes), "[")
	m.HugePages, _, _ = strings.Cut(chosen, "]")
	return m, nil
}

func (m *machine) readProcessor() error {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "model name":
			m.CPU = strings.TrimSpace(value)
		case "flags":
			m.Extras = nil
			for _, flag := range strings.Fields(value) {
				if slices.Contains([]string{"avx2", "avx512f", "avx512_bf16", "amx_bf16"}, flag) {
					m.Extras = append(m.Extras, flag)
				}
			}
		}
	}
	return lines.Err()
}

// versions are those of Go and of the modules that do the arithmetic.
func versions() []string {
	found := []string{runtime.Version()}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return found
	}
	for _, dependency := range build.Deps {
		if slices.Contains([]string{"github.com/gomlx/gomlx", "github.com/gomlx/go-xla", "github.com/gomlx/compute"}, dependency.Path) {
			found = append(found, dependency.Path+" "+dependency.Version)
		}
	}
	return found
}
