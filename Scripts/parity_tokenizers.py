"""Compares `epas tokenize` with the libraries tokenizers and sentencepiece.

    parity_tokenizers.py [--strings N] [--seed N] [--epas FILE] [--speed]

Makes tokenizers of every kind on the spot: a SentencePiece model; the same as tokenizer.json, in
the older and the newer form; a byte-level one like Llama 3's; and some sixty variants with other
pre-tokenizers, normalizers, decoders, added tokens and settings. Each encodes and decodes random
texts, with special tokens taken as text and as tokens; ids and texts must be equal. The variants
get a twentieth of the N texts. --speed also measures one thread on some megabytes of text, and one
megabyte without a space.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import sentencepiece
from tokenizers import Tokenizer

from make_tokenizers import byte_level_json, sentencepiece_json, train_sentencepiece, variants
from random_text import FRAGMENTS, plain_text, random_text


def run(epas: str, tokenizer: pathlib.Path, values: list, *options: str) -> list:
    """What `epas tokenize` makes of the values."""
    lines = "".join(json.dumps(value) + "\n" for value in values)
    result = subprocess.run(
        [epas, "tokenize", str(tokenizer), *options], input=lines, text=True, capture_output=True)  # fmt: skip
    if result.returncode != 0:
        sys.exit(f"{tokenizer.parent.name}: epas tokenize failed: {result.stderr}")
    return [json.loads(line) for line in result.stdout.split("\n") if line]


class Comparison:
    def __init__(self, epas: str, draw: random.Random):
        self.epas = epas
        self.draw = draw
        self.compared = 0
        self.differences = 0

    def check(self, name: str, inputs: list, expected: list, ours: list) -> None:
        wrong = [i for i in range(len(inputs)) if i >= len(ours) or expected[i] != ours[i]]
        self.compared += len(inputs)
        self.differences += len(wrong)
        for i in wrong[:2]:
            found = ours[i] if i < len(ours) else "nothing"
            print(f"DIFFERENT {name}: {inputs[i]!r}\n  expected {expected[i]!r}\n  found    {found!r}")

    def compare(self, name: str, file: pathlib.Path, texts: list[str]) -> None:
        """Compares with the library tokenizers."""
        reference = Tokenizer.from_file(str(file))
        for special in [False, True]:
            reference.encode_special_tokens = not special
            batch = reference.encode_batch(texts, add_special_tokens=False)
            expected = [encoding.ids for encoding in batch]
            options = ["--special"] if special else []
            self.check(f"{name}, special {special}", texts, expected, run(self.epas, file, texts, *options))
        count = max(reference.get_vocab().values()) + 1
        lists = expected + [
            [self.draw.randrange(count) for _ in range(self.draw.randrange(12))] for _ in texts
        ]
        decoded = reference.decode_batch(lists, skip_special_tokens=True)
        self.check(f"{name}, decoding", lists, decoded, run(self.epas, file, lists, "--decode"))

    def compare_sentencepiece(self, file: pathlib.Path, texts: list[str]) -> None:
        """Compares with the library sentencepiece.

        It takes U+2581 for a space and cannot give it back; `epas` keeps it, in bytes.
        """
        reference = sentencepiece.SentencePieceProcessor(model_file=str(file))
        texts = [text.replace("▁", "") for text in texts]
        expected = [reference.encode(text) for text in texts]
        self.check("sentencepiece", texts, expected, run(self.epas, file, texts))
        decoded = [reference.decode(ids) for ids in expected]
        self.check("sentencepiece, decoding", expected, decoded, run(self.epas, file, expected, "--decode"))


def measure(epas: str, name: str, file: pathlib.Path, text: str, pieces: int) -> None:
    """Prints MB/s of both programs on one thread; the text is given in so many pieces."""
    size = max(1, len(text) // pieces)
    texts = [text[start : start + size] for start in range(0, len(text), size)]
    megabytes = len(text.encode()) / 1e6
    if file.suffix == ".json":
        reference = Tokenizer.from_file(str(file))
        start = time.perf_counter()
        for part in texts:
            reference.encode(part, add_special_tokens=False)
    else:
        model = sentencepiece.SentencePieceProcessor(model_file=str(file))
        start = time.perf_counter()
        for part in texts:
            model.encode(part)
    theirs = megabytes / (time.perf_counter() - start)
    lines = "".join(json.dumps(part) + "\n" for part in texts)
    result = subprocess.run(
        [epas, "tokenize", str(file), "--speed"], input=lines, text=True, capture_output=True)  # fmt: skip
    print(f"{name}: epas {result.stdout.strip()}; the library {theirs:.2f} MB/s")


def main() -> None:
    package = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--strings", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epas", default=str(package / ".build" / "release" / "epas"))
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    draw = random.Random(options.seed)
    texts = ["", *FRAGMENTS, *(random_text(draw) for _ in range(options.strings))]
    few = ["", *FRAGMENTS, *texts[-max(20, options.strings // 20) :]]
    comparison = Comparison(options.epas, draw)
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        training = plain_text(600_000)
        model = train_sentencepiece(root, training, 2000)
        byte_level = byte_level_json(training, 2000)
        main_kinds = {
            "legacy": sentencepiece_json(model, legacy=True),
            "metaspace": sentencepiece_json(model, legacy=False),
            "llama3": byte_level,
        }
        others = variants(main_kinds["metaspace"], byte_level)
        files = {}
        for name, content in {**main_kinds, **others}.items():
            folder = root / name.replace(" ", "_")
            folder.mkdir()
            files[name] = folder / "tokenizer.json"
            files[name].write_text(json.dumps(content), encoding="utf-8")
        for name in main_kinds:
            comparison.compare(name, files[name], texts)
        comparison.compare_sentencepiece(model, texts)
        for name in others:
            comparison.compare(name, files[name], few)
        if options.speed:
            text = plain_text(6_000_000)
            for name in main_kinds:
                measure(options.epas, name, files[name], text, 600)
            measure(options.epas, "sentencepiece", model, text, 600)
            endless = "".join(text.split())[:1_000_000]
            for name in main_kinds:
                measure(options.epas, f"{name}, 1 MB without spaces", files[name], endless, 1)
    print(f"tokenizers: {comparison.compared} comparisons, {comparison.differences} differences")
    sys.exit(1 if comparison.differences else 0)


if __name__ == "__main__":
    main()
