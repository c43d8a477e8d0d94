"""The PyTorch arm of the benchmark: the same training steps by transformers, PEFT and torch.

Reads one JSON request a line on standard input and answers each with one line on standard output:

  {"command": "ready"}                   answer once the modules are imported -> {}
  {"command": "open", "setup": {...}}    load model and adapter -> {"versions": [...]}
  {"command": "start"}                   loss and gradient of the first batch -> {"loss", "gradient_difference"}
  {"command": "run", "steps": n}         n optimizer steps -> {"seconds": [...], "loss"}

"setup" is what setup.go says. The product's arm answers the same requests. Ends when standard input does. Nothing of the product is in it.

    python pytorch_arm.py --convert GGUF DIRECTORY

writes a GGUF model as float32 safetensors, so that loading it takes no more memory here than loading any other model.
"""

import json
import pathlib
import sys
import time

import peft
import safetensors.torch
import torch
import transformers

IGNORED = -100  # the label of a token without loss


class Arm:
    """One fine-tuning run: eager execution, scaled-dot-product attention, no gradient checkpointing, fused AdamW.

    In bf16 the base is bfloat16, the adapter float32, and the forward pass runs under autocast, as transformers' Trainer
    does it with bf16=True: that was about 15 % quicker than without autocast.
    """

    def __init__(self, setup):
        self.setup = setup
        torch.set_num_threads(setup["threads"])
        dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[setup["precision"]]
        model = transformers.AutoModelForCausalLM.from_pretrained(
            setup["pytorch_model"], dtype=dtype, attn_implementation="sdpa")
        model.config.use_cache = False
        # The adapter's own weights become float32 whatever the model's dtype: PEFT's autocast_adapter_dtype.
        self.model = peft.PeftModel.from_pretrained(model, setup["adapter"], is_trainable=True).train()
        self.trained = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        if wrong := [n for n, p in self.trained.items() if p.dtype != torch.float32 or "lora_" not in n]:
            raise SystemExit(f"{wrong[0]} is trained; only the adapter's weights should be, in float32")
        self.optimizer = torch.optim.AdamW(
            self.trained.values(), lr=setup["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, fused=True)
        self.batches = [self.batch(rows) for rows in setup["batches"]]
        self.steps = 0

    def batch(self, rows):
        """Ids and labels. Rows have no padding, so no mask is given, and attention can take its fast causal path."""
        ids = torch.tensor(rows)
        labels = ids.clone()
        labels[:, :self.setup["first_target"]] = IGNORED
        return {"input_ids": ids, "labels": labels}

    def loss(self, batch):
        """Mean over the targets, in nats."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.setup["precision"] == "bf16"):
            return self.model(**batch).loss

    def step(self):
        batch = self.batches[self.steps % len(self.batches)]
        self.steps += 1
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained.values(), self.setup["max_grad_norm"])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def start(self):
        """Loss and gradient before any step; the gradient as its distance from the other arm's, relative to its length."""
        loss = self.loss(self.batches[0])
        loss.backward()
        other = safetensors.torch.load_file(pathlib.Path(self.setup["gradient"]) / "adapter_model.safetensors")
        distance = length = 0.0
        for name, parameter in self.trained.items():
            mine, theirs = parameter.grad.double(), other.pop(name.replace(".default.", ".")).double()
            distance += (mine - theirs).square().sum().item()
            length += mine.square().sum().item()
        if other:
            raise SystemExit(f"the other arm has a gradient for {next(iter(other))}, which is not trained here")
        self.optimizer.zero_grad(set_to_none=True)
        return {"loss": loss.item(), "gradient_difference": (distance / length) ** 0.5}

    def run(self, steps):
        seconds = []
        for _ in range(steps):
            began = time.perf_counter()
            loss = self.step()
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds, "loss": loss}


def describe():
    versions = [f"{module.__name__} {module.__version__}" for module in (torch, transformers, peft)]
    return {"versions": [f"python {sys.version.split()[0]}", *versions]}


def convert(source, target):
    source = pathlib.Path(source)
    model = transformers.AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    # The weights are float32 by now, so they can be saved and loaded as those of any model.
    model.hf_quantizer = None
    del model.config.quantization_config
    model.save_pretrained(target)


def serve():
    arm = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["command"] == "ready":
            answer = {}
        elif request["command"] == "open":
            arm, answer = Arm(request["setup"]), describe()
        elif request["command"] == "start":
            answer = arm.start()
        elif request["command"] == "run":
            answer = arm.run(request["steps"])
        else:
            raise SystemExit(f"there is no command {request['command']!r}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--convert"]:
        convert(*sys.argv[2:])
    else:
        serve()
