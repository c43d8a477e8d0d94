// Package scu is the Shannon Control Unit: the accounting of information in a fine-tune, and the controller that holds
// it in balance. It is pure arithmetic on float64; it knows no model, no data and no device.
//
// Fine-tuning can be read as sending a message in two parts: the adapter's weights, coded under a Gaussian prior, and the
// training targets, coded with the adapted model. Spread over the N target tokens of one pass, both have the unit bits
// per token:
//
//	DataBPT  = CE / ln 2                                  CE in nats per target token
//	ParamBPT = Σ (w−c)² / (2 σ² N ln 2)                   over every adapter weight w
//	S        = ParamBPT / (DataBPT + ParamBPT)
//
// The controller is a proportional-integral law on log λ, where λ scales the prior in the training objective
// CE + λ·Σ(w−c)²/(2σ²N): when S is above its target the prior grows stronger, when it is below it grows weaker.
// Definitions and golden trajectories follow the public Shannon Control Unit research code.
package scu
