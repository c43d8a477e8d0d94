// Package scu_test guards the architecture: which room of the repository may import which. A new edge between rooms is
// made on purpose, by changing the table below together with the code.
package scu_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/shannon-labs/scu"

// rule is one row of the architecture's table. A package belongs to the row with the longest room that its path
// begins with; a package that belongs to none breaks the architecture too.
type rule struct {
	room     string   // below the module
	imports  []string // the other rooms that it may import; a room stands for those inside it too
	anything bool     // it may import every room
	only     []string // when set, the modules outside this one that it may reach; standard library aside
	never    []string // what it must not reach, through whatever packages: rooms, or import paths outside this module
}

// xla is what loads XLA or builds graphs for it. A room that never reaches it can run where XLA would be a risk or
// slow: a crash in XLA's C++ takes its whole process down.
var xla = []string{"github.com/gomlx/gomlx", "github.com/gomlx/go-xla", "github.com/gomlx/compute"}

// outer are the rooms around the training engine, which is a library that knows of none of them.
var outer = []string{"daemon", "rpc", "kernel", "widgets", "cmd"}

var rules = []rule{
	// The root holds this test only.
	{room: ""},

	// The wire contract: every client shares it, so it draws in nothing.
	{room: "protocol", only: []string{}},
	{room: "protocol/frame", imports: []string{"protocol"}, only: []string{"github.com/vmihailenco"}},

	// The training engine. Its arithmetic and its readers stay light; protocol is known only where results are made up
	// for the outside.
	{room: "trainer", imports: []string{"trainer"}, never: outer},
	{room: "trainer/scu", never: slices.Concat(outer, xla)},
	{room: "trainer/tokenizer", never: slices.Concat(outer, xla)},
	{room: "trainer/architecture", never: slices.Concat(outer, xla)},
	{room: "trainer/durable", never: slices.Concat(outer, xla)},
	{room: "trainer/hostmemory", imports: []string{"trainer/model"}, never: outer}, // its test takes memory through a device
	{room: "trainer/weights", imports: []string{"trainer"}, never: slices.Concat(outer, xla)},
	{room: "trainer/lora", imports: []string{"trainer"}, never: slices.Concat(outer, xla)},
	{room: "trainer/data", imports: []string{"trainer"}, never: slices.Concat(outer, xla)},
	{room: "trainer/checkpoint", imports: []string{"trainer"}, never: slices.Concat(outer, xla)},
	{room: "trainer/plan", imports: []string{"trainer", "protocol"}, never: slices.Concat(outer, xla)},
	{room: "trainer/engine", imports: []string{"trainer", "protocol"}, never: outer},

	// The transport knows what is said and not who trains.
	{room: "rpc", imports: []string{"protocol"}, never: slices.Concat([]string{"trainer", "daemon"}, xla)},

	// The daemon keeps the job store, so it never loads XLA.
	{room: "daemon", imports: []string{"daemon", "protocol", "rpc", "trainer/plan", "trainer/data", "trainer/checkpoint", "trainer/durable"}, never: xla},
	{room: "daemon/schedule", imports: []string{"protocol"}, only: []string{}},

	// Clients.
	{room: "kernel", imports: []string{"protocol", "rpc", "widgets"}, never: []string{"trainer", "daemon"}},
	{room: "widgets", imports: []string{"protocol", "rpc"}, never: []string{"trainer", "daemon", "github.com/go-zeromq/zmq4"}},
	{room: "notebooks", imports: []string{"widgets"}, never: []string{"trainer", "daemon"}},

	// The command line ties the rooms together.
	{room: "cmd", anything: true},

	// The benchmarks measure the rooms as they are put together.
	{room: "bench", anything: true},
}

// listedPackage is what `go list -json` says of a package.
type listedPackage struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	Deps         []string // everything that it reaches
	TestImports  []string
	XTestImports []string
}

func TestArchitecture(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	if len(packages) < len(rules) {
		t.Fatalf("go list told only of %d packages", len(packages))
	}
	for _, violation := range violations(rules, packages) {
		t.Error(violation)
	}
}

// TestViolations shows that each kind of broken row is found, on import graphs made up for it.
func TestViolations(t *testing.T) {
	t.Parallel()
	table := []rule{
		{room: "wire", only: []string{}},
		{room: "frames", imports: []string{"wire"}, only: []string{"example.com/encoding"}},
		{room: "engine", imports: []string{"engine"}, never: []string{"daemon"}},
		{room: "daemon", imports: []string{"wire", "engine/plan"}, never: []string{"example.com/xla"}},
		{room: "cmd", anything: true},
	}
	own := func(path string) string { return module + "/" + path }
	std := listedPackage{ImportPath: "fmt", Standard: true}
	cases := map[string]struct {
		packages []listedPackage
		want     string // in the one violation; empty means none
	}{
		"allowed": {[]listedPackage{
			{ImportPath: own("wire"), Imports: []string{"fmt"}, Deps: []string{"fmt"}},
			{ImportPath: own("engine/plan"), Imports: []string{own("engine/scu")}, Deps: []string{own("engine/scu")}},
			{ImportPath: own("daemon"), Imports: []string{own("wire"), own("engine/plan")}, Deps: []string{own("wire"), own("engine/plan")}},
			{ImportPath: own("cmd/x"), Imports: []string{own("daemon"), "example.com/xla"}, Deps: []string{own("daemon"), "example.com/xla"}},
		}, ""},
		"room not allowed": {[]listedPackage{
			{ImportPath: own("daemon"), Imports: []string{own("engine/loop")}},
		}, "daemon imports engine/loop"},
		"room not allowed in a test": {[]listedPackage{
			{ImportPath: own("daemon"), TestImports: []string{own("engine/loop")}},
		}, "daemon imports engine/loop"},
		"room not allowed in an external test": {[]listedPackage{
			{ImportPath: own("wire"), XTestImports: []string{own("wire"), own("daemon")}},
		}, "wire imports daemon"},
		"reaches what it never may": {[]listedPackage{
			{ImportPath: own("daemon"), Imports: []string{own("wire")}, Deps: []string{own("wire"), "example.com/xla/client"}},
		}, "daemon reaches example.com/xla/client"},
		"reaches a room that it never may": {[]listedPackage{
			{ImportPath: own("engine/loop"), Imports: []string{"example.com/other"}, Deps: []string{"example.com/other", own("daemon/store")}},
		}, "engine/loop reaches daemon/store"},
		"a name that only begins alike": {[]listedPackage{
			{ImportPath: own("daemon"), Deps: []string{"example.com/xlarge"}},
		}, ""},
		"outside module where none may be": {[]listedPackage{
			{ImportPath: own("wire"), Deps: []string{"fmt", "example.com/json"}},
		}, "wire reaches example.com/json"},
		"outside module not in the list": {[]listedPackage{
			{ImportPath: own("frames"), Deps: []string{"example.com/encoding/v5", "example.com/json"}},
		}, "frames reaches example.com/json"},
		"room without a row": {[]listedPackage{
			{ImportPath: own("attic")},
		}, "attic belongs to no row"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := violations(table, append(c.packages, std))
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("found %q where nothing is broken", found)
			case c.want != "" && (len(found) != 1 || !strings.Contains(found[0], c.want)):
				t.Errorf("found %q, want one with %q", found, c.want)
			}
		})
	}
}

// violations says how the packages of this module break the table.
func violations(table []rule, packages []listedPackage) []string {
	standard := map[string]bool{}
	for _, p := range packages {
		standard[p.ImportPath] = p.Standard
	}
	var found []string
	for _, p := range packages {
		room, ours := roomOf(p.ImportPath)
		if !ours {
			continue
		}
		row := rowOf(table, room)
		if row == nil {
			found = append(found, fmt.Sprintf("%s belongs to no row of the architecture's table", room))
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			other, ours := roomOf(imported)
			if ours && !row.mayImport(table, other) {
				found = append(found, fmt.Sprintf("%s imports %s, which the row of %q does not allow", room, other, row.room))
			}
		}
		for _, reached := range p.Deps {
			if !standard[reached] && row.mayNotReach(reached) {
				path, _ := roomOf(reached)
				found = append(found, fmt.Sprintf("%s reaches %s, which the row of %q forbids", room, path, row.room))
			}
		}
	}
	return found
}

// roomOf is the path of a package below the module, or the whole path when it is not of this module.
func roomOf(importPath string) (room string, ours bool) {
	if importPath == module {
		return "", true
	}
	room, ours = strings.CutPrefix(importPath, module+"/")
	return room, ours
}

// rowOf is the row with the longest room that holds the package, nil when there is none.
func rowOf(table []rule, room string) *rule {
	var longest *rule
	for n := range table {
		if within(table[n].room, room) && (longest == nil || len(table[n].room) > len(longest.room)) {
			longest = &table[n]
		}
	}
	return longest
}

// mayImport says whether a package of this row may import a package of this module.
func (r *rule) mayImport(table []rule, room string) bool {
	allowed := func(other string) bool { return within(other, room) }
	return r.anything || rowOf(table, room) == r || slices.ContainsFunc(r.imports, allowed)
}

// mayNotReach says whether a package of this row must not depend on a package that is not of the standard library.
func (r *rule) mayNotReach(importPath string) bool {
	path, ours := roomOf(importPath)
	holds := func(other string) bool { return within(other, path) }
	if slices.ContainsFunc(r.never, holds) {
		return true
	}
	return !ours && r.only != nil && !slices.ContainsFunc(r.only, holds)
}

// within says whether path is the directory outer or lies below it. The root holds nothing but itself.
func within(outer, path string) bool {
	return path == outer || (outer != "" && strings.HasPrefix(path, outer+"/"))
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	showSourcesToTestCache(t)
	command := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Standard,Imports,Deps,TestImports,XTestImports", "./...")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, complaints.String())
	}
	var packages []listedPackage
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("read what go list printed: %v", err)
		}
		packages = append(packages, p)
	}
}

// showSourcesToTestCache looks into every directory of the repository. Go's cache of test results knows which files and
// directories a test has opened, but not what a child such as go list has read; without this an old result would stand
// after a change of imports.
func showSourcesToTestCache(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (path == "bin" || strings.HasPrefix(entry.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatalf("look through the repository: %v", err)
	}
}
