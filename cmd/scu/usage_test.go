package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// TestWrongUsage needs no daemon: none of these may start one.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	cases := map[string]struct {
		arguments string
		want      string
	}{
		"unknown verb":         {"trian", "trian"},
		"unknown flag":         {"jobs --colour", "colour"},
		"no base model":        {"train --dataset x.jsonl", "--base-model is missing"},
		"no data":              {"train --base-model m", "--dataset is missing"},
		"flag of a wrong kind": {"train --base-model m --dataset d --target-s much", "target-s"},
		"setting without =":    {"train --base-model m --dataset d --set lora_r", "key=value"},
		"setting twice":        {"train --base-model m --dataset d --set lora_r=1 --set lora_r=2", "twice"},
		"name missing":         {"logs", "arg"},
		"two names":            {"status a b", "arg"},
		"unknown status":       {"jobs --status done", "done"},
		"negative limit":       {"jobs --limit -1", "--limit"},
		"no output":            {"download a", "--output is missing"},
		"negative cursor":      {"events a --after -3", "--after"},
		"fields without pairs": {"eval --model m --data d --fields question", `--fields has "question", which is no pair`},
		"daemon's verb":        {"daemon strat", "strat"},
		"stop in two ways":     {"daemon stop --now --drain", "drain"},
		"no name to pause":     {"pause", "arg"},
		"no priority":          {"priority a", "scu priority NAME N"},
		"priority of two jobs": {"priority a b 3", "scu priority NAME N"},
		"priority in words":    {"priority a high", `"high" is not a whole number`},
		"priority too high":    {"priority a 101", "-100 to 100"},
		"priority too low":     {"priority a -101", "-100 to 100"},
		"priority's flag":      {"priority a 1 --colour", "colour"},
		"delete in two ways":   {"delete a --adapter --with-adapter", "with-adapter"},
		"queue's verb":         {"queue resmue", "resmue"},
		"since a word":         {"devices --since yesterday", `--since is "yesterday"`},
		"since the future":     {"usage --since -2h", "--since"},
		"no runs":              {"usage --limit 0", "--limit is 0"},
		"too many runs":        {"usage --limit 1001", "--limit is 1001"},
		"no file to back up":   {"backup", "arg"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := scu(t, home, append(strings.Fields(c.arguments), "--json")...).expect(t, exitUsage, c.want)
			var printed map[string]protocol.Error
			if err := json.Unmarshal([]byte(got.stdout), &printed); err != nil || printed["error"].Code != codeUsage {
				t.Errorf("standard output is %q, want an error object (%v)", got.stdout, err)
			}
			if !strings.HasPrefix(got.stderr, "scu: ") || !strings.Contains(got.stderr, "\n  hint: ") {
				t.Errorf("standard error is not in the form of an error: %q", got.stderr)
			}
		})
	}
}

func TestRefusalsAreNotUsage(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	scu(t, home, "train", "--base-model", "m", "--dataset", "d", "--target-s", "7").expect(t, exitFailed, "target_s is 7")
	scu(t, home, "train", "--base-model", "m", "--dataset", "d", "--name", "../x").expect(t, exitFailed, "adapter_name")
	scu(t, home, "setup", "--device", "cuda").expect(t, exitFailed, `no plugin for device "cuda"`)
	scu(t, "/dev/null/home", "setup").expect(t, exitFailed, "/dev/null/home")
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	if help := scu(t, home, "--help").expect(t, 0, ""); !strings.Contains(help.stdout, "train") || strings.Contains(help.stdout, "worker") {
		t.Errorf("help lists the wrong verbs:\n%s", help.stdout)
	}
	report := decode[versionReport](t, scu(t, home, "version", "--json").expect(t, 0, ""))
	if report.Version != version || report.BuildID == "unknown" || report.BuildID != buildID() {
		t.Errorf("version printed %+v; this very program's build is %s", report, buildID())
	}
}
