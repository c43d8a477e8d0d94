package data

import (
	"context"
	"runtime"
	"sync"
)

// stretchRows is how many rows a goroutine takes at a time: enough that taking
// them costs nothing, few enough that all end at about the same time.
const stretchRows = 64

// EncodeAll encodes rows on all processors. The samples come in the order of the
// rows, and the result does not depend on the number of processors; of several
// bad rows, the first is the error. Samples without targets teach nothing and are
// left out and counted. A set without any target is an error that says why; the
// report is valid then too.
//
// progress, unless nil, is told how many rows are done of how many; its calls do
// not overlap and are made often.
func (e *Encoder) EncodeAll(ctx context.Context, rows []Row, progress func(done, total int)) ([]Sample, Report, error) {
	stretches, err := e.encodeStretches(ctx, rows, progress)
	if err != nil {
		return nil, Report{}, err
	}
	var report Report
	kept := 0
	for _, s := range stretches {
		kept += len(s.samples)
	}
	samples := make([]Sample, 0, kept)
	for _, s := range stretches {
		report.add(s.report)
		samples = append(samples, s.samples...)
	}
	if report.TargetTokens == 0 {
		return nil, report, e.noTargets(report)
	}
	return samples, report, nil
}

// stretch is what some consecutive rows became.
type stretch struct {
	samples []Sample
	report  Report
	err     error
}

// encodeStretches hands stretches of rows out in order. When one fails, no more
// are begun: those before it have been, so that the first error of all is found.
func (e *Encoder) encodeStretches(ctx context.Context, rows []Row, progress func(done, total int)) ([]stretch, error) {
	stretches := make([]stretch, (len(rows)+stretchRows-1)/stretchRows)
	var mutex sync.Mutex
	next, done, failed := 0, 0, false
	take := func() (i int, ok bool) {
		mutex.Lock()
		defer mutex.Unlock()
		if failed || next == len(stretches) || ctx.Err() != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	finish := func(rowsDone int, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		failed = failed || err != nil
		if done += rowsDone; progress != nil && err == nil {
			progress(done, len(rows))
		}
	}
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(stretches)) {
		workers.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				start := i * stretchRows
				end := min(start+stretchRows, len(rows))
				stretches[i] = e.encodeStretch(rows[start:end], start)
				finish(end-start, stretches[i].err)
			}
		})
	}
	workers.Wait()
	for _, s := range stretches {
		if s.err != nil {
			return nil, s.err
		}
	}
	return stretches, ctx.Err()
}

// encodeStretch encodes rows of which the first has the index start.
func (e *Encoder) encodeStretch(rows []Row, start int) stretch {
	var s stretch
	for i, row := range rows {
		whole, err := e.encodeWhole(row)
		if err != nil {
			return stretch{err: err}
		}
		samples, fate := e.cut(row.Kind, whole)
		s.report.count(whole, fate)
		targets := 0
		for _, sample := range samples {
			n := sample.Targets()
			if n == 0 {
				continue
			}
			sample.Row = start + i
			s.samples = append(s.samples, sample)
			s.report.Samples++
			s.report.Tokens += len(sample.Tokens)
			targets += n
		}
		s.report.TargetTokens += targets
		switch {
		case targets > 0:
			s.report.blankParts(row)
		case fate != dropped:
			s.report.withoutTargets(whole)
		}
	}
	s.compact()
	return s
}

// compact moves the tokens of all samples into one array without room to spare.
func (s *stretch) compact() {
	tokens, target := make([]int32, 0, s.report.Tokens), make([]bool, 0, s.report.Tokens)
	for i := range s.samples {
		sample := &s.samples[i]
		from := len(tokens)
		tokens, target = append(tokens, sample.Tokens...), append(target, sample.Target...)
		to := len(tokens)
		sample.Tokens, sample.Target = tokens[from:to:to], target[from:to:to]
	}
}
