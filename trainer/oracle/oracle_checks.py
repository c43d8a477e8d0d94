"""Checks that make_oracles.py puts its own cases to, so that what it writes can show a fault.

A case that stays the same when a window, a cap or a bias is forgotten would say nothing; each check stops the script.
"""

import torch

from oracle_adapters import lora_parameters
from oracle_models import load
from reference_model import row_logits, target_count, total_loss

# The least change of the logits, relative to the largest, that counts: three times the error the product may make.
# (The two forms of GELU are hardly further apart.)
LEAST_CHANGE = 3e-4


def check_batching(model, rows):
    """The same logits must come from rows padded into a batch and from rows packed into one sequence."""
    with torch.no_grad():
        alone = [row_logits(model, row["ids"]) for row in rows]
        longest = max(len(row["ids"]) for row in rows)
        padded = torch.tensor([row["ids"] + [0] * (longest - len(row["ids"])) for row in rows])
        mask = torch.tensor([[1] * len(row["ids"]) + [0] * (longest - len(row["ids"])) for row in rows])
        batch = model(input_ids=padded, attention_mask=mask).logits
        positions = torch.tensor([[i for row in rows for i in range(len(row["ids"]))]])
        packed_ids = torch.tensor([[i for row in rows for i in row["ids"]]])
        packed = model(input_ids=packed_ids, position_ids=positions, use_cache=False).logits[0]
    torch.testing.assert_close(torch.cat(alone), packed, rtol=1e-4, atol=1e-4)
    for logits, together in zip(alone, batch):
        torch.testing.assert_close(logits, together[:len(logits)], rtol=1e-4, atol=1e-4)


def all_logits(model, rows):
    with torch.no_grad():
        return torch.cat([row_logits(model, row["ids"]) for row in rows])


def require_change(what, got, want):
    change = float((got - want).abs().max() / want.abs().max())
    if not change > LEAST_CHANGE:
        raise SystemExit(f"{what} changes the logits only by {change:.2g} of the largest; the case cannot show it")


def check_variations(model_directory, rows, variations):
    """Every wrong reading of the configuration must show."""
    want = all_logits(load(model_directory, torch.float32), rows)
    for what, changes in variations.items():
        require_change(f"{model_directory}: {what}", all_logits(load(model_directory, torch.float32, **changes), rows), want)


def check_every_weight_matters(model_directory, rows):
    """Every tensor of the model, were it left out, must show."""
    model = load(model_directory, torch.float32)
    want = all_logits(model, rows)
    for name, weight in model.named_parameters():
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.zero_()
            got = all_logits(model, rows)
            weight.copy_(kept)
        require_change(f"{model_directory}: {name} as zeros", got, want)


def check_same_logits(model_directory, other_directory, rows):
    """The older spelling of the model must be the same model."""
    one, other = (all_logits(load(directory, torch.float32), rows) for directory in (model_directory, other_directory))
    if not torch.equal(one, other):
        raise SystemExit(f"{other_directory} is not the same model as {model_directory}")


def check_norm_is_constant(model, rows):
    """DoRA's gradient must be the loss's slope for the magnitudes, and must not be for A and B, for which PEFT takes the
    norm of the adapted weight as a constant. The model is in float64 and has its gradients. Norms and softmax are in
    float32 even so, hence the wide step."""
    step = 1e-3
    parameters = lora_parameters(model)
    for part, follows in {"lora_magnitude": True, "lora_A": False, "lora_B": False}.items():
        chosen = [weight for name, weight in parameters.items() if part in name]
        slope = sum(float((weight.grad ** 2).sum()) for weight in chosen)
        losses = []
        for signed in (step, -step):
            with torch.no_grad():
                for weight in chosen:
                    weight.add_(weight.grad, alpha=signed)
                losses.append(float(total_loss(model, rows)))
                for weight in chosen:
                    weight.sub_(weight.grad, alpha=signed)
        measured = (losses[0] - losses[1]) / (2 * step) / target_count(rows)
        difference = abs(measured - slope) / slope
        if (difference < 1e-3) != follows:
            raise SystemExit(f"the gradient by {part} differs from the loss's slope by {difference:.2g}")
