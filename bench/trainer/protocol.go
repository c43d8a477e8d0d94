package main

// The arms read requests and write answers, one JSON object a line. The first requests are ready, open and start.
const (
	commandReady = "ready" // answer, once everything but the model is loaded
	commandOpen  = "open"  // load the model and the adapter
	commandStart = "start" // compute the loss and the gradient of the first batch
	commandRun   = "run"   // take optimizer steps
)

// request is what the driver asks of an arm.
type request struct {
	Command string `json:"command"`
	Setup   *setup `json:"setup,omitempty"` // of open
	Steps   int    `json:"steps,omitempty"` // of run
	// Uncontrolled runs the steps without the prior in the gradient and without the controller: mode "off". Ours only.
	Uncontrolled bool `json:"uncontrolled,omitempty"`
}

// setup is everything that both arms have in common.
type setup struct {
	Model        string      `json:"model"`         // as ours opens it
	PyTorchModel string      `json:"pytorch_model"` // as transformers opens it: the same weights
	Precision    string      `json:"precision"`
	Threads      int         `json:"threads"` // of PyTorch; XLA takes every core
	Rank         int         `json:"rank"`
	Alpha        float64     `json:"alpha"`
	LearningRate float64     `json:"learning_rate"`
	MaxGradNorm  float64     `json:"max_grad_norm"`
	Batches      [][][]int32 `json:"batches"`      // [batch][row][token]
	FirstTarget  int         `json:"first_target"` // in each row
	Adapter      string      `json:"adapter"`      // directory in PEFT's layout; ours writes it at open
	Gradient     string      `json:"gradient"`     // likewise, with the gradient of the mean loss; ours writes it at start
}

// ready answers ready.
type ready struct{}

// opened answers open.
type opened struct {
	Versions []string `json:"versions"`
}

// started answers start.
type started struct {
	Loss float64 `json:"loss"` // mean over the targets, in nats
	// GradientDifference is |g − g'| / |g| to the gradient that ours wrote. PyTorch's only.
	GradientDifference float64 `json:"gradient_difference"`
}

// ran answers run.
type ran struct {
	Seconds []float64 `json:"seconds"` // of each step
	// UpdateSeconds is what of them the optimizer and the controller took. Ours only.
	UpdateSeconds []float64 `json:"update_seconds,omitempty"`
	Loss          float64   `json:"loss"` // of the last step, as in started
}
