"""Writes the test data for tokenizers of every family, with Hugging Face's `tokenizers`, the library that the package must equal.

    python make_families.py          in this folder, after make_oracle.py; needs `pip install tokenizers` (made with 0.23.3)

    metaspace.json    a BPE tokenizer of Llama 2's kind, with byte tokens and 1,000 merges, trained on Python's own reference manual
    families.json     hard texts, and for each variant of metaspace.json or tokenizer.json what the library gives
"""

import json
import pydoc_data.topics
import random

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from make_oracle import ATOMS, FIXED, OTHER_SCRIPTS, QWEN2, TEKKEN, added, apply, byte_level, split, write

SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = ["<0x%02X>" % b for b in range(256)]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def train():
    """Words with the spaces before them, so that there are tokens of several spaces, as in Llama 2's vocabulary. The alphabet
    is limited: some characters of the texts have no token and are taken apart into bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("\u2581*[^\u2581]+|\u2581+"), "isolated")
    lines = "\n".join(v for _, v in sorted(pydoc_data.topics.topics.items())).splitlines() + OTHER_SCRIPTS
    trainer = trainers.BpeTrainer(vocab_size=len(SPECIAL) + 256 + 200 + 1000, special_tokens=SPECIAL + BYTES, limit_alphabet=200, show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    file = json.loads(tokenizer.to_str())
    file["added_tokens"] = [added(i, token, special=True) for i, token in enumerate(SPECIAL)]
    file["pre_tokenizer"] = None
    file["post_processor"] = template([1], [])
    file["decoder"] = decoder(*LLAMA2_DECODER)
    return file


def template(before, after):
    special = lambda i: {"SpecialToken": {"id": SPECIAL[i], "type_id": 0}}
    single = [special(i) for i in before] + [{"Sequence": {"id": "A", "type_id": 0}}] + [special(i) for i in after]
    return {"type": "TemplateProcessing", "single": single, "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {SPECIAL[i]: {"id": SPECIAL[i], "ids": [i], "tokens": [SPECIAL[i]]} for i in before + after}}


def decoder(*steps):
    return {"type": "Sequence", "decoders": list(steps)}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def normalizer(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def replace(old, new):
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def metaspace(scheme, cut):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": cut}


def split_text(text, behavior, invert=False):
    return {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": invert}


STRIP_FIRST = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
LLAMA2_DECODER = [replace("\u2581", " "), {"type": "ByteFallback"}, {"type": "Fuse"}, STRIP_FIRST]
SPACES = replace(" ", "\u2581")
PREPEND = {"type": "Prepend", "prepend": "\u2581"}


def with_added(base, tokens):
    """The base's added tokens and others, each with the id that the library gives it: the vocabulary's, or the next one."""
    vocabulary = dict(base["model"]["vocab"])
    return base["added_tokens"] + [added(vocabulary.setdefault(text, len(vocabulary)), text, **flags) for text, flags in tokens]


def metaspace_variants(base):
    later = lambda *tokens: with_added(base, tokens)
    phi3 = later(*[("<|%s|>" % name, dict(rstrip=True, special=name != "assistant")) for name in ["endoftext", "assistant", "im_start", "im_end", "user", "end"]])
    flagged = later(("[left]", dict(lstrip=True)), ("[right]", dict(rstrip=True, normalized=True)), ("[both]", dict(lstrip=True, rstrip=True, special=True)),
                    ("word", dict(single_word=True, normalized=True)), ("The", dict(normalized=True, special=True)), ("  x", dict(normalized=True)), ("\u2581of", {}))
    no_bytes = {token: i for i, token in enumerate(t for t, _ in sorted(base["model"]["vocab"].items(), key=lambda e: e[1]) if t not in BYTES)}
    without_bytes = {"vocab": no_bytes, "byte_fallback": True}
    yield "llama2", {}
    yield "llama2, phi-3's added tokens", {"added_tokens": phi3, "post_processor": template([1], [2])}
    for scheme in ["first", "always", "never"]:
        for cut in [True, False]:
            yield "metaspace %s, split %s" % (scheme, cut), {"normalizer": None, "pre_tokenizer": metaspace(scheme, cut), "decoder": metaspace(scheme, cut),
                                                             "added_tokens": flagged if cut else phi3}
    yield "gemma", {"normalizer": SPACES, "pre_tokenizer": split_text(" ", "MergedWithPrevious"), "decoder": decoder(*LLAMA2_DECODER[:3]),
                    "added_tokens": later(("\n", {}), ("\n\n", {}), ("\u2581\u2581", {}), ("<start_of_turn>", dict(special=True)))}
    yield "flags of added tokens, normalized by llama2", {"added_tokens": flagged}
    yield "flags of added tokens, lower case", {"added_tokens": flagged, "normalizer": normalizer({"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, SPACES)}
    yield "strip left after a metaspace that is first", {
        "normalizer": {"type": "Strip", "strip_left": True, "strip_right": False}, "pre_tokenizer": metaspace("first", True), "decoder": None}
    yield "unknown tokens, fused", {"model": without_bytes, "decoder": decoder({"type": "Fuse"}, STRIP_FIRST)}
    yield "unknown tokens, each", {"model": without_bytes | {"fuse_unk": False}, "decoder": decoder({"type": "ByteFallback"}, {"type": "Strip", "content": "e", "start": 0, "stop": 1})}
    yield "unknown symbols dropped", {"model": without_bytes | {"unk_token": None}}
    yield "whole words", {"model": {"ignore_merges": True, "byte_fallback": False}, "pre_tokenizer": sequence({"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Contiguous"}),
                          "normalizer": {"type": "NFKC"}}
    older = {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}
    yield "metaspace, older form", {"normalizer": None, "pre_tokenizer": older, "decoder": older}
    yield "metaspace, older form without prefix", {"normalizer": None, "pre_tokenizer": dict(older, add_prefix_space=False, prepend_scheme="never"), "decoder": None}
    yield "words", {"normalizer": {"type": "NFKD"}, "post_processor": {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}, "pre_tokenizer": sequence({"type": "Whitespace"}, {"type": "Digits", "individual_digits": True}, metaspace("always", True))}
    yield "punctuation and a separator", {"normalizer": normalizer({"type": "NFD"}, replace("e", ""), replace("the", " THE ")), "pre_tokenizer": sequence(
        {"type": "Punctuation", "behavior": "MergedWithNext"}, split_text("a", "Removed"), metaspace("never", True))}


def byte_level_variants(base):
    yield "qwen2", {"normalizer": {"type": "NFC"}, "pre_tokenizer": sequence(split(QWEN2), byte_level(False, regex=False))}
    yield "gpt-neox", {"normalizer": {"type": "NFC"}, "pre_tokenizer": byte_level(False),
                       "post_processor": {"type": "RobertaProcessing", "sep": ["<|im_end|>", 2], "cls": ["<|im_start|>", 1], "trim_offsets": True, "add_prefix_space": False},
                       "added_tokens": with_added(base, [(" " * n, dict(normalized=True)) for n in [4, 3, 2]])}
    yield "tekken", {"pre_tokenizer": sequence(split(TEKKEN), byte_level(False, regex=False)), "model": {"ignore_merges": True}}
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            pattern = {"Regex": GPT2} if invert else {"String": "  "}
            yield "split %s, invert %s" % (behavior, invert), {
                "pre_tokenizer": sequence({"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}, split_text("-", behavior, invert), byte_level(True, regex=False))}


MORE = [
    "\u2581", "\u2581\u2581a", " \u2581 b", "a\u2581b", "\u2581 \u2581", "<0x0A>", "<0x41>\n", "<s>", "<s>a</s>", "<s> a </s> b", " <s>", "</s>\u2581", "<unk>", "<s><s>", "<S>",
    "<|user|>\nHi<|end|>\n<|assistant|>\n  Hello<|end|>", "<|end|>  \n x", "[right] [left]a", "The the THE word The", "a The  x\u2581of of", "e The", "\n\n\n", "a\n\nb\n",
    "\U000e0041\u0301", "\U000e0041\u0301A", "a\u0301" * 40, "a" + "\u0301\u0316" * 30, "\u0301\u0316", "\u1100\u1161\u11a8 \uac00\u11a8", "\u3131\uffa5\u3163", "\u212b\u2126\u0344", "か\u3099ﾊﾞ",
    "\u0958\u09c7\u09be", "\u0898\u0301 a\u1abf\u0316\u0301", "\U00011935\U00011930", "ǆ ﬃ ① ㍿ ﷺ", "\u1e9b\u0323", "İSTANBUL ΣΑΣ ẞ \u1c89\ua7dc",
    "HelloWorld XMLHttp iPhone ABC ABCd aB日Ab ǅaǅ ªA\u0301B \u0301a", "a/b //\r\n/ !\n\n/x", "\u0301A \u0301\u0301", "A\u0301 É", "----a--b-", "a - b -- c", "      a   b",
]


def hard_texts(count, seed):
    rng = random.Random(seed)
    texts = ["", *MORE, *rng.sample(FIXED, 60)]
    while len(texts) < count:
        texts.append("".join(rng.choice(ATOMS) if rng.random() < 0.7 else rng.choice(MORE) for _ in range(rng.randint(1, 10)))[:80])
    return texts


def family(base, file, name, overrides, texts, rng):
    tokenizer = apply(base, overrides)
    encodings = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    out = {"file": file, "name": name, "overrides": overrides, "ids": [e.ids for e in encodings],
           "special": [tokenizer.encode(text).ids for text in texts[:20]],
           "decoded": [tokenizer.decode(e.ids, skip_special_tokens=i % 2 == 1) for i, e in enumerate(encodings[:70])]}
    # Where normalization composes characters, the library's offsets leave the marks out.
    if "NF" not in json.dumps(overrides):
        out["offsets"] = [[at for offset in e.offsets for at in offset] for e in encodings[:70]]
    size = tokenizer.get_vocab_size()
    out["decodings"] = []
    for _ in range(24):
        ids = [rng.randrange(size if rng.random() < 0.6 else min(size, 259)) for _ in range(rng.randint(0, 7))]
        out["decodings"].append({"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False), "skipped": tokenizer.decode(ids)})
    return out


if __name__ == "__main__":
    base = train()
    write("metaspace.json", base)
    with open("tokenizer.json", encoding="utf-8") as file:
        bytes_base = json.load(file)
    texts = hard_texts(160, 5)
    rng = random.Random(6)
    families = [family(base, "metaspace.json", n, o, texts, rng) for n, o in metaspace_variants(base)]
    families += [family(bytes_base, "tokenizer.json", n, o, texts, rng) for n, o in byte_level_variants(bytes_base)]
    write("families.json", {"texts": texts, "families": families})
