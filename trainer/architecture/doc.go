// Package architecture says what a causal language model is made of: which blocks its graph needs, how wide they are, and
// how checkpoints name their tensors. It builds no graph and opens no weights; trainer/weights finds the tensors that a
// [Config] lists, trainer/model builds the graph that it describes, and trainer/lora hangs adapters on its modules.
//
// # One vocabulary, one file a family
//
// A Config is written in a vocabulary that all families share: a norm before attention, a fused or a threefold projection,
// rotary or learned positions, windows, caps, a gated or a plain feed-forward layer, one residual sum or two. A family is
// one file here, named like its model type in config.json, with a function that reads the fields of a config.json and
// fills in a Config. What a family cannot say in this vocabulary it refuses by name: to leave it out in silence would
// train another model than the one given.
//
// A config.json is read as transformers reads it: with its defaults for what is missing, in the spelling of its versions
// before 5 (rope_theta, rope_scaling) and from 5 on (rope_parameters). One kind of field is left out: the probabilities of
// the base model's own dropout (attention_dropout, resid_pdrop and so on), which say how it was trained and not what it
// computes; the only dropout here is the adapter's.
//
// To add a family: write its file, list it in families, add a config.json of it to testdata/configs and run
// make_testdata.py there, and add its case to trainer/oracle, which holds the numbers of transformers and PEFT that the
// graph is compared with.
//
// # Names
//
// Tensors and modules have the names of Hugging Face transformers, without the ".weight" or ".bias" behind them; a module
// of a block is named by its path inside the block ("self_attn.q_proj"), of which PEFT's target_modules give the end.
package architecture
