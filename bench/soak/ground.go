package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/shannon-labs/scu/bench/soak/powercut"
)

// ground is where a soak takes place: its directory, with all that the processes and the driver keep.
type ground struct {
	directory string   // short, so that the socket's path fits
	home      string   // the daemon's
	journals  string   // what workers write down
	scripts   string   // what jobs are made of
	power     string   // what the disk holds for certain
	log       string   // what the daemons print
	mark      string   // that all processes bear in their environment
	settings  []string // of the daemon, as KEY=value
}

// The variables by which processes know of each other. They say nothing to the daemon.
const (
	markVariable     = "SOAK_MARK"
	journalsVariable = "SOAK_JOURNALS"
)

func newGround() (*ground, error) {
	directory, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(directory, name) }
	g := &ground{
		directory: directory, home: in("home"), journals: in("journals"), scripts: in("scripts"), power: in("power"), log: in("daemons.log"),
		mark: filepath.Base(directory),
	}
	for _, path := range []string{g.home, g.journals, g.scripts, g.power} {
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *ground) database() string    { return filepath.Join(g.home, "scu.db") }
func (g *ground) adapters() string    { return filepath.Join(g.home, "adapters") }
func (g *ground) checkpoints() string { return filepath.Join(g.home, "checkpoints") }
func (g *ground) logs() string        { return filepath.Join(g.home, "logs") }

// environment is that of a daemon. machine is nil where its power is never cut.
func (g *ground) environment(machine *powercut.Machine) []string {
	var variables []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "SCU_") { // settings of the person who runs this
			variables = append(variables, variable)
		}
	}
	variables = append(append(variables, g.settings...), markVariable+"="+g.mark, journalsVariable+"="+g.journals, "SCU_HOME="+g.home)
	if machine != nil {
		variables = append(variables, machine.Environment()...)
	}
	return variables
}
