// Package weights reads the files of a base model and writes the files of an adapter.
//
// It turns a path into a Model: the architecture (architecture.Config), the tensors under one set of names, the tokenizer
// and the chat template, whichever of two layouts the path holds:
//
//   - a Hugging Face directory: config.json, model.safetensors (or shards with model.safetensors.index.json),
//     tokenizer.json, tokenizer_config.json, of any family of trainer/architecture;
//   - a GGUF file, version 2 or 3, as llama.cpp writes it, or a directory with exactly one, of the families in
//     gguf_families.go.
//
// Whoever builds a graph sees no difference: names and shapes are those that the architecture lists
// ("model.layers.0.self_attn.q_proj.weight", [out, in] row-major unless it says transposed), values are float32, the first
// part of a name that some checkpoints lack is there, and the row order that GGUF gives to a Llama model's query and key
// weights is undone. Gemma's norm gains, which GGUF stores with 1 added, stay as they are, and the architecture of such a
// model says so.
//
// Opening reads headers only, and checks everything that a header can tell: sizes against the file, shapes against the
// architecture, that no tensor is missing, and that nothing is there that the graph would silently leave out; masks and
// frequencies that the configuration determines are no loss. Tensor data is read, and dequantised, when Float32 asks for
// it; whether it is finite is for the reader to see.
//
// The package is not a graph, holds no weights in memory, downloads nothing, and imports no accelerator library: the
// daemon opens models to describe them and must stay light.
//
// Formats follow the safetensors specification (github.com/huggingface/safetensors, "Format") and the GGUF
// specification (github.com/ggml-org/ggml, docs/gguf.md); block layouts are those of ggml's quantisation formats.
package weights
