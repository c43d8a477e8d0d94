"""Write the reference numbers of testdata/ with PyTorch, transformers and PEFT.

    pip install -r requirements.txt && python make_oracles.py

Everything is seeded; on one machine two runs write the same bytes. oracle_models.py lists the tiny random models, one or
two for every family; oracle_adapters.py makes their adapters; oracle_checks.py makes sure that they can show a fault.
testdata/manifest.json says which libraries wrote it and the SHA-256 of each script. testdata/tokenizer is that of all models
but untied and tied. Each model has a folder:

  model/                          the Hugging Face directory, float32
  older/                          what differs in the spelling of transformers 4 and older Hub files: config.json, and for
                                  gpt2 and gpt_neox model.safetensors (no "transformer." before names; mask buffers)
  adapter/                        LoRA as PEFT saves it on all linear layers of the block, r 4, alpha 8, B not zero
  case.json                       family, token ids, target positions, losses; see `describe`
  logits.safetensors              base.I, adapter.I, packed.I: logits [length, vocab] of row I, each row computed alone
  gradients.safetensors           d(mean NLL)/dw for every tensor of adapter/, under PEFT's names

Two of the models, untied and tied, have more:

  model/                          with a tokenizer and a chat template of its own
  adapter_qv/                     as adapter/, on q and v only
  gradients_qv.safetensors        as gradients.safetensors, for adapter_qv/
  trained_ce.safetensors          adapter/ after ten optimizer steps on the loss alone
  trained_prior.safetensors       adapter/ after ten optimizer steps with the Gaussian prior in the objective

And some have other kinds of adapter on all linear layers:

  dora/                           DoRA, with magnitudes that are not the norms that PEFT starts from
  dora_logits.safetensors         dora.I of row I
  dora_gradients.safetensors      d(mean NLL)/dw by A, B and magnitude. PEFT takes the norm of the adapted weight as a
                                  constant in them, as section 4.3 of the DoRA paper proposes.
  rslora/                         the configuration that makes rsLoRA of adapter/'s weights
  rslora_logits.safetensors       rslora.I of row I

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

import oracle_checks
from oracle_adapters import load_adapted, lora_parameters, save_adapter, save_rank_stabilized
from oracle_models import MODELS, TRAINED_VOCABULARY, VOCABULARY, load, save_model, save_older, save_tokenizer
from reference_model import row_logits, row_loss, target_count, total_loss

HERE = pathlib.Path(__file__).parent
OUTPUT = HERE / "testdata"
SCRIPTS = ["make_oracles.py", "oracle_adapters.py", "oracle_checks.py", "oracle_models.py", "reference_model.py"]
DTYPES = (torch.float32, torch.float64)
TRAINING = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "clip_norm": 1.0, "steps": 10}
PRIOR = {"lambda": 0.7, "sigma": 0.05, "tokens": 500}


def random_rows(random, vocabulary, lengths):
    rows = []
    for length in lengths:
        targets = []
        while len(targets) < 2:  # a short row can be dealt none
            targets = [int(i) for i in numpy.flatnonzero(random.random(length) < 0.6) if i > 0]
        rows.append({"ids": [int(i) for i in random.integers(0, vocabulary, length)], "targets": targets})
    return rows


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


def gradients(model_directory, adapter, rows, path):
    """Gradients of the mean NLL; returns how far float32 is from float64, relative to each tensor's largest entry."""
    by_dtype = {}
    for dtype in DTYPES:
        model = load_adapted(model_directory, dtype, adapter)
        (total_loss(model, rows) / target_count(rows)).backward()
        by_dtype[dtype] = {name: weight.grad for name, weight in lora_parameters(model).items()}
    if model.peft_config["default"].use_dora:
        oracle_checks.check_norm_is_constant(model, rows)
    safetensors.torch.save_file(by_dtype[torch.float32], path, metadata={"format": "pt"})
    return relative_difference(by_dtype)


def relative_difference(by_dtype):
    return max(float((single.double() - by_dtype[torch.float64][name]).abs().max() / by_dtype[torch.float64][name].abs().max())
               for name, single in by_dtype[torch.float32].items())


def train(model_directory, adapter, rows, prior):
    """Ten AdamW steps; each row is one micro-batch, and their sum is divided by the targets of all of them."""
    results, logs = {}, {}
    for dtype in DTYPES:
        model = load_adapted(model_directory, dtype, adapter)
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


def describe(directory, model):
    """Compute everything about one model and write it; the returned case goes to case.json."""
    model_directory, adapter = directory / "model", directory / "adapter"
    random = numpy.random.default_rng(model["seed"])
    if model.get("trained"):
        rows, packed = (random_rows(random, TRAINED_VOCABULARY, lengths) for lengths in ([24, 17], [11, 13]))
    else:  # one pair serves for both
        rows = packed = random_rows(random, VOCABULARY, [12, 8])
    base = {dtype: load(model_directory, dtype) for dtype in DTYPES}
    adapted = {dtype: load_adapted(model_directory, dtype, adapter) for dtype in DTYPES}
    oracle_checks.check_batching(base[torch.float32], rows)
    oracle_checks.check_batching(adapted[torch.float32], packed)
    oracle_checks.check_variations(model_directory, rows, model["variations"])
    oracle_checks.check_every_weight_matters(model_directory, rows)
    arrays = {}
    case = {
        "family": model["model_type"], "rows": rows, "packed_rows": packed,
        "base": forward(base, rows, "base", arrays),
        "adapter": forward(adapted, rows, "adapter", arrays),
        "packed": forward(base, packed, "packed" if model.get("trained") else "base", arrays),
        "gradients": gradients(model_directory, adapter, rows, directory / "gradients.safetensors"),
    }
    safetensors.torch.save_file(arrays, directory / "logits.safetensors")
    return case


def describe_training(directory, model, rows):
    """The adapter on two modules, and ten optimizer steps without and with the prior."""
    model_directory, adapter_qv = directory / "model", directory / "adapter_qv"
    save_adapter(model_directory, adapter_qv, model["seed"] + 200, ["q_proj", "v_proj"])
    case = {"gradients_qv": gradients(model_directory, adapter_qv, rows, directory / "gradients_qv.safetensors"),
            "training": TRAINING}
    for name, prior in {"trained_ce": {**PRIOR, "lambda": 0.0}, "trained_prior": PRIOR}.items():
        weights, case[name] = train(model_directory, directory / "adapter", rows, prior)
        safetensors.torch.save_file(weights, directory / f"{name}.safetensors", metadata={"format": "pt"})
    return case


def describe_dora(directory, model, rows):
    model_directory, adapter, arrays = directory / "model", directory / "dora", {}
    save_adapter(model_directory, adapter, model["seed"] + 300, model["linear"],
                 use_dora=True, fan_in_fan_out=model.get("conv1d", False))
    adapted = {dtype: load_adapted(model_directory, dtype, adapter) for dtype in DTYPES}
    case = {"dora": forward(adapted, rows, "dora", arrays)}
    case["dora_gradients"] = gradients(model_directory, adapter, rows, directory / "dora_gradients.safetensors")
    safetensors.torch.save_file(arrays, directory / "dora_logits.safetensors")
    return case


def describe_rslora(directory, rows):
    adapter, arrays = directory / "rslora", {}
    save_rank_stabilized(directory / "adapter", adapter)
    adapted = {dtype: load_adapted(directory / "model", dtype, adapter) for dtype in DTYPES}
    case = {"rslora": forward(adapted, rows, "rslora", arrays)}
    safetensors.torch.save_file(arrays, directory / "rslora_logits.safetensors")
    (adapter / "adapter_model.safetensors").unlink()  # the same as adapter's
    return case


def write_case(name, model):
    directory = OUTPUT / name
    directory.mkdir(parents=True)
    save_model(directory / "model", model)
    if model.get("trained"):
        save_tokenizer(directory / "model", TRAINED_VOCABULARY, model["adds_bos"])
    save_adapter(directory / "model", directory / "adapter", model["seed"] + 100, model["linear"],
                 fan_in_fan_out=model.get("conv1d", False))
    case = describe(directory, model)
    write_older(directory, model, case["rows"])
    if model.get("trained"):
        case |= describe_training(directory, model, case["rows"])
    if model.get("dora"):
        case |= describe_dora(directory, model, case["rows"])
    if model.get("rslora"):
        case |= describe_rslora(directory, case["rows"])
    (directory / "case.json").write_text(json.dumps(case, indent=1) + "\n")


def write_older(directory, model, rows):
    """The older spelling, once transformers has read the same model from it."""
    save_older(directory / "model", directory / "older", model)
    whole = directory / "whole"
    shutil.copytree(directory / "model", whole)
    shutil.copytree(directory / "older", whole, dirs_exist_ok=True)
    oracle_checks.check_same_logits(directory / "model", whole, rows)
    shutil.rmtree(whole)


def main():
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    transformers.logging.disable_progress_bar()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    for name, model in MODELS.items():
        write_case(name, model)
    save_tokenizer(OUTPUT / "tokenizer", VOCABULARY, adds_bos=False)
    manifest = {
        "scripts_sha256": {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in SCRIPTS},
        "versions": {m.__name__: m.__version__ for m in (torch, transformers, peft, tokenizers, safetensors)},
    }
    (OUTPUT / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    for path in OUTPUT.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    main()
