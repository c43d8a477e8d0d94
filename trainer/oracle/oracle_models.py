"""The tiny random models of make_oracles.py: one table row a model, and how a model and its tokenizer are written.

A row names the model type, the linear layers of its block, its configuration, and two things more:

  older        how configurations on the Hub, written by transformers 4, say the same: keys taken out and keys put in. Where
               such files leave a key to its default, the row leaves it out as well.
  variations   changes of the configuration that a faulty reader would make. Each must change the logits, or the case could
               not show the fault; oracle_checks.py insists on it.

Numbers are chosen so that every part of a block shows in rows of a dozen tokens: windows shorter than the rows, caps near
the size of what they cap, rotary frequencies in every band, a large norm epsilon, gains that are not 1, biases not 0.
"""

import json

import safetensors.torch
import tokenizers
import torch
import transformers

TRAINED_VOCABULARY, VOCABULARY = 320, 264  # of untied and tied, of the others
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
TOKENIZER_TEXT = [
    "The river ran past the mill and under the bridge, and the children counted the boats.",
    "When the rain came, the miller closed the doors; when it ended, he opened them again.",
    "There were 12 boats on Monday, 7 on Tuesday and none on the other days of the week.",
    "\"Where are they going?\" asked the youngest. \"To the sea,\" said the miller, \"where the water is.\"",
]

LLAMA_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PHI3_LINEAR = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
GPT2_LINEAR = ["c_attn", "c_proj", "c_fc"]
GPT_NEOX_LINEAR = ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]

# What all models of the Llama kind share.
TRAINED = dict(vocab_size=TRAINED_VOCABULARY, hidden_size=32, intermediate_size=64, max_position_embeddings=256, rms_norm_eps=1e-5)
SMALL = dict(hidden_size=24, intermediate_size=32, max_position_embeddings=64, rms_norm_eps=1e-3, num_attention_heads=4)
ANOTHER_EPSILON = {"another epsilon": {"rms_norm_eps": 1e-6}}
ANOTHER_WINDOW = {"no window": {"sliding_window": 64}, "a window too long": {"sliding_window": 5},
                  "a window too short": {"sliding_window": 3}}


def rope(theta, **more):
    return {"rope_type": "default", "rope_theta": theta, **more}


# Wavelengths at theta 500 and head width 16 are 6, 14, 30, 65, 140, ...: of these, 6 is below 48/4 and stays, 14 and 30
# are between and mixed, the others are above 48/1 and divided by the factor.
LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 48}
GEMMA3_ROPE = {"sliding_attention": rope(20.0), "full_attention": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 4.0}}
S, F = "sliding_attention", "full_attention"

MODELS = {
    "untied": dict(
        seed=11, model_type="llama", linear=LLAMA_LINEAR, adds_bos=False, trained=True, dora=True, rslora=True,
        config=dict(TRAINED, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False,
                    rope_parameters=rope(10000.0)),
        older=dict(out=["rope_parameters", "head_dim", "attention_bias", "mlp_bias"], put={"rope_scaling": None}),
        variations={"other frequencies": {"rope_parameters": rope(500.0)}}),
    "tied": dict(
        seed=12, model_type="llama", linear=LLAMA_LINEAR, adds_bos=True, trained=True,
        config=dict(TRAINED, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
                    tie_word_embeddings=True, rope_parameters=rope(100000.0)),
        older=dict(out=["rope_parameters"], put={"rope_scaling": None, "rope_theta": 100000.0}),
        variations={"other frequencies": {"rope_parameters": rope(10000.0)}}),
    "llama3": dict(
        seed=21, model_type="llama", linear=LLAMA_LINEAR,
        config=dict(SMALL, num_hidden_layers=2, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False,
                    rope_parameters=LLAMA3_ROPE),
        older=dict(out=["rope_parameters"], put={
            "rope_theta": 500.0, "rope_scaling": {k: v for k, v in LLAMA3_ROPE.items() if k != "rope_theta"}}),
        variations={**ANOTHER_EPSILON, "no scaling": {"rope_parameters": rope(500.0)},
                    "another factor": {"rope_parameters": {**LLAMA3_ROPE, "factor": 4.0}},
                    "another low band": {"rope_parameters": {**LLAMA3_ROPE, "low_freq_factor": 2.0}},
                    "another high band": {"rope_parameters": {**LLAMA3_ROPE, "high_freq_factor": 3.0}},
                    "another length": {"rope_parameters": {**LLAMA3_ROPE, "original_max_position_embeddings": 64}}}),
    "mistral": dict(
        seed=22, model_type="mistral", linear=LLAMA_LINEAR,
        config=dict(SMALL, num_hidden_layers=2, num_key_value_heads=2, sliding_window=4, tie_word_embeddings=False,
                    rope_parameters=rope(10000.0)),
        older=dict(out=["rope_parameters", "head_dim"], put={"rope_theta": 10000.0}),
        variations={**ANOTHER_EPSILON, **ANOTHER_WINDOW}),
    "qwen2": dict(  # with more rows in the embedding than the tokenizer has tokens
        seed=23, model_type="qwen2", linear=LLAMA_LINEAR,
        config=dict(SMALL, num_hidden_layers=2, num_key_value_heads=2, tie_word_embeddings=True, vocab_size=VOCABULARY + 4,
                    rope_parameters=rope(1000000.0)),
        older=dict(out=["rope_parameters", "layer_types"], put={
            "rope_theta": 1000000.0, "use_sliding_window": False, "sliding_window": 4, "max_window_layers": 1}),
        variations={**ANOTHER_EPSILON, "a window though it is off": {
            "use_sliding_window": True, "sliding_window": 4, "layer_types": [F, S]}}),
    "qwen3": dict(
        seed=24, model_type="qwen3", linear=LLAMA_LINEAR,
        config=dict(SMALL, num_hidden_layers=2, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False,
                    rope_parameters=rope(1000000.0)),
        older=dict(out=["rope_parameters", "layer_types"], put={
            "rope_theta": 1000000.0, "rope_scaling": None, "sliding_window": None, "use_sliding_window": False}),
        variations=ANOTHER_EPSILON),
    "gemma": dict(
        seed=45, model_type="gemma", linear=LLAMA_LINEAR,
        config=dict(SMALL, num_hidden_layers=2, num_key_value_heads=1, head_dim=16, pad_token_id=None,
                    rope_parameters=rope(10000.0)),
        # The official files say "gelu" and mean its tanh form. transformers takes "gelu_python", the exact one, at its word.
        older=dict(out=["rope_parameters", "tie_word_embeddings", "use_bidirectional_attention"], put={
            "rope_theta": 10000.0, "rope_scaling": None, "hidden_act": "gelu", "hidden_activation": None}),
        variations={**ANOTHER_EPSILON, "exact GELU": {"hidden_act": "gelu_python"}}),
    "gemma2": dict(
        seed=26, model_type="gemma2", linear=LLAMA_LINEAR,
        config=dict(SMALL, num_hidden_layers=3, num_key_value_heads=2, head_dim=16, pad_token_id=None, sliding_window=4,
                    query_pre_attn_scalar=24, attn_logit_softcapping=2.0, final_logit_softcapping=5.0,
                    rope_parameters=rope(10000.0)),
        older=dict(out=["rope_parameters", "layer_types", "tie_word_embeddings", "use_bidirectional_attention"], put={
            "rope_theta": 10000.0, "hidden_act": "gelu_pytorch_tanh", "cache_implementation": "hybrid"}),
        variations={**ANOTHER_EPSILON, **ANOTHER_WINDOW, "no cap on attention": {"attn_logit_softcapping": None},
                    "no cap on logits": {"final_logit_softcapping": None},
                    "the head's width as scale": {"query_pre_attn_scalar": 16},
                    "exact GELU": {"hidden_activation": "gelu"}, "every layer local": {"layer_types": [S, S, S]},
                    "the other layers local": {"layer_types": [F, S, F]}}),
    "gemma3": dict(
        seed=27, model_type="gemma3_text", linear=LLAMA_LINEAR,
        config=dict(SMALL, num_hidden_layers=4, num_key_value_heads=1, head_dim=12, pad_token_id=None, sliding_window=4,
                    query_pre_attn_scalar=24, layer_types=[S, S, F, S], rope_parameters=GEMMA3_ROPE),
        older=dict(out=["rope_parameters", "layer_types", "tie_word_embeddings", "use_bidirectional_attention",
                        "_sliding_window_pattern"], put={
            "rope_theta": 1000.0, "rope_local_base_freq": 20.0, "rope_scaling": {"factor": 4.0, "rope_type": "linear"},
            "sliding_window_pattern": 3}),
        variations={**ANOTHER_EPSILON, **ANOTHER_WINDOW, "the head's width as scale": {"query_pre_attn_scalar": 12},
                    "exact GELU": {"hidden_activation": "gelu"}, "a global layer too early": {"layer_types": [S, F, S, S]},
                    "every layer local": {"layer_types": [S, S, S, S]},
                    "no scaling": {"rope_parameters": {**GEMMA3_ROPE, F: rope(1000.0)}},
                    "scaling everywhere": {"rope_parameters": {**GEMMA3_ROPE, S: {**GEMMA3_ROPE[F], "rope_theta": 20.0}}},
                    "global frequencies everywhere": {"rope_parameters": {**GEMMA3_ROPE, S: rope(1000.0)}}}),
    "phi3": dict(
        seed=28, model_type="phi3", linear=PHI3_LINEAR,
        config=dict(SMALL, num_attention_heads=2, num_hidden_layers=2, num_key_value_heads=1, pad_token_id=None, sliding_window=4,
                    original_max_position_embeddings=64, tie_word_embeddings=False,
                    rope_parameters=rope(10000.0, partial_rotary_factor=0.5)),
        older=dict(out=["rope_parameters"], put={"rope_theta": 10000.0, "rope_scaling": None, "partial_rotary_factor": 0.5}),
        variations={**ANOTHER_EPSILON, **ANOTHER_WINDOW,
                    "all of the head rotated": {"rope_parameters": rope(10000.0, partial_rotary_factor=1.0)}}),
    "gpt2": dict(
        seed=46, model_type="gpt2", linear=GPT2_LINEAR, conv1d=True, dora=True,
        config=dict(n_embd=24, n_layer=2, n_head=4, n_positions=32, layer_norm_epsilon=1e-3,
                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0),
        older=dict(out=["tie_word_embeddings", "n_inner", "add_cross_attention", "scale_attn_weights", "reorder_and_upcast_attn",
                        "scale_attn_by_inverse_layer_idx"], put={"n_ctx": 32}),
        variations={"another epsilon": {"layer_norm_epsilon": 1e-6}, "exact GELU": {"activation_function": "gelu"}}),
    "gpt_neox": dict(
        seed=45, model_type="gpt_neox", linear=GPT_NEOX_LINEAR,
        config=dict(hidden_size=32, intermediate_size=32, max_position_embeddings=32, layer_norm_eps=1e-3,
                    num_attention_heads=2, num_hidden_layers=2, use_parallel_residual=True,
                    rope_parameters=rope(10000.0, partial_rotary_factor=0.25)),
        older=dict(out=["rope_parameters", "attention_bias", "is_decoder", "attention_dropout", "hidden_dropout"],
                   put={"rotary_pct": 0.25, "rotary_emb_base": 10000}),
        variations={"another epsilon": {"layer_norm_eps": 1e-6}, "tanh GELU": {"hidden_act": "gelu_new"},
                    "one part after the other": {"use_parallel_residual": False},
                    "all of the head rotated": {"rope_parameters": rope(10000.0, partial_rotary_factor=1.0)}}),
    "gpt_neox_sequential": dict(
        seed=31, model_type="gpt_neox", linear=GPT_NEOX_LINEAR,
        config=dict(hidden_size=32, intermediate_size=32, max_position_embeddings=32, layer_norm_eps=1e-3,
                    num_attention_heads=2, num_hidden_layers=2, use_parallel_residual=False,
                    rope_parameters=rope(10000.0, partial_rotary_factor=0.25)),
        older=dict(out=["rope_parameters", "attention_bias", "is_decoder", "attention_dropout", "hidden_dropout"],
                   put={"rotary_pct": 0.25, "rotary_emb_base": 10000}),
        variations={"another epsilon": {"layer_norm_eps": 1e-6}, "both parts at once": {"use_parallel_residual": True}}),
}


def save_tokenizer(directory, vocabulary, adds_bos):
    """A byte-level BPE tokenizer with 3 special tokens, 256 bytes and as many merges as fill the vocabulary."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.train_from_iterator(TOKENIZER_TEXT, tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    assert tokenizer.get_vocab_size() == vocabulary
    if adds_bos:
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|im_end|>", chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False)
    wrapped.save_pretrained(directory, save_jinja_files=adds_bos)


def save_model(directory, model):
    """A random model whose logits are far from uniform, whose norm gains are not all one and whose biases are not zero."""
    torch.manual_seed(model["seed"])
    settings = dict(vocab_size=VOCABULARY, initializer_range=0.2, bos_token_id=0, eos_token_id=2)
    made = transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.for_model(model["model_type"], **{**settings, **model["config"]}))
    with torch.no_grad():
        for weight in made.parameters():
            if weight.dim() == 1:
                weight.add_(0.2 * torch.randn_like(weight))
    made.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)


def save_older(model_directory, directory, model):
    """The files that differ when the same model is spelled as files on the Hub from before transformers 5 spell it."""
    directory.mkdir()
    config = json.loads((model_directory / "config.json").read_text())
    for key in model["older"]["out"] + ["dtype"]:
        del config[key]
    config |= model["older"]["put"] | {"torch_dtype": "float32", "transformers_version": "4.44.2"}
    (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    weights = older_weights(safetensors.torch.load_file(model_directory / "model.safetensors"), config)
    if weights:
        safetensors.torch.save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def older_weights(weights, config):
    """Weights as older checkpoints of the two GPT families hold them, with buffers that are no weights; else None."""
    if config["model_type"] == "gpt2":
        weights = {name.removeprefix("transformer."): weight for name, weight in weights.items()}
        size = config["n_positions"]
        for layer in range(config["n_layer"]):
            weights[f"h.{layer}.attn.bias"] = torch.ones(1, 1, size, size).tril()
        return weights
    if config["model_type"] == "gpt_neox" and config["use_parallel_residual"]:
        size, rotary = config["max_position_embeddings"], 4
        for layer in range(config["num_hidden_layers"]):
            mask = torch.ones(1, 1, size, size).tril()
            prefix = f"gpt_neox.layers.{layer}.attention."
            weights[prefix + "bias"] = mask.to(torch.bool if layer else torch.uint8)  # both kinds are about
            weights[prefix + "masked_bias"] = torch.tensor(-1e9)
            weights[prefix + "rotary_emb.inv_freq"] = 10000.0 ** -(torch.arange(0, rotary, 2) / rotary)
        return weights
    return None


def load(model_directory, dtype, **changes):
    """The model ready to train. Dropout is off everywhere, so training mode is what the product computes."""
    return transformers.AutoModelForCausalLM.from_pretrained(
        model_directory, dtype=dtype, attn_implementation="eager", **changes).to(dtype).train()
