"""The adapters of make_oracles.py: how PEFT makes, saves, loads and differentiates them."""

import json
import shutil

import peft
import torch

from oracle_models import load


def save_adapter(model_directory, directory, seed, modules, **kind):
    """An adapter with PEFT's own A and a random B, so that no gradient vanishes; kind can ask for DoRA."""
    torch.manual_seed(seed)
    model = peft.get_peft_model(load(model_directory, torch.float32), peft.LoraConfig(
        r=4, lora_alpha=8, lora_dropout=0.0, target_modules=modules, task_type="CAUSAL_LM", **kind))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
            if "lora_magnitude_vector" in name:  # PEFT starts from the norms of the rows
                weight.mul_(1 + 0.2 * torch.randn_like(weight))
    model.peft_config["default"].base_model_name_or_path = "model"
    model.save_pretrained(directory, save_embedding_layers=False)  # else PEFT asks the hub about the base model
    (directory / "README.md").unlink(missing_ok=True)
    write_config(directory, target_modules=sorted(modules))  # PEFT writes a set, whose order changes from run to run


def write_config(directory, **changes):
    config_file = directory / "adapter_config.json"
    config = json.loads(config_file.read_text()) | changes
    config_file.write_text(json.dumps(config, indent=2) + "\n")


def save_rank_stabilized(adapter, directory):
    """The adapter's own A and B, which rsLoRA scales by alpha/√r instead of alpha/r."""
    shutil.copytree(adapter, directory)
    write_config(directory, use_rslora=True)


def load_adapted(model_directory, dtype, adapter):
    model = peft.PeftModel.from_pretrained(load(model_directory, dtype), adapter, is_trainable=True)
    return model.to(dtype).train()


def lora_parameters(model):
    """The adapter's parameters under the names that PEFT's file gives them, in the file's order."""
    named = {}
    for name, weight in model.named_parameters():
        if ".lora_" in name:
            name = name.replace(".default", "")
            named[name.removesuffix(".weight") if "magnitude" in name else name] = weight
    return dict(sorted(named.items()))
