"""Write the reference numbers of testdata/ with PyTorch, transformers and PEFT.

    pip install -r requirements.txt && python make_oracles.py

Everything is seeded; on one machine two runs write the same bytes. Two tiny Llama models with random weights stand for
the variants of the architecture:

  untied   its own output head, 3 layers, head width hidden/heads, rope theta 1e4, no BOS, template in tokenizer_config
  tied     the embedding as head, 2 layers, head width twice hidden/heads, rope theta 1e5, BOS, template in its own file

testdata/manifest.json says which libraries wrote it and the SHA-256 of this script. Each model has a folder:

  model/                          the Hugging Face directory, float32, with tokenizer and chat template
  adapter/, adapter_qv/           LoRA as PEFT saves it, r 4, alpha 8, B not zero: on all seven linear layers, on q and v
  case.json                       token ids, target positions, losses and training logs; see `describe`
  logits.safetensors              base.I, adapter.I, packed.I: logits [length, vocab] of row I, each row computed alone
  gradients.safetensors           d(mean NLL)/dw for every tensor of adapter/, under PEFT's names
  gradients_qv.safetensors        the same for adapter_qv/
  trained_ce.safetensors          adapter/ after ten optimizer steps on the loss alone
  trained_prior.safetensors       adapter/ after ten optimizer steps with the Gaussian prior in the objective

A target position i means that the loss is on the token at i, which the logits at i-1 predict. Losses are summed NLL in
nats. Every figure is computed in float32, as the product does, and again in float64; the difference is recorded with it
as the error that float32 itself makes.
"""

import hashlib
import json
import pathlib
import shutil

import numpy
import peft
import safetensors.torch
import tokenizers
import torch
import transformers

from reference_model import row_logits, row_loss

HERE = pathlib.Path(__file__).parent
OUTPUT = HERE / "testdata"
VOCABULARY = 320
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
TOKENIZER_TEXT = [
    "The river ran past the mill and under the bridge, and the children counted the boats.",
    "When the rain came, the miller closed the doors; when it ended, he opened them again.",
    "There were 12 boats on Monday, 7 on Tuesday and none on the other days of the week.",
    "\"Where are they going?\" asked the youngest. \"To the sea,\" said the miller, \"where the water is.\"",
]
TRAINING = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "clip_norm": 1.0, "steps": 10}
PRIOR = {"lambda": 0.7, "sigma": 0.05, "tokens": 500}

MODELS = {
    "untied": dict(seed=11, adds_bos=False, config=dict(
        num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0})),
    "tied": dict(seed=12, adds_bos=True, config=dict(
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0})),
}


def save_tokenizer(directory, adds_bos):
    """A byte-level BPE tokenizer with 3 special tokens, 256 bytes and as many merges as fill the vocabulary."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.train_from_iterator(TOKENIZER_TEXT, tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    assert tokenizer.get_vocab_size() == VOCABULARY
    if adds_bos:
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|im_end|>", chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False)
    wrapped.save_pretrained(directory, save_jinja_files=adds_bos)


def save_model(directory, seed, settings):
    """A random model whose logits are far from uniform and whose norm gains are not all one."""
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, max_position_embeddings=256, rms_norm_eps=1e-5,
        initializer_range=0.2, bos_token_id=0, eos_token_id=2, **settings))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)


def save_adapter(model_directory, directory, seed, modules):
    """A LoRA adapter with PEFT's own A and a random B, so that no gradient vanishes."""
    torch.manual_seed(seed)
    model = peft.get_peft_model(load(model_directory, torch.float32), peft.LoraConfig(
        r=4, lora_alpha=8, lora_dropout=0.0, target_modules=modules, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    model.peft_config["default"].base_model_name_or_path = "model"
    model.save_pretrained(directory, save_embedding_layers=False)  # else PEFT asks the hub about the base model
    (directory / "README.md").unlink(missing_ok=True)
    config_file = directory / "adapter_config.json"
    config = json.loads(config_file.read_text())
    config["target_modules"].sort()  # PEFT writes a set, whose order changes from run to run
    config_file.write_text(json.dumps(config, indent=2) + "\n")


def load(model_directory, dtype, adapter=None):
    model = transformers.LlamaForCausalLM.from_pretrained(model_directory, dtype=dtype, attn_implementation="eager")
    if adapter:
        model = peft.PeftModel.from_pretrained(model, adapter, is_trainable=True)
    return model.to(dtype).train()  # no dropout anywhere: training mode is what the product computes


def lora_parameters(model):
    """The adapter's parameters under the names that PEFT's file gives them, in the file's order."""
    named = {name.replace(".default", ""): weight for name, weight in model.named_parameters() if ".lora_" in name}
    return dict(sorted(named.items()))


def random_rows(random, lengths):
    rows = []
    for length in lengths:
        targets = [int(i) for i in numpy.flatnonzero(random.random(length) < 0.6) if i > 0]
        rows.append({"ids": [int(i) for i in random.integers(0, VOCABULARY, length)], "targets": targets})
    return rows


def total_loss(model, rows):
    return sum(row_loss(row_logits(model, row["ids"]), row["ids"], row["targets"]) for row in rows)


def target_count(rows):
    return sum(len(row["targets"]) for row in rows)


def forward(models, rows, prefix, arrays):
    """Logits of each row into arrays; the loss and how far float32 is from float64."""
    losses = {}
    outputs = {}
    for dtype, model in models.items():
        with torch.no_grad():
            logits = [row_logits(model, row["ids"]) for row in rows]
            losses[dtype] = float(sum(row_loss(l, row["ids"], row["targets"]) for l, row in zip(logits, rows)))
        outputs[dtype] = logits
    difference = max(float((a.double() - b).abs().max()) for a, b in zip(outputs[torch.float32], outputs[torch.float64]))
    for i, logits in enumerate(outputs[torch.float32]):
        arrays[f"{prefix}.{i}"] = logits.contiguous()
    return {"nll": losses[torch.float32], "nll_float64": losses[torch.float64], "targets": target_count(rows),
            "largest_logit_difference_to_float64": difference}


def check_batching(model, rows):
    """The same logits must come from rows padded into a batch and from rows packed into one sequence."""
    with torch.no_grad():
        alone = [row_logits(model, row["ids"]) for row in rows]
        longest = max(len(row["ids"]) for row in rows)
        padded = torch.tensor([row["ids"] + [0] * (longest - len(row["ids"])) for row in rows])
        mask = torch.tensor([[1] * len(row["ids"]) + [0] * (longest - len(row["ids"])) for row in rows])
        batch = model(input_ids=padded, attention_mask=mask).logits
        segments = torch.tensor([i for i, row in enumerate(rows) for _ in row["ids"]])
        positions = torch.tensor([[i for row in rows for i in range(len(row["ids"]))]])
        packed_ids = torch.tensor([[i for row in rows for i in row["ids"]]])
        length = len(segments)
        allowed = (segments[:, None] == segments[None, :]) & torch.ones(length, length, dtype=torch.bool).tril()
        bias = torch.zeros(1, 1, length, length).masked_fill(~allowed, torch.finfo(torch.float32).min)
        packed = model(input_ids=packed_ids, position_ids=positions, attention_mask=bias).logits[0]
    torch.testing.assert_close(torch.cat(alone), packed, rtol=1e-4, atol=1e-4)
    for logits, together in zip(alone, batch):
        torch.testing.assert_close(logits, together[:len(logits)], rtol=1e-4, atol=1e-4)


def gradients(model_directory, adapter, rows, path):
    """Gradients of the mean NLL; returns how far float32 is from float64, relative to each tensor's largest entry."""
    by_dtype = {}
    for dtype in (torch.float32, torch.float64):
        model = load(model_directory, dtype, adapter)
        (total_loss(model, rows) / target_count(rows)).backward()
        by_dtype[dtype] = {name: weight.grad for name, weight in lora_parameters(model).items()}
    safetensors.torch.save_file(by_dtype[torch.float32], path, metadata={"format": "pt"})
    return relative_difference(by_dtype)


def relative_difference(by_dtype):
    return max(float((single.double() - by_dtype[torch.float64][name]).abs().max() / by_dtype[torch.float64][name].abs().max())
               for name, single in by_dtype[torch.float32].items())


def train(model_directory, adapter, rows, prior):
    """Ten AdamW steps; each row is one micro-batch, and their sum is divided by the targets of all of them."""
    results, logs = {}, {}
    for dtype in (torch.float32, torch.float64):
        model = load(model_directory, dtype, adapter)
        weights = lora_parameters(model)
        optimizer = torch.optim.AdamW(weights.values(), lr=TRAINING["learning_rate"], eps=TRAINING["epsilon"],
                                      betas=(TRAINING["beta1"], TRAINING["beta2"]), weight_decay=0.0)
        logs[dtype] = []
        for _ in range(TRAINING["steps"]):
            optimizer.zero_grad()
            nll = 0.0
            for row in rows:
                micro_batch = total_loss(model, [row])
                (micro_batch / target_count(rows)).backward()
                nll += float(micro_batch.detach())
            squares = sum((weight ** 2).sum() for weight in weights.values())
            (prior["lambda"] * squares / (2 * prior["sigma"] ** 2 * prior["tokens"])).backward()
            norm = torch.nn.utils.clip_grad_norm_(weights.values(), TRAINING["clip_norm"])
            optimizer.step()
            logs[dtype].append({"ce": nll / target_count(rows), "gradient_norm": float(norm), "sum_squares": float(squares.detach())})
        results[dtype] = {name: weight.detach().contiguous() for name, weight in weights.items()}
    return results[torch.float32], {
        "prior": prior, "log": logs[torch.float32], "ce_float64": [step["ce"] for step in logs[torch.float64]],
        "largest_relative_difference_to_float64": relative_difference(results)}


def describe(directory, seed):
    """Compute everything about one model and write it; the returned case goes to case.json."""
    model_directory, adapter, adapter_qv = directory / "model", directory / "adapter", directory / "adapter_qv"
    random = numpy.random.default_rng(seed)
    rows, packed = random_rows(random, [24, 17]), random_rows(random, [11, 13])
    dtypes = (torch.float32, torch.float64)
    base = {dtype: load(model_directory, dtype) for dtype in dtypes}
    adapted = {dtype: load(model_directory, dtype, adapter) for dtype in dtypes}
    check_batching(base[torch.float32], rows)
    check_batching(adapted[torch.float32], packed)
    arrays = {}
    case = {
        "rows": rows, "packed_rows": packed,
        "base": forward(base, rows, "base", arrays),
        "adapter": forward(adapted, rows, "adapter", arrays),
        "packed": forward(base, packed, "packed", arrays),
        "gradients": gradients(model_directory, adapter, rows, directory / "gradients.safetensors"),
        "gradients_qv": gradients(model_directory, adapter_qv, rows, directory / "gradients_qv.safetensors"),
        "training": TRAINING,
    }
    safetensors.torch.save_file(arrays, directory / "logits.safetensors")
    for name, prior in {"trained_ce": {**PRIOR, "lambda": 0.0}, "trained_prior": PRIOR}.items():
        weights, case[name] = train(model_directory, adapter, rows, prior)
        safetensors.torch.save_file(weights, directory / f"{name}.safetensors", metadata={"format": "pt"})
    return case


def main():
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    for name, model in MODELS.items():
        directory = OUTPUT / name
        directory.mkdir(parents=True)
        save_model(directory / "model", model["seed"], model["config"])
        save_tokenizer(directory / "model", model["adds_bos"])
        save_adapter(directory / "model", directory / "adapter", model["seed"] + 100, LINEAR)
        save_adapter(directory / "model", directory / "adapter_qv", model["seed"] + 200, ["q_proj", "v_proj"])
        case = describe(directory, model["seed"])
        (directory / "case.json").write_text(json.dumps(case, indent=1) + "\n")
    manifest = {
        "generator_sha256": hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest(),
        "versions": {m.__name__: m.__version__ for m in (torch, transformers, peft, tokenizers, safetensors)},
    }
    (OUTPUT / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    for path in OUTPUT.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    main()
