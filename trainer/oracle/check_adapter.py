"""Check an adapter with PEFT: put it on its base model and print what the model then says.

    python check_adapter.py MODEL ADAPTER_DIR IDS.json [--logits]

MODEL is a Hugging Face directory or a GGUF file. IDS.json is {"rows": [{"ids": [...], "targets": [...]}, ...]}: token
ids, and the positions (from 1 on) of the tokens that the loss is on; other fields are ignored. The answer is one JSON
object with nll (summed, nats), targets (their number), the same for each row, and with --logits also each row's logits.
It is computed once with the adapter and once, as "base", without, so that an adapter that does nothing is seen.
"""

import argparse
import json

import torch

from reference_model import load_model, row_logits, row_loss


def evaluate(model, rows, with_logits):
    results = []
    for row in rows:
        with torch.no_grad():
            logits = row_logits(model, row["ids"])
            result = {"nll": float(row_loss(logits, row["ids"], row["targets"])), "targets": len(row["targets"])}
        if with_logits:
            result["logits"] = logits.tolist()
        results.append(result)
    return {"nll": sum(r["nll"] for r in results), "targets": sum(r["targets"] for r in results), "rows": results}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("adapter")
    parser.add_argument("ids")
    parser.add_argument("--logits", action="store_true")
    options = parser.parse_args()
    with open(options.ids, encoding="utf-8") as file:
        rows = json.load(file)["rows"]
    torch.set_num_threads(2)
    model = load_model(options.model, options.adapter)
    answer = evaluate(model, rows, options.logits)
    with model.disable_adapter():
        answer["base"] = evaluate(model, rows, options.logits)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
