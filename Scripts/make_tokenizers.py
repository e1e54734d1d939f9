"""Makes tokenizers of every kind, from plain text, on the spot."""

import itertools
import json
import pathlib

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

# As documented for Llama 3: contractions in any case, words with at most one character before
# them, numbers of up to three digits, other characters with line ends, line ends, spaces.
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def special(content: str, **options: bool) -> AddedToken:
    return AddedToken(content, special=True, normalized=False, **options)


def train_sentencepiece(folder: pathlib.Path, text: str, vocabulary: int) -> pathlib.Path:
    """A `tokenizer.model` like LLaMA's."""
    (folder / "text").write_text(text, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"), model_prefix=str(folder / "tokenizer"), model_type="bpe",
        vocab_size=vocabulary, byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, split_digits=True, character_coverage=0.999,
        allow_whitespace_only_pieces=True, max_sentence_length=1 << 20, minloglevel=2,
    )  # fmt: skip
    return folder / "tokenizer.model"


def sentencepiece_json(model: pathlib.Path, legacy: bool) -> dict:
    """The same as a tokenizer.json, in the older form (normalizer) or the newer (Metaspace)."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    vocabulary = {pieces.id_to_piece(i): i for i in range(pieces.get_piece_size())}
    merges = []
    for piece, index in vocabulary.items():
        if pieces.is_byte(index) or pieces.is_control(index) or pieces.is_unknown(index):
            continue
        cuts = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        pairs = [cut for cut in cuts if cut[0] in vocabulary and cut[1] in vocabulary]
        merges += [(pieces.get_score(index), pair) for pair in pairs]
    merges.sort(key=lambda merge: -merge[0])
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary, merges=[pair for _, pair in merges], unk_token="<unk>",
            fuse_unk=True, byte_fallback=True,
        )  # fmt: skip
    )
    tokenizer.add_special_tokens([special("<unk>"), special("<s>"), special("</s>")])
    content = json.loads(tokenizer.to_str())
    content["decoder"] = sequence("decoders", [
        replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ])  # fmt: skip
    if legacy:
        content["normalizer"] = sequence(
            "normalizers", [{"type": "Prepend", "prepend": "▁"}, replace(" ", "▁")])  # fmt: skip
    else:
        content["pre_tokenizer"] = metaspace("first", split=False)
    return content


def byte_level_json(text: str, vocabulary: int, expression: str = LLAMA3) -> dict:
    """A tokenizer.json like Llama 3's."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(expression), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    lines = text.splitlines(keepends=True)
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.add_special_tokens(
        [special("<|begin_of_text|>"), special("<|end_of_text|>"), special("<|eot_id|>")])  # fmt: skip
    return json.loads(tokenizer.to_str())


def with_added_tokens(content: dict) -> dict:
    """The tokenizer with added tokens of every sort."""
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_tokens([
        AddedToken("[PAD]", single_word=True, normalized=False), AddedToken("word", normalized=True),
        AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False), AddedToken("wor"),
        AddedToken("swordfish", single_word=True), AddedToken("日本", lstrip=True),
        AddedToken("  <|two|>", rstrip=True, normalized=False, special=True),
    ])  # fmt: skip
    return json.loads(tokenizer.to_str())


def replace(old: str, new: str, kind: str = "String") -> dict:
    return {"type": "Replace", "pattern": {kind: old}, "content": new}


def metaspace(scheme: str, split: bool = True) -> dict:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


def sequence(name: str, steps: list[dict]) -> dict:
    return {"type": "Sequence", name: steps}


def split(pattern: str, behavior: str, invert: bool = False, kind: str = "Regex") -> dict:
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]

PRE_TOKENIZERS = {
    "gpt2": BYTES | {"use_regex": True},
    "gpt2, prefix": BYTES | {"use_regex": True, "add_prefix_space": True},
    "deepseek": sequence("pretokenizers", [
        split(r"\p{N}{1,3}", "Isolated"), split("[一-龥぀-ゟ゠-ヿ]+", "Isolated"),
        split(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
              r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", "Isolated"), BYTES]),
    "o200k": sequence("pretokenizers", [
        split(r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
              r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
              r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
              r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+", "Removed", True), BYTES]),
    "digits": sequence("pretokenizers", [{"type": "Digits", "individual_digits": True}, BYTES]),
    "numbers": sequence("pretokenizers", [{"type": "Digits", "individual_digits": False}, BYTES]),
    "words": sequence("pretokenizers", [{"type": "Whitespace"}, BYTES]),
    "whitespace": sequence("pretokenizers", [{"type": "WhitespaceSplit"}, BYTES]),
    "delimiter": sequence("pretokenizers", [{"type": "CharDelimiterSplit", "delimiter": "e"}, BYTES]),
    "fixed": sequence("pretokenizers", [{"type": "FixedLength", "length": 3}, BYTES]),
    "empty matches": sequence("pretokenizers", [split(r"(?=[A-Z])|x*", "MergedWithNext"), BYTES]),
    "metaspace always": metaspace("always"),
    "metaspace never": metaspace("never"),
    "metaspace whole": metaspace("always", split=False),
    "split, metaspace first": sequence("pretokenizers", [
        split(r"\d", "Isolated"), metaspace("first")]),
    "stripped, metaspace first": sequence("pretokenizers", [
        {"type": "WhitespaceSplit"}, metaspace("first")]),
} | {
    f"punctuation {behavior}": sequence("pretokenizers", [
        {"type": "Punctuation", "behavior": behavior}, BYTES]) for behavior in BEHAVIORS
} | {
    f"split {behavior} {invert}": sequence("pretokenizers", [
        split(r"\s+|[a-e]", behavior, invert), BYTES])
    for behavior, invert in itertools.product(BEHAVIORS, [False, True])
} | {"split text": sequence("pretokenizers", [split("ab", "MergedWithNext", kind="String"), BYTES])}  # fmt: skip

NORMALIZERS = {
    **{form: {"type": form} for form in ["NFC", "NFD", "NFKC", "NFKD", "Nmt", "StripAccents", "Lowercase"]},
    "strip": {"type": "Strip", "strip_left": True, "strip_right": True},
    "strip left": sequence("normalizers", [
        {"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Prepend", "prepend": "▁"}]),
    "strip right": {"type": "Strip", "strip_left": False, "strip_right": True},
    "replace": sequence("normalizers", [
        replace(r"\s+", " ", "Regex"), replace("aa", "b"), replace("(?<=e)", "é", "Regex")]),
    "accents": sequence("normalizers", [{"type": "NFD"}, {"type": "StripAccents"}]),
    "bytes": {"type": "ByteLevel"},
}  # fmt: skip
NORMALIZED = ["metaspace always", "metaspace whole", "stripped, metaspace first", "gpt2"]


def variants(sentencepiece_like: dict, byte_level: dict) -> dict[str, dict]:
    """Tokenizers with every pre-tokenizer, normalizer and setting of the model."""
    made = {}
    for name, step in PRE_TOKENIZERS.items():
        base = sentencepiece_like if "metaspace" in name else byte_level
        made[name] = base | {"pre_tokenizer": step}
    for name, step in NORMALIZERS.items():
        base = byte_level if name == "bytes" else sentencepiece_like
        made[name] = base | {"normalizer": step, "pre_tokenizer": None}
        made[f"{name}, first"] = made[name] | {"pre_tokenizer": metaspace("first", split=False)}
    model = sentencepiece_like["model"]
    for fuse, fallback in itertools.product([False, True], repeat=2):
        # Without some of the bytes, so that text falls back to bytes and to <unk> by turns.
        vocabulary = {
            token: index for token, index in model["vocab"].items()
            if fallback or not token.startswith("<0xF")
        }  # fmt: skip
        changed = model | {"fuse_unk": fuse, "byte_fallback": fallback, "vocab": vocabulary}
        made[f"fuse_unk {fuse}, byte_fallback {fallback}"] = sentencepiece_like | {"model": changed}
    made["no unknown"] = sentencepiece_like | {
        "model": model | {"unk_token": None, "byte_fallback": False}
    }
    made["no decoder"] = sentencepiece_like | {"decoder": None}
    made["metaspace decoder"] = sentencepiece_like | {"decoder": metaspace("first")}
    made["strip decoder"] = sentencepiece_like | {"decoder": sequence("decoders", [
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"},
        {"type": "ByteFallback"}, replace("[aeiou]", "*", "Regex"), {"type": "Fuse"}])}  # fmt: skip
    legacy = model | {"merges": [" ".join(pair) for pair in model["merges"]]}
    made["merges as lines"] = sentencepiece_like | {"model": legacy}
    made["bytes, added"] = with_added_tokens(byte_level)
    made["sentencepiece, added"] = with_added_tokens(sentencepiece_like)
    lower = sentencepiece_like | {"normalizer": {"type": "Lowercase"}}
    made["lowercase, added"] = with_added_tokens(lower)
    return made
