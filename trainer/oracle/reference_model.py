"""Load a base model, its tokenizer and an adapter with transformers and PEFT, from a directory or from a GGUF file.

Used by the checkers beside it; nothing of the product is in it, so that what it says is evidence.
"""

import pathlib

import gguf
import peft
import tokenizers
import torch
import transformers

# What llama.cpp's names of pre-tokenizers stand for, in the tokenizers library's terms.
PRE_TOKENIZERS = {
    "gpt-2": lambda: tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": lambda: tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
    ]),
}
CONTROL, USER_DEFINED = 3, 4  # GGUF token types that are recognised in text


def gguf_file(path):
    """The GGUF file that a path names, itself or as the only one in a directory; None for a Hugging Face directory."""
    path = pathlib.Path(path)
    if path.is_file():
        return path
    if (path / "config.json").exists():
        return None
    files = sorted(path.glob("*.gguf"))
    if len(files) != 1:
        raise SystemExit(f"{path} holds neither config.json nor exactly one .gguf file")
    return files[0]


def load_model(path, adapter=None, dtype=torch.float32):
    """The causal LM in evaluation mode, with the PEFT adapter on it when one is given."""
    file = gguf_file(path)
    if file is None:
        model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation="eager")
    else:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=dtype, attn_implementation="eager")
    if adapter:
        model = peft.PeftModel.from_pretrained(model, adapter)
    return model.eval()


def load_tokenizer(path):
    """The tokenizer as transformers sees it.

    For a GGUF file it is put together from the metadata here, because transformers' own conversion leaves out the
    splitting of digits.
    """
    file = gguf_file(path)
    if file is None:
        return transformers.AutoTokenizer.from_pretrained(path)
    fields = gguf.GGUFReader(file).fields

    def value(key, default=None):
        return fields[key].contents() if key in fields else default

    tokens = value("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in value("tokenizer.ggml.merges")]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = PRE_TOKENIZERS[value("tokenizer.ggml.pre")]()
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    types = value("tokenizer.ggml.token_type")
    special = [t for t, kind in zip(tokens, types) if kind in (CONTROL, USER_DEFINED)]
    tokenizer.add_special_tokens([tokenizers.AddedToken(t, special=True, normalized=False) for t in special])
    bos, eos = value("tokenizer.ggml.bos_token_id"), value("tokenizer.ggml.eos_token_id")
    if value("tokenizer.ggml.add_bos_token", False):
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single=f"{tokens[bos]} $A", special_tokens=[(tokens[bos], bos)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, chat_template=value("tokenizer.chat_template"), clean_up_tokenization_spaces=False,
        bos_token=None if bos is None else tokens[bos], eos_token=None if eos is None else tokens[eos])


def row_logits(model, ids):
    """Logits [length, vocab] of one row, computed alone and without padding."""
    return model(input_ids=torch.tensor([ids])).logits[0]


def row_loss(logits, ids, targets):
    """Summed NLL in nats of the tokens at the target positions; the token at i is predicted by the logits at i-1."""
    positions = torch.tensor(targets)
    return torch.nn.functional.cross_entropy(logits[positions - 1], torch.tensor(ids)[positions], reduction="sum")


def total_loss(model, rows):
    return sum(row_loss(row_logits(model, row["ids"]), row["ids"], row["targets"]) for row in rows)


def target_count(rows):
    return sum(len(row["targets"]) for row in rows)
