package main

import (
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func TestDevicesAndUsage(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	ask := func(arguments ...string) outcomeOf { return scu(t, home, arguments...).expect(t, 0, "") }
	scu(t, home, "usage").expect(t, 0, "no job has run")
	if table := ask("devices").stdout; !strings.Contains(table, "────────── 0 %") {
		t.Errorf("an idle device is shown as\n%s", table)
	}
	ask(trainArguments(modelGood, "done", "--wait")...)
	ask(trainArguments(modelSlow, "slow")...)
	await(t, connectTo(t, home), "slow", func(e protocol.JobEvent) bool { return e.Metrics != nil })

	table := ask("devices", "--since", "1h").stdout
	inOrder(t, table, "DEVICE", "BUSY SINCE", "cpu", "of 1.1 GB", "━", "2", "slow (")
	list := decode[protocol.DeviceListResult](t, ask("devices", "--json"))
	if ago := time.Since(list.Since); len(list.Devices) != 1 || list.Devices[0].Runs != 2 || ago < 23*time.Hour || ago > 25*time.Hour {
		t.Errorf("devices printed %+v", list)
	}

	inOrder(t, ask("usage").stdout, "OWNER", "local", "2", "2", "BEGAN", "slow", "still running", "done", "3", "completed")
	used := decode[protocol.UsageResult](t, ask("usage", "--since", "1d", "--limit", "1", "--json"))
	if len(used.Runs) != 1 || used.Runs[0].Name != "slow" || len(used.Totals) != 1 || used.Totals[0].Runs != 2 || used.Totals[0].Steps != 4 {
		t.Errorf("usage printed %+v", used)
	}
	scu(t, home, "usage", "--limit", "1").expect(t, 0, "and 1 earlier runs")
	scu(t, home, "usage", "--until", "2d").expect(t, 0, "no job has run")
	scu(t, home, "cancel", "slow").expect(t, 0, "")
}

func TestParseMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 30, 0, 0, time.FixedZone("east", 2*60*60))
	cases := map[string]time.Time{
		"24h":        now.Add(-24 * time.Hour),
		"1d12h":      now.Add(-36 * time.Hour),
		"90m":        now.Add(-90 * time.Minute),
		"2w":         now.AddDate(0, 0, -14),
		"2026-03-01": time.Date(2026, 3, 1, 0, 0, 0, 0, now.Location()),
	}
	for text, want := range cases {
		if got, err := parseMoment("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1h", "yesterday", "24", "2026-02-30", "1y"} {
		if got, err := parseMoment("since", text, now); err == nil || !strings.Contains(err.Error(), "--since is ") {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

// FuzzParseMoment wants what is taken to have passed, or to be a day.
func FuzzParseMoment(f *testing.F) {
	for _, seed := range []string{"24h", "1d12h", "2026-03-01", "-5m", "99999999999999999d", "1ms", "\x00"} {
		f.Add(seed)
	}
	now := time.Date(2026, 3, 10, 12, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		moment, err := parseMoment("since", text, now)
		if err != nil {
			return
		}
		if midnight := moment.Truncate(24 * time.Hour).Equal(moment); !moment.Before(now) && !midnight {
			t.Errorf("%q is %v", text, moment)
		}
	})
}
