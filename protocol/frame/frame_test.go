package frame

import (
	"bytes"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
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

func TestTruncatedFrameIsAnError(t *testing.T) {
	t.Parallel()
	var stream bytes.Buffer
	if err := NewWriter(&stream).Write(&Event{Log: &Log{Message: strings.Repeat("x", 100)}}); err != nil {
		t.Fatal(err)
	}
	var got Event
	err := NewReader(bytes.NewReader(stream.Bytes()[:40])).Read(&got)
	if err == nil || err == io.EOF {
		t.Fatalf("a frame cut short gave %v", err)
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

func FuzzReader(f *testing.F) {
	var stream bytes.Buffer
	if err := NewWriter(&stream).Write(&Order{Start: &Start{JobID: "j", Config: protocol.SCUConfig{LoraR: 4}}}); err != nil {
		f.Fatal(err)
	}
	f.Add(stream.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		reader := NewReader(bytes.NewReader(data))
		for {
			var order Order
			if reader.Read(&order) != nil {
				return
			}
		}
	})
}
