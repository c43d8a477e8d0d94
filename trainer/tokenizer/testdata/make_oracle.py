"""Writes the test data of this package with Hugging Face's `tokenizers`, the library that the package must equal.

    python make_oracle.py            in this folder; needs `pip install tokenizers` (made with 0.23.3, CPython 3.11)

    tokenizer.json         a byte-level BPE tokenizer of SmolLM2's kind with 2,000 merges, trained on Python's own reference manual
    oracle.json            hard texts, and for each variant of that tokenizer the ids that the library gives
    ../../weights/testdata/smollm2_texts.json  with --smollm2 MODEL.gguf (needs `pip install gguf`): the hard texts under SmolLM2's own vocabulary
"""

import copy
import json
import pydoc_data.topics
import random
import sys

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Enough of other scripts that their bytes get tokens and merges; many bytes still have none.
OTHER_SCRIPTS = [
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "いろはにほへと ちりぬるを わかよたれそ つねならむ",
    "天地玄黃 宇宙洪荒 日月盈昃 辰宿列張",
    "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ إِذ بَزَغَت",
    "😀 👍 ❤ → “quoted” – dash — …",
] * 20


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    lines = "\n".join(v for _, v in sorted(pydoc_data.topics.topics.items())).splitlines(keepends=True) + OTHER_SCRIPTS
    alphabet = set("".join(chr(c) for c in range(33, 127)) + "Ġ")
    alphabet.update(*(c for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str("".join(lines)) for c in word))
    size = len(alphabet) + len(SPECIAL) + 2000
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, initial_alphabet=sorted(alphabet), show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    return json.loads(tokenizer.to_str())


def added(id, content, **flags):
    entry = dict(id=id, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    entry.update(flags)
    return entry


def byte_level(prefix, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def template(before, after):
    names = {0: SPECIAL[0], 1: SPECIAL[1], 2: SPECIAL[2]}
    special = lambda i: {"SpecialToken": {"id": names[i], "type_id": 0}}
    single = [special(i) for i in before] + [{"Sequence": {"id": "A", "type_id": 0}}] + [special(i) for i in after]
    used = {names[i]: {"id": names[i], "ids": [i], "tokens": [names[i]]} for i in before + after}
    return {"type": "TemplateProcessing", "single": single, "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": used}


def variants(base):
    """Each variant is the base with some top-level fields replaced; those of model are replaced one by one."""
    size = len(base["model"]["vocab"])
    individual = {"type": "Digits", "individual_digits": True}
    runs = {"type": "Digits", "individual_digits": False}
    sequence = lambda *steps: {"type": "Sequence", "pretokenizers": list(steps)}
    flagged = base["added_tokens"] + [
        added(size, "[left]", lstrip=True, special=True),
        added(size + 1, "[right]", rstrip=True),
        added(size + 2, "[both]", lstrip=True, rstrip=True, normalized=True),
        added(size + 3, "word", single_word=True),
        added(size + 4, "whole", single_word=True, normalized=True, lstrip=True),
        added(size + 5, "  x"),
        added(size + 6, "  xy", normalized=True),
        added(size + 7, "<|im"),
        added(size + 8, "\n"),
    ]
    yield "smollm", {}
    yield "gpt2 with prefix space and unknown token", {
        "pre_tokenizer": byte_level(True), "post_processor": byte_level(True), "model": {"unk_token": SPECIAL[0]}}
    yield "digit runs with prefix space and fused unknown token", {
        "pre_tokenizer": sequence(runs, byte_level(True)), "model": {"unk_token": SPECIAL[2], "fuse_unk": True}}
    yield "llama3", {
        "pre_tokenizer": sequence(split(LLAMA3), byte_level(False, regex=False)), "model": {"ignore_merges": True}, "post_processor": template([1], [])}
    yield "qwen2 after digits, one prefix space a word", {
        "pre_tokenizer": sequence(sequence(individual, split(QWEN2)), byte_level(True, regex=False)),
        "post_processor": {"type": "Sequence", "processors": [byte_level(True), template([0, 1], [2])]}}
    yield "flags of added tokens", {"added_tokens": flagged}


FIXED = [
    "", " ", "  ", "   ", "\t", "\n", "\r\n", "\r\n\r\n", " \n", "\n ", "a ", " a", "a  b", "a   b", "a\t\tb", "a \t b", "a\n\n\nb", "a \n b\r\n c",
    "x\u00a0y", "x\u2003\u2003y", "x\u2028y\u2029z", "x\u0085y", "x\u3000\u3000y ", "x\u200by", "x\u180ey", "x\ufeffy", "\u00a0a", " \u00a0a",
    "it's IT'S we're WE'RE I'll I'LL I'd I'D they've THEY'VE I'm I'M don't DON'T 'tis ''s ' s 'Re 'lL",
    "'ſ 'ſt '’s o’clock rock'n'roll '", "'", "''", "'r", "'l", "'v", "a'b'c", "x'll'll",
    "0 1 23 456 7890 12345678901", "3.14159 1,000,000 1e-10 0x1F", "½ ⅓ ² ³ Ⅷ ⅷ ① ㊿ 一二三 〇", "٠١٢٣ ۴۵ ०१२ ๑๒ １２３ 𝟘𝟙𝟚",
    "a1b2c3", "1a 2b", " 1 2  3   4", "12\n34", "\U00011de0\U00016ff4\U00010d40 x1",
    "naïve café — “quoted” … ‘single’", "e\u0301 o\u0308 n\u0303 \u0301 a\u0300\u0301\u0302", "Å Å Å ﬁ ﬂ ẞ ß İ ı ǅ",
    "日本語のテキスト", "中文，句子。", "한국어 문장", "ひらがなカタカナ漢字123", "ภาษาไทย", "हिन्दी में", "தமிழ்", "မြန်မာ",
    "שלום עולם", "مرحبا بالعالم", "\u202eabc\u202c \u200fx\u200e", "Ελληνικά Русский ქართული",
    "👨‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈 🇩🇪🇫🇷 ☺️ ☺", "a👍b 👍 👍👍", "𝕳𝖊𝖑𝖑𝖔 𐍈 𒀀 𓀀", "\U0001f9d1\u200d\U0001f4bb\ufe0f",
    "\x00", "a\x00b", "\x01\x02\x03", "\x1b[31mred\x1b[0m", "\x7f", "a\x0bb\x0cc", "\x1c\x1d\x1e\x1f", "\x80\x81\x9f", "\u0378\ue000\U000f0000\U0010ffff\ufffe\uffff",
    "<|endoftext|>", "<|im_start|>user\nHello<|im_end|>\n", " <|im_start|> ", "a<|im_end|>b", "<|im_start|", "<|im_start|>|>", "<<|im_end|>>", "<|im_end|><|im_end|>",
    "<|endoftext|><|im_start|>system\r\n\r\nYou are.<|im_end|>  <|im_start|>  x", "<|IM_START|>",
    "a [left] b [right] c [both] d", "a\n [left]\n[right] \t[both]  [left]", "[right][left]", "[right] [left]", "[right]\n\n[left]", "[right]   x", "x   [both]   y  xy",
    "word words sword word. (word) _word word1 wörd word\u0301 \u0301word wordword word", "whole  whole unwhole whole\u200d whole\u0897 \u1c89word", "   x  xy   xyz", "  x[both]",
    "def f(x):\n    return x ** 2  # squared\n\n\nclass A(B):\n\tpass\n", "for (int i = 0; i < n; ++i) { a[i] += b[i]; }", "if (a && !b || c != d) { /* … */ }",
    "SELECT * FROM t WHERE a = 'it''s' AND b >= 10;", "<div class=\"x\">&nbsp;</div><!-- c -->", "{\"a\": [1, 2.5e3, null], \"b\": \"\\u00e9\"}",
    "https://example.org/a/b?c=d&e=%20f#g", "user.name+tag@sub.example.co.uk", "C:\\Users\\x\\file.txt", "$HOME/.config ~/x ../y", "x->y <- z => <=> ≠ ≤ ≥",
    "#!/bin/sh\nset -e\necho \"$@\" | grep -v '^#' > /dev/null 2>&1\n", "\\frac{1}{2}\\sum_{i=0}^{n} x_i", "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "a" * 200, "!" * 200, " " * 200, "\n" * 100, "ab" * 100, "=" * 79 + "\n", "-" * 50, "....", "9" * 60, "é" * 60, "漢" * 60, "👍" * 30, " a" * 60, "'" * 40, "'s" * 30,
    "supercalifragilisticexpialidocious" * 4, "AAAAbbbbCCCCdddd" * 8,
]

ATOMS = [
    " ", " ", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u2003", "the", "The", " of", "and", "statement", "word", "whole", "x", "  x", "a", "é", "ß", "ſ", "'s", "'S", "'re",
    "'LL", "'", "’", "\"", ".", ",", "!", "?", "...", "(", ")", "[", "]", "{", "}", "<", ">", "|", "=", "==", "_", "-", "--", "/", "\\", "#", "0", "1", "12", "2024", "½", "٣", "Ⅷ",
    "日", "本語", "。", "שלום", "العربية", "हि", "\u0301", "\u200d", "\ufe0f", "👍", "👩🏽‍🚀", "🇩🇪", "\x00", "\x1b", "\x7f", "\u200b", "\ufeff", "\ud7a3", "\U00010348",
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "[left]", "[right]", "[both]", "<|im", "def", "return", "self", "://", "www", "%20", "i++", "->",
]


def hard_texts(count, seed):
    rng = random.Random(seed)
    texts = list(FIXED)
    while len(texts) < count:
        kind = rng.random()
        if kind < 0.75:
            texts.append("".join(rng.choice(ATOMS) for _ in range(rng.randint(1, 24))))
        elif kind < 0.9:
            texts.append("".join(chr(rng.choice([rng.randrange(0x20, 0x7F), rng.randrange(0x300), rng.randrange(0x3000), rng.randrange(0x10000, 0x1FB00)]))
                                 for _ in range(rng.randint(1, 16))).encode("utf-8", "ignore").decode())
        else:
            base = rng.choice(texts)
            cut = rng.randint(0, len(base))
            texts.append(base[cut:cut + 60] + rng.choice(ATOMS) + base[:min(cut, 60)])
    return texts


def apply(base, overrides):
    file = copy.deepcopy(base)
    for key, value in overrides.items():
        if key == "model":
            file["model"].update(value)
        else:
            file[key] = value
    return Tokenizer.from_str(json.dumps(file))


def splitters():
    digits = pre_tokenizers.Digits
    return {
        "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        "llama3": pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
        "qwen2": pre_tokenizers.Split(Regex(QWEN2), "isolated"),
        "tekken": pre_tokenizers.Split(Regex(TEKKEN), "isolated"),
        "digit": digits(individual_digits=True),
        "digit runs": digits(individual_digits=False),
    }


def word_lengths(splitter, text):
    """The lengths in bytes of the words that a splitter makes of a text."""
    return [len(text[start:end].encode()) for _, (start, end) in splitter.pre_tokenize_str(text)]


def oracle(base):
    texts = hard_texts(400, 1)
    out = {"texts": texts, "variants": [], "decodings": [], "splits": {n: [word_lengths(s, t) for t in texts] for n, s in splitters().items()}}
    for name, overrides in variants(base):
        tokenizer = apply(base, overrides)
        out["variants"].append({
            "name": name,
            "overrides": overrides,
            "plain": [tokenizer.encode(t, add_special_tokens=False).ids for t in texts],
            "withSpecial": [tokenizer.encode(t, add_special_tokens=True).ids for t in texts[:20]],
        })
    tokenizer = apply(base, {})
    rng = random.Random(2)
    multibyte = [i for t, i in base["model"]["vocab"].items() if any(ord(c) > 126 for c in t)]
    for _ in range(200):
        ids = [rng.choice(multibyte) if rng.random() < 0.8 else rng.randrange(len(base["model"]["vocab"]) + 5) for _ in range(rng.randint(0, 9))]
        out["decodings"].append({"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False), "skipped": tokenizer.decode(ids, skip_special_tokens=True)})
    return out


def smollm2(path):
    import gguf

    fields = gguf.GGUFReader(path).fields
    field = lambda name: fields["tokenizer.ggml." + name].contents()
    tokens = field("tokens")
    file = {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [added(i, tokens[i], special=True) for i, kind in enumerate(field("token_type")) if kind == 3],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level(False)]},
        "decoder": byte_level(True),
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": {t: i for i, t in enumerate(tokens)}, "merges": field("merges")},
    }
    return Tokenizer.from_str(json.dumps(file))


def write(name, value, **options):
    with open(name, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, separators=(",", ":"), **options)
        file.write("\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--smollm2"]:
        tokenizer = smollm2(sys.argv[2])
        write("../../weights/testdata/smollm2_texts.json", [{"text": t, "ids": tokenizer.encode(t).ids} for t in hard_texts(600, 3)])
    else:
        base = train()
        write("tokenizer.json", base)
        write("oracle.json", oracle(base))
