// Package lora holds low-rank adapters (LoRA): which linear layers of a model carry one, where each weight of it lies, how
// it begins, and the files in which PEFT keeps it. It computes nothing with a model; graphs are in trainer/model.
//
// An adapted linear layer gives W x + s·B A x, with W frozen, A [r, in] and B [out, r]; s is α/r, or α/√r for rsLoRA
// (Kalajdzievski, 2023). With DoRA (Liu et al., 2024) each adapted layer has a magnitude for every output besides, in place
// of the norm of that row of W + s·B A. A layer that makes several things at once, such as a fused projection of queries,
// keys and values, has one adapter.
//
// All weights of an adapter live in one flat float32 vector whose [Layout] says where each tensor begins. One vector
// makes the optimizer, the norm, the prior and the checkpoint single operations; a graph takes slices of it. First come
// the matrices, by layer, then in the order of the forward pass, then A before B; then the magnitudes in the same order.
//
// # Files
//
// An adapter is a directory with adapter_config.json and adapter_model.safetensors. Tensors have the names that PEFT gives
// them in a causal language model of transformers: "base_model.model.", the module's full path, and ".lora_A.weight",
// ".lora_B.weight" or ".lora_magnitude_vector". What a file asks for beyond LoRA, rsLoRA and DoRA on the same linear
// layers of every block is refused by name.
package lora
