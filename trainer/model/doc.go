// Package model builds and runs the GoMLX graphs of a causal language model under a LoRA or DoRA adapter: the loss, its
// gradient by the adapter's weights, next-token logits, and the optimizer's step. It does not read data, decide λ or write
// files.
//
// # One vocabulary for every family
//
// A network is assembled from an architecture.Config alone (assemble.go); nothing here knows a family by its name. Each
// kind of piece has one file, with its forward and its backward function side by side: norm.go, linear.go with dora.go,
// rotary.go, heads.go with masks.go, attention.go and feedforward.go, which are the two halves of a block.go, activation.go,
// softcap.go and head.go. A piece that a model lacks is nil and changes nothing, or its cap or window is 0. What the
// stored weights have otherwise than the graph wants it (apart where they are fused, transposed, without an offset) is
// put right as they are loaded (frozen.go, base.go).
//
// # Shapes
//
// A batch is [rows, length] tokens; inside a graph both axes are flattened to N = rows×length positions, and the residual
// stream is [N, hidden] in float32. Linear weights keep Hugging Face's [out, in] order. The adapter is one flat float32
// vector (see trainer/lora), and so is its gradient. Attention is causal inside a segment: two positions see each other
// only if their segment numbers agree, so that a row may hold several packed samples, each with its own positions.
//
// # The backward pass is written by hand
//
// A forward function returns what its backward function needs. Automatic differentiation would give gradients to frozen
// weights, and would convert both operands of every half-precision product to float32, which costs more than the product.
// So every product here follows three rules that make XLA's CPU backend hand it to its fast matrix library:
//
//   - the operands have the compute type (float32 or bfloat16), the accumulator is declared of the same type, and the
//     result is float32;
//   - the left operand contracts its last axis;
//   - a small operand that must be transposed is transposed in memory, behind an optimization barrier.
//
// Everything that is not a product (norms, softmax, activations, the residual stream, the adapter and its gradient) is
// computed in float32. In bfloat16 two results of products are rounded to it besides, since the backward pass keeps them:
// what gate and up give, which the activation then takes as it is kept, and attention's output over the heads, whose
// next product would round it anyway. Tests hold each piece against automatic differentiation of the same piece written plainly, and the whole of
// every family against PyTorch, transformers and PEFT (trainer/oracle).
//
// # Memory
//
// The output head runs at the positions that predict a target token, in chunks, and forms the gradient of each chunk at
// once; logits of [tokens, vocab] are never held whole. The feed-forward layer's activation, which is wide and cheap, is
// made again in the backward pass. With gradient checkpointing a block keeps only its input. What compiling leaves in the
// C library's hands is given back to the system (reclaim.go), or it would count until the process ends.
package model
