package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestDoctorOnAnEmptyHome(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	got := scu(t, home, "doctor", "--json").expect(t, exitFailed, "need mending")
	findings := decode[[]finding](t, got)
	for _, name := range []string{"plugin", "model"} {
		f := named(t, findings, name)
		if f.OK || f.Fix != "scu setup" {
			t.Errorf("%s is %+v, want it missing and mended by scu setup", name, f)
		}
	}
	for _, name := range []string{"home", "daemon", "hugepages", "memory"} {
		if f := named(t, findings, name); !f.OK {
			t.Errorf("%s is %+v", name, f)
		}
	}
	if table := scu(t, home, "doctor").stdout; !strings.Contains(table, "fix: scu setup") {
		t.Errorf("doctor printed\n%s", table)
	}
	scu(t, home, "daemon", "status").expect(t, exitFailed, "no daemon runs") // doctor has started none
}

func TestDoctorSeesTheDaemon(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	f := named(t, decode[[]finding](t, scu(t, home, "doctor", "--json")), "daemon")
	if !f.OK || !strings.Contains(f.Detail, "process") || f.Fix != "" {
		t.Errorf("the daemon is %+v", f)
	}
}

func TestExamineHome(t *testing.T) {
	t.Parallel()
	open := newHome(t)
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	file := newHome(t) + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		home, want, fix string
		ok              bool
	}{
		"good":         {newHome(t), "mode 0700", "", true},
		"not there":    {newHome(t) + "/none", "does not exist", "scu setup", false},
		"open to all":  {open, "others may write", "chmod 700 " + open, false},
		"a file":       {file, "not a directory", "set SCU_HOME to a directory", false},
		"below a file": {file + "/home", "not a directory", "set SCU_HOME to a directory that you may use", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if f := examineHome(c.home); f.OK != c.ok || !strings.Contains(f.Detail, c.want) || f.Fix != c.fix {
				t.Errorf("finding is %+v", f)
			}
		})
	}
}

func TestExaminePython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if f := examinePython(t.Context(), false); f.OK || f.Fix == "" {
		t.Errorf("with files to fetch: %+v", f)
	}
	if f := examinePython(t.Context(), true); !f.OK || f.Fix == "" {
		t.Errorf("with everything there: %+v", f)
	}
}

func named(t *testing.T, findings []finding, name string) finding {
	t.Helper()
	n := slices.IndexFunc(findings, func(f finding) bool { return f.Name == name })
	if n < 0 {
		t.Fatalf("there is no finding %q in %+v", name, findings)
	}
	return findings[n]
}
