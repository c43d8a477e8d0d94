package main

// jobCase is a job whose memory is measured: the settings that its memory depends on.
type jobCase struct {
	Name     string         `json:"name"`
	Settings map[string]any `json:"settings"`       // over those of every case
	Text     int            `json:"text,omitempty"` // bytes of rows; 0 is as many as the steps need
}

// common are the settings of every case.
var common = map[string]any{"max_steps": 2, "grad_accum": 2, "lora_r": 8}

// cases vary one setting at a time from the first, and then some together.
var cases = []jobCase{
	{Name: "f32-1x256", Settings: settings("f32", 1, 256)},
	{Name: "f32-1x512", Settings: settings("f32", 1, 512)},
	{Name: "f32-1x1024", Settings: settings("f32", 1, 1024)},
	{Name: "f32-4x512", Settings: settings("f32", 4, 512)},
	{Name: "f32-8x128", Settings: settings("f32", 8, 128)},
	{Name: "bf16-1x256", Settings: settings("bf16", 1, 256)},
	{Name: "bf16-1x1024", Settings: settings("bf16", 1, 1024)},
	{Name: "bf16-4x512", Settings: settings("bf16", 4, 512)},
	{Name: "f32-4x512-checkpointing", Settings: settings("f32", 4, 512, "grad_checkpointing", true)},
	{Name: "bf16-4x512-checkpointing", Settings: settings("bf16", 4, 512, "grad_checkpointing", true)},
	{Name: "f32-1x512-rank64", Settings: settings("f32", 1, 512, "lora_r", 64)},
	{Name: "f32-1x256-dora", Settings: settings("f32", 1, 256, "use_dora", true)},
	{Name: "f32-1x512-dora", Settings: settings("f32", 1, 512, "use_dora", true)},
	{Name: "f32-1x512-qv", Settings: settings("f32", 1, 512, "target_modules", "q_proj,v_proj")},
	{Name: "f32-1x256-40MB", Settings: settings("f32", 1, 256, "val_fraction", 0.0005), Text: 40_000_000},
}

func settings(precision string, microBatch, blockSize int, more ...any) map[string]any {
	all := map[string]any{"precision": precision, "micro_batch": microBatch, "block_size": blockSize}
	for i := 0; i < len(more); i += 2 {
		all[more[i].(string)] = more[i+1]
	}
	for key, value := range common {
		if _, set := all[key]; !set {
			all[key] = value
		}
	}
	return all
}

func caseNames() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.Name)
	}
	return names
}
