// Package lora holds low-rank adapters (LoRA): which matrices of a model carry one, where each weight of it lies, how it
// begins, and the files in which PEFT keeps it. It computes nothing with a model; graphs are in trainer/model.
//
// An adapted linear layer gives W x + (α/r)·B A x, with W frozen, A [r, in] and B [out, r].
//
// All weights of an adapter live in one flat float32 vector whose [Layout] says where each matrix begins. One vector
// makes the optimizer, the norm, the prior and the checkpoint single operations; a graph takes slices of it. The order
// is by layer, then in the order of the forward pass, then A before B.
package lora
