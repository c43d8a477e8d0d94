package store

import (
	"context"
	"database/sql"
	"time"
)

// DeviceUse is how busy a device was in some time.
type DeviceUse struct {
	BusySeconds float64 // in which at least one job ran
	JobSeconds  float64 // summed over jobs, so that two at once count twice
	Runs        int     // that were on it in that time
}

// DeviceUse returns how busy each device was from a time until now, by the device's name. Devices without runs are not in it.
func (s *Store) DeviceUse(ctx context.Context, since time.Time) (map[string]DeviceUse, error) {
	from, to := micros(since), micros(s.now())
	rows, err := s.read.QueryContext(ctx, `
SELECT device, max(began_at, ?1), min(coalesce(ended_at, ?2), ?2) FROM usage
WHERE ?1 < ?2 AND (ended_at IS NULL OR ended_at > ?1) AND began_at < ?2 ORDER BY device, began_at`, from, to)
	if err != nil {
		return nil, s.explain("read the use of devices", err)
	}
	use, err := scanDeviceUse(rows)
	if err != nil {
		return nil, s.explain("read the use of devices", err)
	}
	return use, nil
}

// scanDeviceUse sums intervals that come in the order of device and beginning.
func scanDeviceUse(rows *sql.Rows) (map[string]DeviceUse, error) {
	defer rows.Close()
	use := map[string]DeviceUse{}
	var device string
	var covered int64 // until when the present device's busy time is counted
	for rows.Next() {
		var next string
		var began, ended int64
		if err := rows.Scan(&next, &began, &ended); err != nil {
			return nil, err
		}
		if next != device {
			device, covered = next, 0
		}
		sum := use[device]
		sum.Runs++
		sum.JobSeconds += seconds(ended - began)
		sum.BusySeconds += seconds(max(0, ended-max(began, covered)))
		use[device], covered = sum, max(covered, ended)
	}
	return use, rows.Err()
}

func seconds(micros int64) float64 { return float64(micros) / 1e6 }
