"""Compares `epas evaluate --tasks` with lm-evaluation-harness on tasks made from real text.

    parity_evaluation.py [--items N] [--seed N] [--epas FILE]

Two models: one that `epas` trains here on this Python's own sources for a few steps, with its own
tokenizer and a region of layers that share query and key, and a random one with a byte-level
tokenizer whose layers share key and value. For each, multiple choice, last words and whole texts
from the documentation in those sources, among them items that are awkward on purpose: contexts
that end in white space, are empty, spell a special token or are longer than the model's input, and
choices in other scripts.

Each region length is exported with `epas export --share` and run by the harness's `--model hf` with
trust_remote_code and add_bos_token=True; `epas evaluate` scores all lengths of a model at once.
Accuracies and their standard errors must be equal, perplexities and theirs equal to BOUND.
"""

import argparse
import ast
import contextlib
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass

os.environ |= {
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error",
    # Of matrices this small more threads make a program slower.
    "OMP_NUM_THREADS": "1",
}  # fmt: skip

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
# Relative; both sides add up log-probabilities of float32.
BOUND = 2e-6
# A standard error by bootstrap is a difference of such figures.
ERROR_BOUND = 2e-5
LENGTH = 128

RUN_FILE = """
model: {layers: 4, width: 64, heads: 4, kv_heads: 2, ffn: 128, max_sequence: 128}
data: {path: data}
sharing: {kind: qk, target: 2, growth: 1, interval: 20}
training:
  steps: 80
  batch: 16
  sequence: 64
  precision: float32
  learning_rate: {schedule: constant, peak: 5e-3, warmup: 5}
validation: {every: 0, lengths: [0]}
checkpoint: {every: 0, keep: 1}
"""


def documentation() -> list[str]:
    """The docstrings of this Python's sources, from one line to many."""
    texts = []
    for file in sorted(pathlib.Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                text = ast.get_docstring(node)
                if text and len(text.split()) >= 12:
                    texts.append(text)
    return texts


def choices(texts: list[str], count: int, draw: random.Random) -> list[dict]:
    """The end of a text among the ends of others."""
    awkward = [
        {"question": "Grüße aus  ", "choices": ["Köln", "東京の夜", "москва", "a"], "gold": 0},
        {"question": "Ends with lines\n\n", "choices": ["yes", "no"], "gold": 1},
        {"question": "Ends with a no-break space\u00a0", "choices": ["x = 1", "x"], "gold": "x"},
        {"question": "<s> spelled", "choices": ["one", "two", "three"], "gold": 2},
        {"question": " ".join(texts[:30]), "choices": ["alpha", "beta gamma delta"], "gold": 1},
        {"question": "after 7 comes", "choices": ["8", "9", "10"], "gold": "10"},
    ]
    records = []
    for _ in range(count):
        words = draw.choice(texts).split()
        cut = draw.randint(3, 8)
        right = " ".join(words[cut : cut + draw.randint(1, 5)])
        wrong = []
        while len(wrong) < 3:
            other = draw.choice(texts).split()
            start = draw.randint(0, max(0, len(other) - 5))
            text = " ".join(other[start : start + draw.randint(1, 5)])
            if text not in [right, *wrong]:
                wrong.append(text)
        gold = draw.randint(0, len(wrong))
        listed = [*wrong[:gold], right, *wrong[gold:]]
        records.append({"question": " ".join(words[:cut]), "choices": listed, "gold": gold})
    # A column of the harness's data sets has one type.
    for record in awkward:
        gold = record["gold"]
        record["gold"] = gold if isinstance(gold, int) else record["choices"].index(gold)
    return awkward + records


def last_words(texts: list[str], count: int, draw: random.Random) -> list[dict]:
    awkward = [" alone", "word", "two  spaces", "line\nend here", "日本語 の 文章", " ".join(texts[:40])]
    records = [{"text": text} for text in awkward]
    while len(records) < count + len(awkward):
        words = draw.choice(texts).split()
        text = " ".join(words[: draw.randint(6, 60)])
        if not (text.split(" ")[-1][:1] in "[" or text.split(" ")[-1].isdigit()):
            records.append({"text": text})
    return records


def targets(texts: list[str], count: int, draw: random.Random) -> list[dict]:
    """A name that the text has had before, in fields of an object."""
    records = []
    for _ in range(count):
        words = draw.choice(texts).split()
        name = draw.choice(words[:8]).strip("[]")
        if not name:
            continue
        records.append({"context": " ".join(words[:12]) + draw.choice(["", " ", "\n"]), "word": name})
    return records


def whole_texts(texts: list[str], count: int, draw: random.Random) -> list[dict]:
    awkward = ["x", " \n ", "<s> spelled at the start", "tabs\tand\u2003wide\u3000spaces ", "😀" * 200]
    return [{"text": text} for text in awkward + draw.sample(texts, count)]


def write_lines(file: pathlib.Path, records: list[dict]) -> None:
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def define_task(
    folder: pathlib.Path, name: str, data: str, output: str, metrics: list[str], **fields
) -> None:
    """Writes a task file of the harness to `folder/harness`, for data in the folder."""
    task = {
        "task": name, "dataset_path": "json", "output_type": output, "test_split": "test",
        "dataset_kwargs": {"data_files": {"test": str(folder / data)}},
        "metric_list": [{"metric": metric} for metric in metrics],
        "metadata": {"version": 1.0}, **fields,
    }  # fmt: skip
    # JSON is YAML.
    (folder / "harness" / f"{name}.yaml").write_text(json.dumps(task))


def write_tasks(
    folder: pathlib.Path, items: int, draw: random.Random, wholes: int | None = None
) -> list[str]:
    """Writes the data, the harness's task files and ours; returns the tasks' names."""
    texts = documentation()
    folder.mkdir()
    write_lines(folder / "choice.jsonl", choices(texts, items, draw))
    write_lines(folder / "last.jsonl", last_words(texts, items, draw))
    write_lines(folder / "target.jsonl", targets(texts, items, draw))
    write_lines(folder / "whole.jsonl", whole_texts(texts, wholes or max(10, items // 4), draw))
    ours = """
        tasks:
          - name: choice
            kind: multiple_choice
            data: choice.jsonl
            text: "Question: {{question}}\\nAnswer:"
          - name: next_line
            kind: multiple_choice
            data: choice.jsonl
            text: "{{question}}"
            delimiter: "\\n"
          - name: last
            kind: last_word
            data: last.jsonl
          - name: target
            kind: last_word
            data: target.jsonl
            text: "{{ context }}"
            target: " {{word}}"
            limit: 30
          - name: whole
            kind: rolling_perplexity
            data: whole.jsonl
        """
    (folder / "tasks.yaml").write_text(textwrap.dedent(ours))
    (folder / "harness").mkdir()

    accuracies = ["acc", "acc_norm", "acc_bytes"]
    question = {"doc_to_choice": "choices", "doc_to_target": "gold"}
    define_task(
        folder, "choice", "choice.jsonl", "multiple_choice", accuracies,
        doc_to_text="Question: {{question}}\nAnswer:", **question,
    )  # fmt: skip
    define_task(
        folder, "next_line", "choice.jsonl", "multiple_choice", accuracies,
        doc_to_text="{{question}}", target_delimiter="\n", **question,
    )  # fmt: skip
    define_task(
        folder, "last", "last.jsonl", "loglikelihood", ["perplexity", "acc"],
        doc_to_text="{{text.split(' ')[:-1]|join(' ')}}",
        doc_to_target="{{' '+text.split(' ')[-1]}}",
    )  # fmt: skip
    define_task(
        folder, "target", "target.jsonl", "loglikelihood", ["perplexity", "acc"],
        doc_to_text="{{context}}", doc_to_target=" {{word}}",
    )  # fmt: skip
    define_task(
        folder, "whole", "whole.jsonl", "loglikelihood_rolling",
        ["word_perplexity", "byte_perplexity", "bits_per_byte"],
        doc_to_text="", doc_to_target="{{text}}",
    )  # fmt: skip
    return ["choice", "next_line", "last", "target", "whole"]


class Epas:
    """The command under test."""

    def __init__(self, file: pathlib.Path, scratch: pathlib.Path):
        self.file, self.scratch = file, scratch

    def __call__(self, *arguments) -> str:
        command = [str(part) for part in (self.file, *arguments)]
        own = {"XDG_CACHE_HOME": str(self.scratch / "cache")}
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.scratch, env=os.environ | own
        )
        if done.returncode != 0:
            sys.exit(f"Error: epas {arguments[0]} exits with {done.returncode}: {done.stderr}")
        return done.stdout


def train(epas: Epas, scratch: pathlib.Path) -> pathlib.Path:
    """A small model of this Python's sources; returns its checkpoint."""
    from random_text import plain_text

    (scratch / "text").mkdir()
    for number, start in enumerate(range(0, 600_000, 20_000)):
        (scratch / "text" / f"{number}.txt").write_text(plain_text(600_000)[start:][:20_000])
    epas("data", "prepare", "--input", "text", "--output", "data", "--vocabulary-size", "1000")
    (scratch / "run.yaml").write_text(RUN_FILE)
    epas("train", "run.yaml", "--output", "run")
    return next((scratch / "run" / "checkpoints").glob("step-*"))


def random_model(folder: pathlib.Path, seed: int) -> pathlib.Path:
    """A random model with a byte-level tokenizer that begins texts as Llama 3's does."""
    from random_model import Dimensions, write_random_model
    from random_text import plain_text
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700, show_progress=False, special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(plain_text(200_000).splitlines(keepends=True), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    dimensions = Dimensions(
        layers=4, width=32, heads=4, key_heads=2, head_dim=8, feed_forward=64,
        vocabulary=tokenizer.get_vocab_size(), tied=False,
    )  # fmt: skip
    write_random_model(folder, dimensions, seed)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "pad_token": "<pad>", "clean_up_tokenization_spaces": False,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def harness_model(folder: pathlib.Path, **options):
    """The harness's `--model hf` on an exported folder."""
    from lm_eval.models.huggingface import HFLM

    with quiet():
        return HFLM(
            pretrained=str(folder), trust_remote_code=True, dtype="float32", device="cpu",
            add_bos_token=True, **options,
        )  # fmt: skip


@contextlib.contextmanager
def quiet():
    """Keeps the harness's progress to itself; it goes to both streams."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def harness(model, tasks: pathlib.Path, names: list[str], **options) -> dict[str, dict]:
    """The harness's figures and samples for a model of its own, by task."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    found = {}
    with quiet():
        manager = TaskManager(include_path=str(tasks / "harness"), include_defaults=False)
        for name in names:
            results = simple_evaluate(model=model, tasks=[name], task_manager=manager, **options)
            found[name] = {
                key.removesuffix(",none"): value
                for key, value in results["results"][name].items()
                if key.endswith(",none")
            }
            found[name]["samples"] = results["samples"][name]
    return found


class Comparison:
    def __init__(self):
        self.compared, self.differences, self.largest = 0, 0, 0.0

    def compare(self, where: str, ours: dict, theirs: dict) -> None:
        for key, expected in theirs.items():
            if key == "samples":
                continue
            actual = ours[key]
            self.compared += 1
            if "N/A" in (expected, actual) or actual is None:
                equal = expected == "N/A" and actual in ("N/A", None)
            else:
                exact = key.startswith("acc")
                bound = 1e-12 if exact else ERROR_BOUND if "stderr" in key else BOUND
                difference = abs(actual - expected) / max(abs(expected), 1e-300)
                difference = 0.0 if actual == expected else difference
                if not exact:
                    self.largest = max(self.largest, difference)
                equal = difference <= bound
            if not equal:
                self.differences += 1
                print(f"  {where}: {key} is {actual}, the harness has {expected}")


@dataclass
class Workplace:
    """A folder to work in, and what the command line says of the work."""

    scratch: pathlib.Path
    epas: Epas
    items: int
    seed: int
    draw: random.Random

    @staticmethod
    @contextlib.contextmanager
    def opened(description: str, items: int, title: str) -> Iterator["Workplace"]:
        """Reads the command line; the folder is removed in the end."""
        parser = argparse.ArgumentParser(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("--items", type=int, default=items)
        parser.add_argument("--seed", type=int, default=None, help="drawn afresh by default")
        parser.add_argument("--epas", type=pathlib.Path, default=PACKAGE / ".build/release/epas")
        options = parser.parse_args()
        seed = options.seed if options.seed is not None else random.randrange(1 << 30)
        print(f"{title}, seed {seed}", flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            scratch = pathlib.Path(temporary)
            os.environ["HF_HOME"] = str(scratch / "huggingface")
            epas = Epas(options.epas.resolve(), scratch)
            yield Workplace(scratch, epas, options.items, seed, random.Random(seed))


def main() -> None:
    comparison = Comparison()
    title = "tasks against lm-evaluation-harness"
    with Workplace.opened(__doc__, 120, title) as work:
        scratch, epas, seed = work.scratch, work.epas, work.seed
        tasks = scratch / "tasks"
        names = write_tasks(tasks, work.items, work.draw)
        models = [
            ("trained", train(epas, scratch), "qk", [0, 1, 2]),
            ("random", random_model(scratch / "random", seed), "kv", [0, 1, 3]),
        ]
        for name, folder, kind, lengths in models:
            start = time.monotonic()
            shares = ",".join(map(str, lengths))
            output = epas(
                "evaluate", folder, "--tasks", tasks / "tasks.yaml", "--share",
                f"{kind}:{shares}", "--no-speed", "--json",
            )  # fmt: skip
            seconds = time.monotonic() - start
            rows = [json.loads(line) for line in output.splitlines()]
            start = time.monotonic()
            for length in lengths:
                exported = scratch / f"{name}-{length}"
                epas("export", folder, "--output", exported, "--share", f"{kind}:{length}")
                model = harness_model(exported, batch_size=8)
                theirs = harness(model, tasks, [task for task in names if task != "target"])
                theirs |= harness(model, tasks, ["target"], limit=30)
                for task in names:
                    [ours] = [
                        row
                        for row in rows
                        if row["task"] == task and row["sharing_layers"] == length
                    ]
                    comparison.compare(f"{name} {kind}:{length} {task}", ours, theirs[task])
            print(
                f"  {name}, {kind}:{shares}: epas {seconds:.1f} s for all lengths, the harness"
                f" {time.monotonic() - start:.1f} s",
                flush=True,
            )
    print(
        f"tasks: {comparison.compared} figures, {comparison.differences} differences; largest"
        f" relative difference {comparison.largest:.1e}"
    )
    sys.exit(1 if comparison.differences else 0)


if __name__ == "__main__":
    main()
