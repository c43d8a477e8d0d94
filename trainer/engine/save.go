package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/durable"
	"github.com/shannon-labs/scu/trainer/lora"
)

// runFile records, beside the adapter, what made it and what was measured.
const runFile = "scu_run.json"

// Saved is an adapter that stands whole on disk.
type Saved struct {
	Files     []string // names inside the directory
	SizeBytes int64
	SHA256    string // of adapter_model.safetensors, in hexadecimal
}

// saveAdapter writes the adapter to the job's output, which must not exist: into a temporary directory beside it first, then
// read back and checked, synced and renamed.
func (r *run) saveAdapter(ctx context.Context, adapter *lora.Adapter, summary *protocol.RunSummary) (saved *Saved, err error) {
	output := r.job.Output
	if _, err := os.Lstat(output); err == nil {
		return nil, fmt.Errorf("save the adapter: %s exists already", output)
	}
	parent := filepath.Dir(output)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("save the adapter: %w", err)
	}
	err = durable.WithRoom(parent, adapterBytes(adapter), r.freeBytes, func() (err error) {
		saved, err = r.writeAdapter(ctx, adapter, summary)
		return err
	})
	if err != nil {
		return nil, err
	}
	return saved, nil
}

// adapterBytes is about what an adapter takes on disk: beside the weights there are two small files.
func adapterBytes(adapter *lora.Adapter) int64 { return 4*int64(len(adapter.Values)) + 1<<20 }

func (r *run) writeAdapter(ctx context.Context, adapter *lora.Adapter, summary *protocol.RunSummary) (saved *Saved, err error) {
	output := r.job.Output
	temporary, err := os.MkdirTemp(filepath.Dir(output), durable.TemporaryPrefix+filepath.Base(output)+"-")
	if err != nil {
		return nil, fmt.Errorf("save the adapter: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temporary)
		}
	}()
	if err := adapter.Save(temporary, r.job.ModelName); err != nil {
		return nil, err
	}
	if err := r.checkSaved(ctx, temporary, adapter, summary); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(map[string]any{"base_model": r.job.ModelName, "train_config": &r.plan.Config, "metrics": summary}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(temporary, runFile), append(text, '\n'), 0o644); err != nil {
		return nil, fmt.Errorf("save the adapter: %w", err)
	}
	if saved, err = describe(temporary); err != nil {
		return nil, err
	}
	return saved, publish(temporary, output)
}

// checkSaved reads the adapter back and refuses one whose weights or logits differ from what was trained.
func (r *run) checkSaved(ctx context.Context, directory string, adapter *lora.Adapter, summary *protocol.RunSummary) error {
	again, err := lora.Load(directory, r.source.Config)
	if err != nil {
		return fmt.Errorf("read the saved adapter back: %w", err)
	}
	if have, want := again.Layout, adapter.Layout; !slices.Equal(have.Slots, want.Slots) || have.Config.Scale() != want.Config.Scale() || have.Config.DoRA != want.Config.DoRA {
		return errors.New("the saved adapter_config.json describes another adapter than the one that was trained")
	}
	largest := 0.0
	for i, value := range again.Values {
		largest = max(largest, abs(float64(value)-float64(adapter.Values[i])))
	}
	summary.ReloadMaxAbsDiff = protocol.Float(largest)
	if largest != 0 {
		return fmt.Errorf("the saved adapter differs from the trained one by up to %g; the disk may be failing", largest)
	}
	return r.checkReloaded(ctx, adapter, again, summary)
}

func abs(x float64) float64 { return max(x, -x) }

func describe(directory string) (*Saved, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	saved := &Saved{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		saved.Files = append(saved.Files, entry.Name())
		saved.SizeBytes += info.Size()
	}
	file, err := os.Open(filepath.Join(directory, lora.WeightsFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return nil, err
	}
	saved.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return saved, nil
}

// publish syncs every file of temporary and renames it to final, so that final appears whole even after a power cut.
func publish(temporary, final string) error {
	err := filepath.WalkDir(temporary, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return durable.Sync(path)
	})
	if err != nil {
		return fmt.Errorf("save the adapter: %w", err)
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("save the adapter: %w", err)
	}
	if err := durable.Rename(temporary, final); err != nil {
		return fmt.Errorf("save the adapter: %w", err)
	}
	return nil
}
