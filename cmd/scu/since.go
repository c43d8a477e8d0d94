package main

import (
	"time"

	"github.com/shannon-labs/scu/daemon/config"
)

// parseMoment reads the value of a flag that names a moment: so long ago, such as 36h or 7d, or the beginning of a day of
// the local calendar, such as 2026-11-30. The flag's name is for the error.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return day, nil
	}
	ago, err := config.ParseDuration(text)
	if err != nil || ago <= 0 {
		return time.Time{}, usageErrorf("--%s is %q; it must be a time that has passed, such as 90m, 24h or 7d, or a day such as %s",
			flag, text, now.Format(time.DateOnly))
	}
	return now.Add(-ago), nil
}
