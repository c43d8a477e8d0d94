"""Write the reference files of the package's tests, with the libraries that define the formats.

    python make_testdata.py [SMOLLM2_GGUF]

Needs the packages of ../../oracle/requirements.txt. Every file is deterministic. Without an argument smollm2.json, the
digests of the real model's tensors, stays as it is.

  types.gguf, types.expected.safetensors    every tensor type: random blocks, and gguf's dequantisation of them
  llama.gguf, llama.expected.safetensors    a tiny Llama in GGUF, and its weights as transformers loads them
  FAMILY.gguf, FAMILY.expected.safetensors  the same, in plain float types, for the other families read from GGUF
  sharded/                                  a tiny bfloat16 Llama saved by transformers in three files
  sharded.expected.safetensors              its weights in float32
  dtypes.safetensors, dtypes.expected.…     every dtype with its special values, and the same in float32
  written.safetensors                       what safetensors itself writes for the tensors of the writer's test
  manifest.json                             the SHA-256 of this script, by which a test knows that it was run
  smollm2.json                              SHA-256 and samples of every tensor of SmolLM2-135M-Instruct.Q4_1.gguf
"""

import hashlib
import json
import pathlib
import shutil
import sys

import gguf
import numpy
import safetensors.numpy
import safetensors.torch
import torch
import transformers

HERE = pathlib.Path(__file__).parent
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def random_blocks(kind, rows, width, random):
    """Blocks with every bit pattern in the integers and finite numbers in the scales."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (rows * width // block, size), dtype=numpy.uint8)
    scales = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
              "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}[kind.name]
    for offset in scales:
        values = random.normal(0, 0.05, len(blocks)).astype(numpy.float16)
        blocks[:, offset:offset + 2] = values.view(numpy.uint8).reshape(-1, 2)
    return blocks.reshape(rows, -1)


def write_types():
    random = numpy.random.default_rng(1)
    writer = gguf.GGUFWriter(HERE / "types.gguf", "llama")
    expected = {}
    for name in ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]:
        kind = gguf.GGMLQuantizationType[name]
        if name in ("F32", "F16", "BF16"):
            stored = gguf.quants.quantize(random.normal(0, 1, (3, 256)).astype(numpy.float32), kind)
        else:
            stored = random_blocks(kind, 3, 256, random)
        writer.add_tensor(name, stored, raw_dtype=kind)
        expected[name] = gguf.quants.dequantize(stored, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    safetensors.numpy.save_file(expected, HERE / "types.expected.safetensors")


def llama_cpp_order(weight, heads):
    """The row order that llama.cpp's converter gives to Llama's query and key weights."""
    half = weight.shape[0] // heads // 2
    return weight.reshape(heads, 2, half, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_llama():
    layers, hidden, heads, kv_heads, intermediate, vocabulary = 2, 64, 4, 2, 96, 40
    random = numpy.random.default_rng(2)
    writer = gguf.GGUFWriter(HERE / "llama.gguf", "llama")
    writer.add_block_count(layers)
    writer.add_context_length(128)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(intermediate)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(50000.0)
    writer.add_rope_dimension_count(hidden // heads)
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    tokens = ["<s>", "</s>"] + [chr(ord("!") + i) for i in range(vocabulary - 3)] + ["ab"]
    tokens[vocabulary - 4:vocabulary - 1] = ["a", "b", "c"]
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3] + [1] * (vocabulary - 2))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(True)
    writer.add_chat_template(CHAT_TEMPLATE)

    def add(name, rows, width, kind, order=None):
        values = random.normal(0, 0.1, (rows, width) if rows else width).astype(numpy.float32)
        if order:
            values = llama_cpp_order(values, order)
        kind = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    add("token_embd.weight", vocabulary, hidden, "Q8_0")
    for layer in range(layers):
        block = f"blk.{layer}."
        add(block + "attn_norm.weight", 0, hidden, "F32")
        add(block + "attn_q.weight", hidden, hidden, "Q4_1", heads)
        add(block + "attn_k.weight", kv_heads * hidden // heads, hidden, "Q5_0", kv_heads)
        add(block + "attn_v.weight", kv_heads * hidden // heads, hidden, "F16")
        add(block + "attn_output.weight", hidden, hidden, "Q5_1")
        add(block + "ffn_norm.weight", 0, hidden, "F32")
        add(block + "ffn_gate.weight", intermediate, hidden, "Q4_0")
        add(block + "ffn_up.weight", intermediate, hidden, "F32")
        add(block + "ffn_down.weight", hidden, intermediate, "Q8_0")
    add("output_norm.weight", 0, hidden, "F32")
    add("output.weight", vocabulary, hidden, "F16")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = transformers.AutoModelForCausalLM.from_pretrained(HERE, gguf_file="llama.gguf", dtype=torch.float32)
    save_state(model, "llama.expected.safetensors")


def write_family(name, gguf_architecture, config):
    """A tiny random model of transformers as llama.cpp's converter stores it; gguf's own map names the tensors."""
    torch.manual_seed(5)
    model = transformers.AutoModelForCausalLM.from_config(config)
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", name)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    head_dim = getattr(config, "head_dim", None)
    if head_dim:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    if name == "gemma3":
        writer.add_sliding_window(config.sliding_window)
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["full_attention"]["factor"])
    names = gguf.get_tensor_name_map(gguf_architecture, config.num_hidden_layers)
    expected = {}
    for key, value in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        value = torch.randn_like(value) * 0.1
        stored = value + 1 if name == "gemma3" and key.endswith("norm.weight") else value
        expected[key] = stored.to(torch.float16).float() if value.ndim == 2 else stored.clone()
        stored = stored.numpy().astype(numpy.float16 if value.ndim == 2 else numpy.float32)
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight", ".bias")), stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    safetensors.torch.save_file(expected, HERE / f"{name}.expected.safetensors")


def write_families():
    sizes = dict(vocab_size=20, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5)
    rope = {"rope_type": "default", "rope_theta": 12345.0}
    write_family("qwen2", gguf.MODEL_ARCH.QWEN2, transformers.Qwen2Config(rope_parameters=rope, tie_word_embeddings=True, **sizes))
    write_family("qwen3", gguf.MODEL_ARCH.QWEN3, transformers.Qwen3Config(head_dim=10, rope_parameters=rope, **sizes))
    write_family("gemma3", gguf.MODEL_ARCH.GEMMA3, transformers.Gemma3TextConfig(head_dim=10, sliding_window=24, rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}, **sizes))


def save_state(model, name):
    state = {key: value.float().contiguous().clone() for key, value in model.state_dict().items()}
    safetensors.torch.save_file(state, HERE / name)


def write_sharded():
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=24, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 12345.0}, bos_token_id=1, eos_token_id=[2, 3])
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    shutil.rmtree(HERE / "sharded", ignore_errors=True)
    model.save_pretrained(HERE / "sharded", max_shard_size="4KB")
    (HERE / "sharded" / "generation_config.json").unlink(missing_ok=True)
    save_state(model, "sharded.expected.safetensors")


def write_dtypes():
    random = numpy.random.default_rng(4)
    halves = numpy.concatenate([numpy.array([0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x7bff, 0x7c00, 0xfc00], numpy.uint16),
                                random.integers(0, 0x7c00, 120, dtype=numpy.uint16)])
    values = {
        "f16": torch.from_numpy(halves.view(numpy.float16).copy()).reshape(4, 32),
        "bf16": torch.from_numpy(halves.astype(numpy.int16)).view(torch.bfloat16).reshape(2, 2, 32),
        "f32": torch.tensor([0.0, -0.0, 1e-45, 3.4028235e38, float("inf"), -1.5], dtype=torch.float32),
        "f64": torch.tensor([0.1, 1e-60, -2.0 ** 100, 1 / 3], dtype=torch.float64),
        "scalar": torch.tensor(2.5, dtype=torch.float32),
        "empty": torch.zeros((0, 3), dtype=torch.float32),
    }
    # One pair only: the library writes several in an order that changes from run to run.
    safetensors.torch.save_file(values, HERE / "dtypes.safetensors", metadata={"note": "quote \" and ü"})
    safetensors.torch.save_file({k: v.float() for k, v in values.items()}, HERE / "dtypes.expected.safetensors")


def write_written():
    values = {"b.weight": numpy.arange(6, dtype=numpy.float32).reshape(2, 3) / 3, "a.weight": numpy.float32([-1.5]),
              "c": numpy.zeros((0, 2), numpy.float32)}
    safetensors.numpy.save_file(values, HERE / "written.safetensors", metadata={"format": "pt"})


def write_smollm2(path):
    path = pathlib.Path(path)
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    digests = {}
    for name, value in model.state_dict().items():
        if name == "lm_head.weight":  # tied: not a tensor of its own
            continue
        flat = value.float().contiguous().numpy().reshape(-1)
        samples = sorted({0, 1, len(flat) // 3, len(flat) // 2, len(flat) - 1})
        digests[name] = {"shape": list(value.shape), "sha256": hashlib.sha256(flat.astype("<f4").tobytes()).hexdigest(),
                         "samples": {str(i): float(flat[i]) for i in samples}}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in digests.items())
    (HERE / "smollm2.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    torch.set_num_threads(2)
    write_types()
    write_llama()
    write_families()
    write_sharded()
    write_dtypes()
    write_written()
    if len(sys.argv) > 1:
        write_smollm2(sys.argv[1])
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    (HERE / "manifest.json").write_text(json.dumps({"generator_sha256": digest}) + "\n")
    for path in HERE.rglob("*.safetensors"):
        path.chmod(0o644)
