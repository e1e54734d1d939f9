"""Random texts that are awkward for a tokenizer, and plain ones to train one on."""

import pathlib
import random
import sysconfig

# First and last code points of what texts are drawn from.
RANGES = {
    "ascii": (0x20, 0x7E),
    "control": (0x00, 0x1F),
    "latin": (0x80, 0x24F),
    "marks": (0x300, 0x36F),
    "greek and cyrillic": (0x370, 0x52F),
    "hebrew and arabic": (0x590, 0x6FF),
    "devanagari": (0x900, 0x97F),
    "thai": (0xE00, 0xE7F),
    "jamo": (0x1100, 0x11FF),
    "punctuation and spaces": (0x2000, 0x206F),
    "symbols": (0x2190, 0x27BF),
    "kana": (0x3040, 0x30FF),
    "han": (0x4E00, 0x9FFF),
    "hangul": (0xAC00, 0xD7A3),
    "private": (0xE000, 0xE0FF),
    "compatibility": (0xF900, 0xFFFF),
    "rare": (0x10000, 0x1FFFF),
    "emoji": (0x1F300, 0x1FAFF),
    "rare han": (0x20000, 0x323AF),
    "tags": (0xE0000, 0xE01EF),
    "any": (0x0, 0x10FFFF),
}

FRAGMENTS = [
    "def f(x):\n\treturn x ** 2  # square\n", "    if (a != b) { i++; }\r\n", "don't WE'LL they'VE I'm",
    "3.14159 1234567890 １２３ ٣٤ ⅷ²", "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 ❤️", "日本語のテキスト、中文文本。한국어", "naïve café e\u0301 ﬁ Å",
    "\u2581", "\u2581\u2581", " \u2581 ", "\u00a0\u3000\u2003", "\ufeff\u200b\u200d\u2028\u0085", "\ufffd\ufffe\uffff",
    "<s>", "</s>", "<unk>", "<0x0A>", "<0xE2>", "<|begin_of_text|>", "<|eot_id|>", "<|end", "[PAD]",
    " [PAD] ", "a[PAD]b", "<mask>", "  <mask>  ", "word", "WORD", "Word", "swordfish", "\n\n\n", " \n ", "\t\t",
    "     ", " " * 40, "\n" * 20, "a" * 70, "ab" * 30, "=" * 50, "的" * 30, "ſİıßẞΣς", "\0", "it's 'S 'ſ", "ǅ",
    "http://x.y/z?q=1&r=%20", "snake_case camelCase", "x\u0300\u0301\u0302", "क्षि", "กำ", "각", "각", "𝒜𝓑", "\U0001ccf0",
]  # fmt: skip


def random_scalar(draw: random.Random, name: str) -> str:
    first, last = RANGES[name]
    while True:
        value = draw.randint(first, last)
        if not 0xD800 <= value < 0xE000:
            return chr(value)


def random_text(draw: random.Random) -> str:
    """One text of 0 to some 200 characters."""
    parts = []
    for _ in range(draw.randint(0, 12)):
        kind = draw.random()
        if kind < 0.35:
            parts.append(draw.choice(FRAGMENTS))
        elif kind < 0.5:
            parts.append("".join(random_scalar(draw, "any") for _ in range(draw.randint(1, 8))))
        elif kind < 0.6:
            parts.append(" " * draw.randint(1, 5))
        else:
            name = draw.choice(list(RANGES))
            parts.append("".join(random_scalar(draw, name) for _ in range(draw.randint(1, 15))))
    return "".join(parts)


def plain_text(size: int) -> str:
    """About `size` characters: this Python's own sources, and sentences in other scripts."""
    others = [
        "日本語の文章を少しだけ書いておきます。", "这是一些用于训练的中文文本，内容并不重要。", "한국어 문장도 조금 넣어 둡니다.",
        "Немного русского текста для обучения.", "Λίγο ελληνικό κείμενο.", "😀😃😄 👍🏽 🎉🎉", "schöne Grüße aus Köln, señor!",
    ]  # fmt: skip
    texts, length = [], 0
    for file in sorted(pathlib.Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        text = file.read_text(encoding="utf-8", errors="ignore") + "\n".join(others) + "\n"
        texts.append(text)
        length += len(text)
        if length >= size:
            break
    return "".join(texts)[:size]
