"""Evaluate a model on rows with transformers alone, by the conventions that `scu eval` follows.

    python check_eval.py MODEL ROWS.jsonl [ADAPTER_DIR] [--block-size 1024]

MODEL is a Hugging Face directory or a GGUF file. Prints one JSON object: nll (summed, nats), targets, data_bpt (bits per
target token), rows, and truncated (rows longer than the block, of which the first block counts).

Rows and targets (train_on: auto):
  {"text"}                              its encoding with special tokens, and EOS; all but the first token are targets
  {"prompt", "completion"}              BOS when the tokenizer adds one, both parts encoded apart, EOS; completion and EOS
  {"instruction", "input"?, "output"}   as messages when there is a chat template, else as prompt and completion
  {"messages"}, {"conversations"}       the chat template over all of it; each assistant turn's content and the special
                                        token that ends it
"""

import argparse
import json
import math

import torch

from reference_model import load_model, load_tokenizer, row_logits, row_loss

SHAREGPT_ROLES = {"human": "user", "gpt": "assistant", "system": "system", "user": "user", "assistant": "assistant"}


def encode(tokenizer, row):
    """Token ids and target positions of one row."""
    if "text" in row:
        return encode_text(tokenizer, row["text"])
    if "messages" in row:
        return encode_messages(tokenizer, row["messages"])
    if "conversations" in row:
        return encode_messages(tokenizer, [
            {"role": SHAREGPT_ROLES[turn["from"]], "content": turn["value"]} for turn in row["conversations"]])
    if "prompt" in row:
        return encode_completion(tokenizer, row["prompt"], row["completion"])
    request = row["instruction"] + ("\n\n" + row["input"] if row.get("input") else "")
    if tokenizer.chat_template:
        return encode_messages(tokenizer, [
            {"role": "user", "content": request}, {"role": "assistant", "content": row["output"]}])
    return encode_completion(tokenizer, request, row["output"])


def end_of_text(tokenizer):
    return [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]


def added_around(tokenizer):
    """What the post-processor puts before a text, and whether it puts the end-of-text token behind it."""
    added = tokenizer("")["input_ids"]
    end = tokenizer.eos_token_id
    if added and added[-1] == end and (len(added) > 1 or end != tokenizer.bos_token_id):
        return added[:-1], True
    return added, False


def encode_text(tokenizer, text):
    ids = tokenizer(text)["input_ids"]
    if not added_around(tokenizer)[1]:
        ids = ids + end_of_text(tokenizer)
    return ids, list(range(1, len(ids)))


def encode_completion(tokenizer, prompt, completion):
    before = added_around(tokenizer)[0] + tokenizer(prompt, add_special_tokens=False)["input_ids"]
    after = tokenizer(completion, add_special_tokens=False)["input_ids"] + end_of_text(tokenizer)
    return before + after, list(range(max(1, len(before)), len(before) + len(after)))


def encode_messages(tokenizer, messages):
    def render(count, prompt):
        return tokenizer.apply_chat_template(messages[:count], tokenize=False, add_generation_prompt=prompt)

    whole = render(len(messages), False)
    encoding = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoding["input_ids"], encoding["offset_mapping"]
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    targets = []
    for turn, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before, through = render(turn, True), render(turn + 1, False)
        if not (whole.startswith(through) and through.startswith(before)):
            raise SystemExit("the template does not render a conversation turn by turn; this checker cannot mask it")
        targets += turn_targets(ids, offsets, special, len(before), len(through))
    return ids, [i for i in targets if i > 0]


def turn_targets(ids, offsets, special, start, end):
    """Positions of the tokens from character start on, through the first special token, or through end."""
    positions = []
    for i, (begin, stop) in enumerate(offsets):
        if stop <= start or begin >= end:
            continue
        positions.append(i)
        if ids[i] in special:
            break
    return positions


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("rows")
    parser.add_argument("adapter", nargs="?")
    parser.add_argument("--block-size", type=int, default=1024)
    options = parser.parse_args()
    torch.set_num_threads(2)
    model, tokenizer = load_model(options.model, options.adapter), load_tokenizer(options.model)
    nll, count, rows, truncated = 0.0, 0, 0, 0
    with open(options.rows, encoding="utf-8") as file:
        for line in file:
            if not line.strip():
                continue
            rows += 1
            ids, targets = encode(tokenizer, json.loads(line))
            truncated += len(ids) > options.block_size
            ids, targets = ids[:options.block_size], [i for i in targets if i < options.block_size]
            if targets:
                with torch.no_grad():
                    nll += float(row_loss(row_logits(model, ids), ids, targets))
                count += len(targets)
    bits = nll / count / math.log(2) if count else None
    print(json.dumps({"nll": nll, "targets": count, "data_bpt": bits, "rows": rows, "truncated": truncated}))


if __name__ == "__main__":
    main()
