"""Writes what Hugging Face's `tokenizers` makes of every Unicode code point.

    python make_unicode.py           in this folder; needs `pip install tokenizers` (made with 0.23.3)

    unicode_classes.json    the classes of the pre-tokenizers and the lower case of each code point
    unicode_forms.json      the normalization forms: which code points they change, and a digest of what they become
"""

import hashlib
import json

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

CHARS = [chr(code) if not 0xD800 <= code < 0xE000 else "" for code in range(0x110000)]


def ranges(flags):
    """The code points whose flag is set, as a flat list: first, last, first, last, …"""
    out = []
    for code, flag in enumerate(flags + [False]):
        if flag and (not out or len(out) % 2 == 0):
            out.append(code)
        elif not flag and len(out) % 2 == 1:
            out.append(code - 1)
    return out


def unicode_classes():
    regex = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = pre_tokenizers.Digits(individual_digits=True)
    upper = pre_tokenizers.Split(Regex(r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"), "isolated")
    lower = pre_tokenizers.Split(Regex(r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"), "isolated")
    punctuation = pre_tokenizers.Punctuation()
    white = pre_tokenizers.WhitespaceSplit()
    words = pre_tokenizers.Whitespace()
    single = Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    single.add_tokens([AddedToken("<x>", single_word=True, normalized=False)])
    flags = {name: [] for name in ["letter", "number", "space", "digit", "word", "upper", "lower", "punctuation", "white", "inWord"]}
    for char in CHARS:
        whole = lambda side: bool(char) and len(regex.pre_tokenize_str(side + char + side)) == 1
        cut = lambda step, side: bool(char) and len(step.pre_tokenize_str(side + char + side)) == 3
        flags["letter"].append(whole("a"))
        flags["number"].append(whole("1"))
        flags["space"].append(bool(char) and not (whole("a") or whole("1") or whole("!")))
        flags["digit"].append(cut(digits, "a"))
        flags["word"].append(bool(char) and single.encode(char + "<x>").ids != [1])
        flags["upper"].append(cut(upper, "1"))
        flags["lower"].append(cut(lower, "1"))
        flags["punctuation"].append(cut(punctuation, "a"))
        flags["white"].append(bool(char) and len(white.pre_tokenize_str("a" + char + "a")) == 2)
        flags["inWord"].append(bool(char) and len(words.pre_tokenize_str("a" + char + "a")) == 1)
    lowercase = normalizers.Lowercase()
    lowered = {code: lowercase.normalize_str(char) for code, char in enumerate(CHARS)}
    return {name: ranges(f) for name, f in flags.items()} | {"lowered": {code: low for code, low in lowered.items() if low != CHARS[code]}}


def unicode_forms():
    out = {}
    for name, form in {"NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD()}.items():
        # The marks on both sides tell the combining class apart from 0: they change places with one, or stay.
        become = [form.normalize_str(char) + "|" + form.normalize_str("a\u0315" + char + "\u0334") for char in CHARS]
        changed = [form.normalize_str(char) != char or form.normalize_str("a\u0315" + char + "\u0334") != "a\u0315" + char + "\u0334" for char in CHARS]
        out[name] = {"changed": ranges(changed), "sha256": hashlib.sha256("\n".join(become).encode()).hexdigest()}
    return out


def write(name, value):
    with open(name, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    write("unicode_classes.json", unicode_classes())
    write("unicode_forms.json", unicode_forms())
