// Package model builds and runs the GoMLX graphs of a causal language model under a LoRA adapter: the loss, its gradient
// by the adapter's weights, next-token logits, and the optimizer's step. It does not read data, decide λ or write files.
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
// Each piece (adapted linear layer, norm, attention, feed-forward) has a forward function that returns what its backward
// function needs. Automatic differentiation would give gradients to frozen weights, and would convert both operands of
// every half-precision product to float32, which costs more than the product. So every product here follows three rules
// that make XLA's CPU backend hand it to its fast matrix library:
//
//   - the operands have the compute type (float32 or bfloat16), the accumulator is declared of the same type, and the
//     result is float32;
//   - the left operand contracts its last axis;
//   - a small operand that must be transposed is transposed in memory, behind an optimization barrier.
//
// Everything that is not a product (norms, softmax, activations, the residual stream, the adapter and its gradient) is
// float32. Correctness is held by comparison with PyTorch and PEFT (trainer/oracle).
//
// # Only targets pay for the vocabulary
//
// The output head runs at the positions that predict a target token, in chunks, and forms the gradient of each chunk at
// once; logits of [tokens, vocab] are never held whole.
package model
