package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/store"
)

// examineStore checks the job store of a home. Each problem is a finding; a sound store is one too.
func examineStore(ctx context.Context, home string) ([]finding, error) {
	path := daemon.StorePath(home)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []finding{{Name: "job store", OK: true, Detail: "there is none yet at " + path}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the job store: %w", err)
	}
	problems, err := store.Check(ctx, path)
	if err != nil {
		return nil, err
	}
	if len(problems) == 0 {
		return []finding{{Name: "job store", OK: true, Detail: path + " is sound"}}, nil
	}
	findings := make([]finding, len(problems))
	for n, problem := range problems {
		findings[n] = finding{Name: "job store", Detail: problem}
	}
	findings[len(findings)-1].Fix = fmt.Sprintf("scu daemon stop --now, then put a backup (scu backup) in the place of %s and remove %s-wal and %s-shm", path, path, path)
	return findings, nil
}
