"""Makes the committed fixtures of EPASTokenizerTests: small tokenizers, and what the library
tokenizers makes of awkward texts with them.

    make_tokenizer_fixtures.py [FOLDER]

`expected.json` lists for each tokenizer the texts, their ids with special tokens taken as text and
as tokens, and the text of the latter ids.

Needs what Scripts/parity.sh installs: run it as `Scripts/parity.sh make_tokenizer_fixtures.py`.
"""

import json
import pathlib
import random
import sys
import tempfile

from tokenizers import Tokenizer

from make_tokenizers import (
    byte_level_json, sentencepiece_json, train_sentencepiece, with_added_tokens,
)  # fmt: skip
from random_text import FRAGMENTS, plain_text, random_text


def main() -> None:
    package = pathlib.Path(__file__).resolve().parent.parent
    default = package / "Tests" / "EPASTokenizerTests" / "Fixtures"
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    root.mkdir(parents=True, exist_ok=True)
    text = plain_text(60_000)
    with tempfile.TemporaryDirectory() as folder:
        model = train_sentencepiece(pathlib.Path(folder), text, 700)
        metaspace = sentencepiece_json(model, legacy=False)
        legacy = sentencepiece_json(model, legacy=True)
    byte_level = byte_level_json(text, 600)
    tokenizers = {
        "legacy": legacy, "metaspace": metaspace, "byte-level": byte_level,
        "byte-level-added": with_added_tokens(byte_level),
    }  # fmt: skip
    draw = random.Random(5)
    texts = ["", *FRAGMENTS, *(random_text(draw)[:60] for _ in range(20))]
    cases = []
    for name, content in tokenizers.items():
        tokenizer = Tokenizer.from_str(json.dumps(content))
        file = root / f"{name}.json"
        file.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
        ids = []
        for as_text in [True, False]:
            tokenizer.encode_special_tokens = as_text
            ids.append([tokenizer.encode(text, add_special_tokens=False).ids for text in texts])
        decoded = [tokenizer.decode(row, skip_special_tokens=True) for row in ids[1]]
        cases.append({
            "file": file.name, "ids": ids[0], "special": ids[1], "decoded": decoded,
        })  # fmt: skip
    expected = {"texts": texts, "cases": cases}
    (root / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
