package frame

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func TestRoundTripKeepsNonFiniteNumbers(t *testing.T) {
	t.Parallel()
	var stream bytes.Buffer
	sent := &Event{Metrics: &protocol.TrainingMetrics{
		Step: 3, DataBPT: protocol.Float(math.NaN()), Loss: protocol.Float(math.Inf(1)), LambdaValue: 0.25,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	}}
	if err := NewWriter(&stream).Write(sent); err != nil {
		t.Fatal(err)
	}
	var got Event
	reader := NewReader(&stream)
	if err := reader.Read(&got); err != nil {
		t.Fatal(err)
	}
	m := got.Metrics
	if m == nil || m.Step != 3 || !math.IsNaN(float64(m.DataBPT)) || !math.IsInf(float64(m.Loss), 1) || m.LambdaValue != 0.25 {
		t.Fatalf("got %+v", m)
	}
	if !m.CreatedAt.Equal(sent.Metrics.CreatedAt) {
		t.Errorf("created at %v, want %v", m.CreatedAt, sent.Metrics.CreatedAt)
	}
	if err := reader.Read(&got); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

// Every kind of order and event comes back as it was sent, and they come in their order on one stream.
func TestRoundTripOfEachKind(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	orders := []any{
		&Order{Start: &Start{
			JobID: "j", Model: "/m", ModelName: "m", TrainData: "/t", ValData: "/v", InitAdapter: "/i", Output: "/o", Device: "cpu",
			Config: protocol.SCUConfig{LoraR: 4, TargetModules: []string{"q_proj"}}, Reasons: map[string]string{"lora_r": "why"},
			Checkpoints: "/c", Cache: "/k", CreatedAt: created, Told: 3, Before: Fit{Parts: 2, GradCheckpointing: true, OutOfMemory: "how"},
		}},
		&Order{Pause: &Pause{Reason: "for now"}}, &Order{Cancel: &Cancel{Reason: "for good"}}, &Order{Stored: &Stored{}},
	}
	events := []any{
		&Event{Phase: &Phase{Phase: protocol.PhaseTraining, Percent: 12.5}}, &Event{Plan: &protocol.Plan{TotalSteps: 7, MemoryBytes: 1 << 40}},
		&Event{Metrics: &protocol.TrainingMetrics{Step: 3, CreatedAt: created}}, &Event{Eval: &protocol.Evaluation{Step: 3, DataBPT: 1.5, TargetTokens: 9}},
		&Event{Log: &Log{Message: "line", Warning: true}}, &Event{Memory: &Memory{Bytes: 1 << 33}}, &Event{Sync: &Sync{}}, &Event{Heartbeat: &Heartbeat{MemoryBytes: 5}},
		&Event{Done: &Done{Summary: protocol.RunSummary{Steps: 3}, Files: []string{"a", "b"}, SizeBytes: 12, SHA256: "ab"}},
		&Event{Paused: &Paused{Step: 3}}, &Event{Failed: protocol.NewError(protocol.CodeOutOfDisk, "full").WithHint("free some")},
	}
	for _, sent := range [][]any{orders, events} {
		var stream bytes.Buffer
		writer := NewWriter(&stream)
		for _, value := range sent {
			if err := writer.Write(value); err != nil {
				t.Fatal(err)
			}
		}
		reader := NewReader(&stream)
		for _, want := range sent {
			got := reflect.New(reflect.TypeOf(want).Elem()).Interface()
			if err := reader.Read(got); err != nil {
				t.Fatal(err)
			}
			// As text: a time comes back in another form of the same zone.
			if got, want := asText(t, got), asText(t, want); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		if err := reader.Read(&Order{}); err != io.EOF {
			t.Errorf("at the end: %v, want io.EOF", err)
		}
	}
	// No kind is left out above.
	if kinds := reflect.TypeFor[Order]().NumField() + reflect.TypeFor[Event]().NumField(); kinds != len(orders)+len(events) {
		t.Errorf("%d kinds, %d of them tested", kinds, len(orders)+len(events))
	}
}

func asText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Wherever a stream ends within a frame, that is told from an end between two.
func TestTruncatedFrameIsAnError(t *testing.T) {
	t.Parallel()
	var stream bytes.Buffer
	writer := NewWriter(&stream)
	for range 2 {
		if err := writer.Write(&Event{Log: &Log{Message: strings.Repeat("x", 100), Warning: true}}); err != nil {
			t.Fatal(err)
		}
	}
	size := stream.Len() / 2 // of a frame
	for cut := range stream.Len() {
		reader := NewReader(bytes.NewReader(stream.Bytes()[:cut]))
		var err error
		for whole := cut / size; whole >= 0; whole-- {
			err = reader.Read(&Event{})
		}
		if between := cut%size == 0; between && err != io.EOF || !between && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a stream cut at byte %d of %d gave %v", cut, size, err)
		}
	}
}

// A reader's error, such as that of a deadline, is told as it is.
func TestAnErrorOfTheStreamIsPassedOn(t *testing.T) {
	t.Parallel()
	if err := NewReader(iotest.ErrReader(os.ErrDeadlineExceeded)).Read(&Event{}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrentWritesDoNotMix(t *testing.T) {
	t.Parallel()
	read, write := io.Pipe()
	writer := NewWriter(write)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 50 {
				if err := writer.Write(&Event{Heartbeat: &Heartbeat{MemoryBytes: int64(i)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { all.Wait(); write.Close() }()
	reader, count := NewReader(read), 0
	for {
		var event Event
		err := reader.Read(&event)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if event.Heartbeat == nil {
			t.Fatalf("got %+v", event)
		}
		count++
	}
	if count != 400 {
		t.Errorf("read %d frames, want 400", count)
	}
}

// Whatever comes, a reader ends with an error and not with a panic, whichever side it is on.
func FuzzReader(f *testing.F) {
	for _, value := range []any{
		&Order{Start: &Start{JobID: "j", Config: protocol.SCUConfig{LoraR: 4}}}, &Order{Pause: &Pause{Reason: "r"}}, &Order{Stored: &Stored{}},
		&Event{Metrics: &protocol.TrainingMetrics{Step: 1}}, &Event{Paused: &Paused{Step: 2}}, &Event{Sync: &Sync{}}, &Event{Memory: &Memory{Bytes: 3}},
	} {
		var stream bytes.Buffer
		if err := NewWriter(&stream).Write(value); err != nil {
			f.Fatal(err)
		}
		f.Add(stream.Bytes())
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		for _, value := range []func() any{func() any { return &Order{} }, func() any { return &Event{} }} {
			reader := NewReader(bytes.NewReader(data))
			for reader.Read(value()) == nil {
			}
		}
	})
}
