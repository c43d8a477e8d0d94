package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/data/source"
)

// checkedRows is how many rows of a data set are read before a job is queued. Most have fewer; the rest of a longer one is
// checked when the job begins.
const checkedRows = 20_000

// checkData reads the first rows of the data and returns how many bytes there are to train on, and to hold out.
func (p *Planner) checkData(ctx context.Context, spec protocol.JobSpec, config *protocol.SCUConfig, cacheDir string) (trainBytes, valBytes int64, failure *protocol.Error) {
	options, failure := ReadOptions(config, cacheDir)
	if failure != nil {
		return 0, 0, failure
	}
	options.HubEndpoint, options.HubToken = p.hub()
	trainBytes, err := p.checkRows(ctx, spec.TrainData, options)
	if err == nil && spec.ValData != "" {
		valBytes, err = p.checkRows(ctx, spec.ValData, options)
	}
	if err != nil {
		return 0, 0, invalidData(err)
	}
	return trainBytes, valBytes, nil
}

// checkRows reads the first rows of one data set, unless they have been read, and returns the bytes of all of it as stored.
// What lies on the network may be another one each time.
func (p *Planner) checkRows(ctx context.Context, name string, options data.ReadOptions) (int64, error) {
	read := func(ctx context.Context) (int64, error) { return readFirst(ctx, name, options) }
	if source.IsRemote(name) {
		return read(ctx)
	}
	identifyData := func() (filesIdentity, error) {
		files, err := data.Files(ctx, name, options)
		if err != nil {
			return filesIdentity{}, err
		}
		paths := make([]string, len(files))
		for i, file := range files {
			paths[i] = file.Path
		}
		return identify(paths...)
	}
	return p.data.get(ctx, identifyData, fmt.Sprintf("%q %q", options.Fields, options.DocumentSeparator), read)
}

func readFirst(ctx context.Context, name string, options data.ReadOptions) (bytes int64, err error) {
	reader, err := data.Open(ctx, name, options)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, err := range reader.Rows(ctx) {
		if err != nil {
			return 0, err
		}
		if count++; count == checkedRows {
			break
		}
	}
	for _, file := range reader.Files() {
		bytes += file.Size
	}
	return bytes, nil
}

// invalidData gives an error of reading rows its code, unless it has one.
func invalidData(err error) *protocol.Error {
	var known *protocol.Error
	switch {
	case errors.As(err, &known):
		return known
	case isCancelled(err):
		return protocol.NewError(protocol.CodeCancelled, "%v", err)
	}
	return protocol.NewError(protocol.CodeDatasetInvalid, "%v", err)
}
