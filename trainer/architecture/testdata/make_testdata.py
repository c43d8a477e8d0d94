"""Write expected.json: what transformers makes of the files in configs/.

    python make_testdata.py

Needs the packages of ../../oracle/requirements.txt. configs/ holds what the config.json files of known models say,
variants that no small model has, and files (sparse-) that have the sizes and leave the rest to the defaults. For each,
expected.json has

  parameters        the number of weights, a tied head counted once
  tensors           the SHA-256 of the lines "name shape" of every tensor of its checkpoint, sorted
  context_length    the longest sequence
  windows           for each layer how many positions a query sees, itself included; 0 for all
  rotary, local     the frequencies of layers without and with a window (local only where they differ by design)
  attention_scale, embedding_scale, epsilon, activation, attention_cap, final_cap
  resaved           the config.json that this version of transformers writes for it

and the versions that it was made with. Models are made on the meta device, so their sizes cost nothing.
"""

import hashlib
import inspect
import json
import pathlib

import torch
import transformers

HERE = pathlib.Path(__file__).parent


def tensor_names(model):
    """The names of a checkpoint: transformers renames GPT-NeoX's head on saving."""
    tied = model.config.tie_word_embeddings
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and tied:
            continue
        if name == "lm_head.weight" and model.config.model_type == "gpt_neox":
            name = "embed_out.weight"
        yield name, list(tensor.shape)


def layers_of(model):
    base = model.base_model
    return base.h if hasattr(base, "h") else base.layers


def attention_of(layer):
    return next(getattr(layer, name) for name in ("self_attn", "attn", "attention") if hasattr(layer, name))


def window_of(config, attention):
    """By the attribute that the attention gives to its mask: per layer where it has one, else the configuration's."""
    if hasattr(attention, "sliding_window"):
        return attention.sliding_window or 0
    if "sliding_window" in inspect.getsource(type(attention)):
        return config.sliding_window or 0
    return 0


def mask_window(size):
    """How many positions the last of many queries sees under transformers' own mask."""
    from transformers.masking_utils import sliding_window_causal_mask_function
    mask = sliding_window_causal_mask_function(size)
    last, keys = torch.tensor(2 * size), torch.arange(4 * size)
    return int(mask(torch.tensor(0), torch.tensor(0), last, keys).sum())


def frequencies(model, text_config):
    rotary = getattr(model.base_model, "rotary_emb", None)
    if rotary is None:
        return [], []
    rotary = type(rotary)(text_config)
    if hasattr(rotary, "full_attention_inv_freq"):
        return rotary.full_attention_inv_freq.tolist(), rotary.sliding_attention_inv_freq.tolist()
    return rotary.inv_freq.tolist(), []


def activation_of(module):
    """The nonlinearity by its values, since one function has many names."""
    points = torch.linspace(-4, 4, 33, dtype=torch.float64)
    known = {
        "silu": torch.nn.functional.silu(points),
        "gelu": torch.nn.functional.gelu(points),
        "gelu_tanh": torch.nn.functional.gelu(points, approximate="tanh"),
    }
    values = module(points)
    return next(name for name, want in known.items() if torch.allclose(values, want, atol=1e-12, rtol=0))


def describe(path):
    text = json.loads(path.read_text())
    config = transformers.AutoConfig.for_model(**text)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    tensors = sorted(tensor_names(model))
    layers = layers_of(model)
    attention = attention_of(layers[0])
    mlp = layers[0].mlp
    act = next(getattr(mlp, name) for name in ("act_fn", "activation_fn", "act") if hasattr(mlp, name))
    windows = [window_of(config, attention_of(layer)) for layer in layers]
    assert all(size == 0 or mask_window(size) == size for size in set(windows))
    rotary, local = frequencies(model, config)
    norm = layers[0].ln_1 if hasattr(layers[0], "ln_1") else layers[0].input_layernorm
    embedding = model.get_input_embeddings()
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tensors": hashlib.sha256("".join(f"{name} {shape}\n" for name, shape in tensors).encode()).hexdigest(),
        "context_length": config.max_position_embeddings,
        "windows": windows, "rotary": rotary, "local": local,
        "attention_scale": attention.scaling,
        "embedding_scale": getattr(embedding, "scalar_embed_scale", 1.0),
        "epsilon": next(getattr(norm, name) for name in ("eps", "variance_epsilon") if hasattr(norm, name)),
        "activation": activation_of(act),
        "attention_cap": getattr(attention, "attn_logit_softcapping", None) or 0,
        "final_cap": getattr(config, "final_logit_softcapping", None) or 0,
        "resaved": json.loads(config.to_json_string()) | {"architectures": text["architectures"]},
    }


def main():
    expected = {path.stem: describe(path) for path in sorted((HERE / "configs").glob("*.json"))}
    expected = {
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
        "generator_sha256": hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest(),
        "models": expected,
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
