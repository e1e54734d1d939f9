"""Compares `epas template render` with Jinja2 in the environment that transformers renders in.

1. Chats: every template of chat_templates.py with every list of messages, with and without tools,
   generation prompt and a fixed date. The text must be equal, or both must refuse.
2. Tokens: the same chats, encoded by a byte-level tokenizer with the templates' special tokens. The
   ids must be those of transformers for the rendered text; where messages spell special tokens,
   the special ids must be those that the chat has with such text taken out.
3. Random expressions and statements over random variables: the text must be equal, or both must
   refuse. Left out, and counted, is what has no answer to compare: text with an object's address,
   which `epas` refuses to write, and whole numbers beyond 64 bits and complex ones, which it refuses too.
4. White space: random template text around tags with and without signs.
"""

import argparse
import copy
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

from chat_templates import CHATS, SPECIAL, TEMPLATES, TOOLS
from template_cases import random_case, random_whitespace
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

warnings.filterwarnings("ignore")
DATE = "26 Jul 2024"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
COMPILE = chat_template_utils._compile_jinja_template
ADDRESSES = ("object at 0x", "<built-in", "<bound method", "<function", "<class", "<slot wrapper")
REFUSED = ("leaves 64 bits", "cannot be written as text", "is a complex number")


def compiled(source: str):
    template = COMPILE(source)
    template.globals["strftime_now"] = lambda format: DATE
    return template


def expected(case: dict) -> dict:
    """What transformers renders, or why it does not."""
    try:
        template = compiled(case["template"])
        variables = copy.deepcopy(case.get("variables", {})) | case.get("tokens", {})
        if "messages" not in case:
            return {"text": template.render(**variables)}
        rendered, _ = chat_template_utils.render_jinja_template(
            conversations=[copy.deepcopy(case["messages"])],
            tools=case.get("tools"),
            chat_template=case["template"],
            add_generation_prompt=case["add_generation_prompt"],
            **variables,
        )
        return {"text": rendered[0]}
    except Exception as error:  # noqa: BLE001: templates fail in every way there is
        return {"error": f"{type(error).__name__}: {error}"}


class Comparison:
    """Runs cases through both, and counts."""

    def __init__(self, epas: str, folder: pathlib.Path):
        self.epas = epas
        self.folder = folder
        self.differences = 0

    def ours(self, cases: list[dict], *arguments) -> list[dict]:
        file = self.folder / "cases.jsonl"
        file.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
        command = [self.epas, "template", "render", "--cases", str(file), *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"epas template render exits with {done.returncode}: {done.stderr.strip()}")
        # JSON lines end with a line feed only; other line ends stand in texts.
        return [json.loads(line) for line in done.stdout.split("\n") if line]

    def report(self, name: str, case: dict, expected: object, found: object) -> None:
        """Counts a difference, and shows the first ones."""
        self.differences += 1
        if self.differences > 20:
            return
        source = case["template"] if "messages" not in case else case["name"]
        details = case.get("messages", {"n": case.get("variables", {}).get("n")})
        print(f"{name}: {source!r} {json.dumps(details, ensure_ascii=False)[:300]}")
        for title, value in (("expected", expected), ("found", found)):
            print(f"  {title:8} {json.dumps(value, ensure_ascii=False)[:600]}")

    def compare(self, name: str, cases: list[dict]) -> list[dict]:
        """Compares the texts; returns the cases' own results."""
        found = self.ours(cases)
        refused = left_out = 0
        for case, ours in zip(cases, found, strict=True):
            theirs = expected(case)
            if any(mark in theirs.get("text", "").lower() for mark in ADDRESSES):
                left_out += 1
            elif "text" in theirs and any(mark in ours.get("error", "") for mark in REFUSED):
                left_out += 1
            elif "error" in theirs and "error" in ours:
                refused += 1
            elif theirs.get("text") != ours.get("text"):
                self.report(name, case, theirs, ours)
        print(f"{name}: {len(cases)} cases, of which both refuse {refused}, left out {left_out}")
        return found


def chats() -> list[dict]:
    cases = []
    for name, template in TEMPLATES.items():
        for messages in CHATS:
            for tools in (None, TOOLS):
                for prompt in (True, False):
                    cases.append(
                        {
                            "name": name,
                            "template": template,
                            "messages": messages,
                            "tools": tools,
                            "add_generation_prompt": prompt,
                            "tokens": TOKENS,
                            "variables": {"enable_thinking": prompt} if "think" in name else {},
                            "now": DATE,
                        }
                    )
    return cases


def tokenizer_folder(folder: pathlib.Path, fixtures: pathlib.Path) -> pathlib.Path:
    """A byte-level tokenizer with the templates' special tokens."""
    content = json.loads((fixtures / "byte-level.json").read_text())
    known = {token["content"]: token["id"] for token in content["added_tokens"]}
    vocabulary = content["model"]["vocab"]
    number = max([*vocabulary.values(), *known.values()]) + 1
    for text in SPECIAL:
        if text not in known:
            content["added_tokens"].append(
                {
                    "id": number,
                    "content": text,
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
            )
            number += 1
    target = folder / "tokenizer"
    target.mkdir()
    (target / "tokenizer.json").write_text(json.dumps(content))
    return target


def without_special(value):
    if isinstance(value, str):
        for text in SPECIAL:
            value = value.replace(text, "x" * len(text))
        return value
    if isinstance(value, list):
        return [without_special(item) for item in value]
    if isinstance(value, dict):
        return {key: without_special(item) for key, item in value.items()}
    return value


def compare_tokens(comparison: Comparison, cases: list[dict], folder: pathlib.Path) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    special = {token.content: id for id, token in tokenizer.added_tokens_decoder.items()}
    special = {id for text, id in special.items() if text in SPECIAL}
    plain = [case | {"messages": without_special(case["messages"])} for case in cases]
    found = comparison.ours(cases, str(folder), "--tokens")
    masked = comparison.ours(plain, str(folder), "--tokens")
    equal = attacked = 0
    for case, other, ours, neutral in zip(cases, plain, found, masked, strict=True):
        if "text" not in neutral:
            continue
        theirs = tokenizer(neutral["text"], add_special_tokens=False)["input_ids"]
        if theirs != neutral["ids"]:
            comparison.report("tokens", other, theirs, neutral["ids"])
        equal += 1
        if case["messages"] != other["messages"] and "text" in ours:
            wanted = [id for id in neutral["ids"] if id in special]
            got = [id for id in ours["ids"] if id in special]
            if wanted != got:
                comparison.report("special tokens", case, wanted, got)
            attacked += 1
    print(f"tokens: {equal} chats with ids equal to transformers', {attacked} with special text")


def main() -> None:
    package = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=6000, help="random expressions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epas", default=str(package / ".build" / "release" / "epas"))
    options = parser.parse_args()
    draw = random.Random(options.seed)
    chat_template_utils._compile_jinja_template = compiled
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        comparison = Comparison(options.epas, folder)
        cases = chats()
        comparison.compare("chats", cases)
        fixtures = package / "Tests" / "EPASTokenizerTests" / "Fixtures"
        compare_tokens(comparison, cases, tokenizer_folder(folder, fixtures))
        comparison.compare("expressions", [random_case(draw) for _ in range(options.cases)])
        comparison.compare(
            "white space", [random_whitespace(draw) for _ in range(options.cases // 4)]
        )
    print(f"{comparison.differences} differences")
    sys.exit(1 if comparison.differences else 0)


if __name__ == "__main__":
    main()
