// Package oracle holds reference numbers for the training engine: what PyTorch, transformers and PEFT compute for tiny
// random models of every family. Tests of other packages load a Case and compare; nothing else may import this package.
//
// make_oracles.py beside this file computes the numbers and says in its head what each file of testdata is; oracle_models.py
// lists the models, with what is particular to each; requirements.txt names the versions that they ran with. Tests need no
// Python. Two more scripts check what the product writes, with transformers and PEFT alone: check_adapter.py an adapter,
// check_eval.py an evaluation.
//
// There are cases of two kinds. TrainedNames are two Llama models that have everything, ten optimizer steps included; they
// differ where implementations go wrong:
//
//   - "untied": a separate output head, 3 layers, head width = hidden/heads, rope theta 1e4, a tokenizer without BOS;
//   - "tied": the embedding as head, 2 layers, head width ≠ hidden/heads, rope theta 1e5, a tokenizer that adds BOS.
//
// The other cases are one model of each family or of a variant of it, with logits, losses and gradients. The script has
// made sure that every tensor, and what is easily misread in the configuration, shows in the logits: a window that is one
// off, a forgotten bias, the other form of GELU, a rotary band that is not scaled.
//
// Norm gains are not 1, biases are not 0, and logits are far from uniform everywhere. A loss is a summed negative
// log-likelihood in nats. A target position i says that the token at i counts; the logits at i−1 predict it.
package oracle

// Names are the cases that Load knows.
var Names = []string{
	"untied", "tied", "llama3", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3",
	"gpt2", "gpt_neox", "gpt_neox_sequential",
}

// TrainedNames are the cases that have a subset adapter and training logs.
var TrainedNames = []string{"untied", "tied"}

// Case is one model with everything computed for it.
type Case struct {
	Name string
	// Family is the model type in config.json: "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text",
	// "phi3", "gpt2" or "gpt_neox".
	Family string
	// ModelDirectory is a Hugging Face directory as transformers 5 writes it, with float32 weights, tokenizer.json and a
	// ChatML template. The directories are copies in the test's temporary directory.
	ModelDirectory string
	// OlderModelDirectory is the same model as files on the Hub from before transformers 5 spell it, to which the same
	// numbers belong: config.json has rope_theta and rope_scaling instead of rope_parameters, sliding_window_pattern
	// instead of layer_types and the like, and leaves keys to their defaults. The weights are those of ModelDirectory
	// too, but for two cases: gpt2's names lack the prefix "transformer.", and gpt2 and gpt_neox have buffers among
	// them that are no weights (masks in float32, bool and uint8, a fill value, rotary frequencies).
	OlderModelDirectory string
	// AdapterDirectory holds a PEFT adapter on all linear layers of the block; r 4, alpha 8, no dropout, B not zero.
	AdapterDirectory string
	// SubsetAdapterDirectory holds a PEFT adapter on q and v only, otherwise alike; "" where the case is not trained.
	SubsetAdapterDirectory string

	// Rows is the batch, of two lengths. Logits are those of each row alone, without padding.
	Rows []Row
	// PackedRows are two rows that fit one block; their reference is computed unpacked, by the model without adapter.
	// Where the case is not trained they are Rows.
	PackedRows []Row

	// Base is the loss of Rows without adapter, Adapted with AdapterDirectory's, Packed that of PackedRows without.
	Base, Adapted, Packed Loss

	// Gradients of the mean NLL of Rows by every tensor of AdapterDirectory, by the name in its file; likewise
	// SubsetGradients for SubsetAdapterDirectory, nil where the case is not trained.
	Gradients, SubsetGradients map[string]Array

	// DoRA is an adapter with magnitudes, on a Llama ("untied") and on Conv1D weights ("gpt2"); RSLoRA is the adapter of
	// AdapterDirectory, scaled by alpha/√r ("untied"). Both are nil in the other cases.
	DoRA, RSLoRA *Variant

	// Plain trains AdapterDirectory on Rows by the loss alone; Prior with λ Σw²/(2σ²N) in the objective. Both are zero
	// where the case is not trained.
	Plain, Prior Training
}

// Variant is another kind of adapter on all linear layers of the block; r 4, alpha 8, no dropout, B not zero.
type Variant struct {
	AdapterDirectory string
	// Loss is that of Case.Rows; Logits [length, vocab] are each row's.
	Loss   Loss
	Logits [][]float32
	// Gradients of the mean NLL by every tensor of the adapter, by the name in its file; nil for RSLoRA. In those of
	// DoRA the norm of the adapted weight is a constant, as PEFT has it (section 4.3 of the DoRA paper). DoRA's
	// magnitudes, lora_magnitude_vector [out], are not the norms that they would start from.
	Gradients map[string]Array
}

// Row is a sequence of tokens.
type Row struct {
	IDs     []int32 `json:"ids"`
	Targets []int   `json:"targets"`
	// BaseLogits [length, vocab] are the model's, AdaptedLogits those with the adapter (nil in a trained case's
	// PackedRows).
	BaseLogits, AdaptedLogits []float32 `json:"-"`
}

// Loss is a summed negative log-likelihood in nats.
type Loss struct {
	NLL     float64 `json:"nll"`         // computed in float32
	NLL64   float64 `json:"nll_float64"` // the same computed in float64
	Targets int     `json:"targets"`
	// LogitError is the largest absolute difference between float32 and float64 logits.
	LogitError float64 `json:"largest_logit_difference_to_float64"`
}

// Array is a tensor, row-major.
type Array struct {
	Shape  []int
	Values []float32
}

// Optimizer is AdamW as torch.optim.AdamW computes it, without weight decay, at a constant learning rate, after clipping
// by the global norm as torch.nn.utils.clip_grad_norm_ does.
type Optimizer struct {
	LearningRate float64 `json:"learning_rate"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`
	ClipNorm     float64 `json:"clip_norm"`
	Steps        int     `json:"steps"`
}

// Training is a run of optimizer steps on the whole batch. Each row is one micro-batch; gradients are summed over them
// and divided by the targets of both.
type Training struct {
	Optimizer Optimizer
	// Lambda, Sigma and Tokens (N) are the prior's; its center is zero. Lambda is 0 in Case.Plain.
	Lambda, Sigma, Tokens float64
	// Steps holds what each step saw before it changed the weights.
	Steps []Step
	// Final is the adapter after the last step.
	Final map[string]Array
	// WeightError is how far float32 is from float64 after the last step, relative to each tensor's largest weight.
	WeightError float64
}

// Step is one optimizer step.
type Step struct {
	CE           float64 `json:"ce"`            // nats per target token, without the prior
	GradientNorm float64 `json:"gradient_norm"` // of the objective, before clipping
	SumSquares   float64 `json:"sum_squares"`   // Σw² over the adapter
}
