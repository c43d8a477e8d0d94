package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/data/cache"
	"github.com/shannon-labs/scu/trainer/data/source"
)

// encodingVersion is part of every key of the cache. It goes up when the same files and settings give other samples or
// reports than before.
const encodingVersion = 2

// setKey is what a Set follows from.
type setKey struct {
	Version     int
	Build       string
	Model       string // its fingerprint: architecture, tokenizer and chat template
	Train, Val  []keyFile
	Fields      data.Fields
	Separator   string
	BlockSize   int
	Overlong    string
	TrainOn     string
	ValFraction float64 // these two only where rows are held out from the training data
	DataSeed    int64
	Day         string // where the chat template asks for the date
}

// keyFile is one source file. Its name is part of a key because samples tell it.
type keyFile struct {
	Name        string
	Format      source.Format
	Compression source.Compression
	SHA256      string
}

// setDetails is what the cache keeps of a Set besides its samples and reports.
type setDetails struct {
	TrainRows, ValRows, Overlap int
	Detected, ValDetected       []data.Detected
	ReadWarnings                []string
}

// load takes the set from the cache, or tokenises the rows and keeps them. A cache that does not work is told of and done
// without.
func (l *setLoader) load(ctx context.Context) (*Set, error) {
	if l.options.CacheDir == "" {
		return l.tokenise(ctx)
	}
	warn := l.options.Warn
	if warn == nil {
		warn = func(string) {}
	}
	kept, err := cache.Open(filepath.Join(l.options.CacheDir, "encoded"), cache.Options{Warn: warn})
	if err != nil {
		warn(err.Error())
		return l.tokenise(ctx)
	}
	key, err := l.key(ctx, kept)
	if err != nil {
		return nil, err
	}
	entry, hit, err := kept.Load(ctx, key, func(ctx context.Context) (*cache.Entry, error) {
		set, err := l.tokenise(ctx)
		if err != nil {
			return nil, err
		}
		if again, err := l.key(ctx, kept); err != nil {
			return nil, err
		} else if again != key {
			return nil, errors.New("the data files changed while they were read; start again when they are complete")
		}
		return entryOf(set)
	})
	if err != nil {
		return nil, err
	}
	return setOf(entry, hit)
}

func (l *setLoader) key(ctx context.Context, kept *cache.Cache) (cache.Key, error) {
	fingerprint, err := l.source.Fingerprint()
	if err != nil {
		return cache.Key{}, protocol.NewError(protocol.CodeModelUnsupported, "%v", err)
	}
	c := l.options.Config
	key := setKey{
		Version: encodingVersion, Build: build(), Model: fingerprint, Fields: l.read.Fields, Separator: l.read.DocumentSeparator,
		BlockSize: c.BlockSize, Overlong: c.Overlong, TrainOn: c.TrainOn,
	}
	if strings.Contains(l.source.ChatTemplate(), "strftime_now") {
		key.Day = l.now.Format("2006-01-02")
	}
	if key.Train, err = l.files(ctx, kept, l.options.Train); err != nil {
		return cache.Key{}, err
	}
	if l.options.Val == "" {
		key.ValFraction, key.DataSeed = c.ValFraction, c.DataSeed
		return cache.NewKey(key)
	}
	if key.Val, err = l.files(ctx, kept, l.options.Val); err != nil {
		return cache.Key{}, err
	}
	return cache.NewKey(key)
}

func (l *setLoader) files(ctx context.Context, kept *cache.Cache, spec string) ([]keyFile, error) {
	found, err := data.Files(ctx, spec, l.read)
	if err != nil {
		return nil, err
	}
	files := make([]keyFile, len(found))
	for i, file := range found {
		digest, err := kept.Digest(ctx, file.Path)
		if err != nil {
			return nil, err
		}
		files[i] = keyFile{file.Name, file.Format, file.Compression, digest}
	}
	return files, nil
}

// build tells programs apart whose code may differ.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return info.Main.Version
}

func entryOf(set *Set) (*cache.Entry, error) {
	details, err := json.Marshal(setDetails{set.TrainRows, set.ValRows, set.Overlap, set.Detected, set.ValDetected, set.ReadWarnings})
	if err != nil {
		return nil, fmt.Errorf("keep an encoded data set: %w", err)
	}
	return &cache.Entry{
		Train: cache.Part{Samples: set.Train, Report: set.TrainReport}, Val: cache.Part{Samples: set.Val, Report: set.ValReport}, Details: details,
	}, nil
}

func setOf(entry *cache.Entry, hit bool) (*Set, error) {
	var details setDetails
	if err := json.Unmarshal(entry.Details, &details); err != nil {
		return nil, fmt.Errorf("read an encoded data set: %w", err)
	}
	return &Set{
		Train: entry.Train.Samples, Val: entry.Val.Samples, TrainReport: entry.Train.Report, ValReport: entry.Val.Report,
		TrainRows: details.TrainRows, ValRows: details.ValRows, Overlap: details.Overlap, Detected: details.Detected, ValDetected: details.ValDetected,
		ReadWarnings: details.ReadWarnings, FromCache: hit,
	}, nil
}
