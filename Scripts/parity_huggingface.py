"""Compares `epas` with `transformers` 4.46 and 5.x on random models, in and out.

    parity_huggingface.py [--cases N] [--seed N] [--epas FILE]

Each case lets one of the two versions write a random LLaMA model: rotary embedding of every type,
any ratio of query to key heads, biases, tied or not, float32, float16 or bfloat16, in one file or
several. Then:

- the logits of `epas inspect` are those of transformers;
- `epas export` gives a folder with the same tensors, byte for byte, whose logits are the same in
  both versions when it is loaded plainly;
- loaded with its own code in both versions, at no, some and all of the region's lengths: the
  logits are those of `epas inspect` at that length, decoding with a cache those without, greedy
  generation takes the tokens that `epas inspect` ranks first, beam search finds the same with a
  cache, and the cache holds no keys for layers that share query and key and nothing for layers that
  share key and value.

Before, folders with tokenizers of every kind are exported: what both versions load encodes and
decodes random texts as `epas tokenize` does.

No two logits may differ by more than 1e-4 in float32.
"""

import argparse
import json
import os
import pathlib
import queue
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from random_text import FRAGMENTS, plain_text, random_text

BOUND = 1e-4
NEW_TOKENS = 6
# Cases that run at the same time.
LANES = 3
PACKAGE = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = PACKAGE / "Tests" / "EPASTokenizerTests" / "Fixtures"


class Mismatch(Exception):
    """A comparison that failed, with what was expected and what came."""


class Worker:
    """A process that runs models with one version of transformers."""

    def __init__(self, folders: list[str], scratch: pathlib.Path):
        path = os.pathsep.join(str(PACKAGE / ".deps" / folder) for folder in folders)
        # transformers copies the code of folders that it runs to its cache.
        own = {"PYTHONPATH": path, "HF_HOME": str(scratch / folders[0]), "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, PACKAGE / "Scripts" / "huggingface_worker.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | own,
        )

    def __call__(self, command: str, **request):
        self.process.stdin.write(json.dumps({"command": command, **request}, default=str) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"Error: the process of {command} has ended.")
        answer = json.loads(line)
        if "error" in answer:
            raise Mismatch(f"{command}: {answer['error']}")
        return answer["result"]


class Epas:
    """The command under test."""

    def __init__(self, file: pathlib.Path, scratch: pathlib.Path):
        self.file, self.scratch = file, scratch

    def run(self, *arguments) -> None:
        command = [str(part) for part in (self.file, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Mismatch(f"epas {arguments[0]} exits with {done.returncode}: {done.stderr}")

    def logits(self, folder: pathlib.Path, rows: list, share: str = "none") -> torch.Tensor:
        output = self.scratch / "inspected.safetensors"
        tokens = ";".join(",".join(str(token) for token in row) for row in rows)
        self.run(
            "inspect", folder, "--tokens", tokens, "--share", share, "--output", output,
            "--program-cache", self.scratch / "programs", "--threads", 1,
        )  # fmt: skip
        return load_file(output)["logits"]


    def tokenize(self, folder: pathlib.Path, values: list, *options: str) -> list:
        command = [str(self.file), "tokenize", str(folder), *options]
        lines = "".join(json.dumps(value) + "\n" for value in values)
        done = subprocess.run(command, input=lines, capture_output=True, text=True)
        if done.returncode != 0:
            raise Mismatch(f"epas tokenize exits with {done.returncode}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.split("\n") if line]


class Lane:
    """What one case at a time uses."""

    def __init__(self, epas: pathlib.Path, scratch: pathlib.Path):
        self.epas = Epas(epas, scratch)
        self.workers = {
            "4.46": Worker(["python-4.46", "python"], scratch),
            "5.x": Worker(["python"], scratch),
        }

    def close(self) -> None:
        for worker in self.workers.values():
            worker.process.stdin.close()
            worker.process.wait()


def difference(what: str, actual: torch.Tensor, expected: torch.Tensor) -> float:
    """Returns the largest difference of two tensors."""
    if actual.shape != expected.shape:
        raise Mismatch(f"{what}: shape {list(actual.shape)}, expected {list(expected.shape)}")
    largest = (actual.double() - expected.double()).abs().max().item()
    if not largest <= BOUND:
        raise Mismatch(f"{what} differ by {largest:.2e}, allowed {BOUND:.0e}")
    return largest


def raw_tensors(folder: pathlib.Path) -> dict[str, tuple]:
    """Type, shape and bytes of every tensor of a folder."""
    tensors = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():
                tensor = opened.get_tensor(name).contiguous()
                bits = tensor.view(torch.uint8).numpy().tobytes()
                tensors[name] = (tensor.dtype, tuple(tensor.shape), bits)
    return tensors


def random_rotary(draw: random.Random, kind: str) -> dict:
    """Rotary parameters whose scaling matters within some tens of tokens."""
    rotary = {"rope_type": kind, "rope_theta": draw.choice([100.0, 10000.0, 500000.0])}
    if kind == "linear":
        rotary["factor"] = draw.choice([1.5, 2.0, 8.0])
    if kind == "llama3":
        low = draw.choice([1.0, 1.5])
        rotary |= {
            "factor": draw.choice([4.0, 8.0, 32.0]),
            "low_freq_factor": low,
            "high_freq_factor": low * draw.choice([2.0, 4.0, 40.0]),
            "original_max_position_embeddings": draw.choice([16, 64, 1024]),
        }
    return rotary


def random_config(draw: random.Random, number: int) -> dict:
    key_heads = draw.randint(1, 3)
    heads = key_heads * draw.randint(1, 4)
    per_head = draw.choice([4, 6, 8])
    # The first cases go through every combination of the switches.
    return {
        "num_hidden_layers": draw.randint(3, 6),
        "hidden_size": heads * per_head,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "head_dim": draw.choice([None, 4, 8, 10]),
        "intermediate_size": draw.randint(5, 70),
        "vocab_size": draw.randint(11, 97),
        "tie_word_embeddings": bool(number & 1),
        "attention_bias": bool(number & 2),
        "mlp_bias": bool(number & 4),
        "rms_norm_eps": draw.choice([1e-6, 1e-5, 1e-3]),
        "max_position_embeddings": 128,
        "bos_token_id": 1,
        "eos_token_id": draw.choice([2, [2, 3]]),
    }


def random_share(draw: random.Random, layers: int, number: int) -> tuple[str, list[str]]:
    """A sharing specification, and what it is when 0, 1, 2... of its layers share."""
    kind = ["qk", "kv"][number % 2]
    if number % 3:
        most = draw.randint(1, layers - 1)
        return f"{kind}:{most}", [f"{kind}:{count}" for count in range(most + 1)]
    # Each layer reuses any computing layer before it, and keeps it when fewer share; where each
    # reuses the nearest, the deepest ones do so at every length.
    computing, sources = [0], {}
    for layer in range(1, layers):
        if draw.random() < 0.6:
            sources[layer] = draw.choice(computing)
        else:
            computing.append(layer)
    if not sources:
        sources = {layers - 1: 0}
    nearest = {layer: max(set(range(layer)) - set(sources)) for layer in sources}
    lengths = ["none"]
    for count in range(1, len(sources) + 1):
        shared = sorted(sources)[-count:]
        if nearest == sources:
            links = {layer: max(set(range(layer)) - set(shared)) for layer in shared}
        else:
            links = {layer: sources[layer] for layer in shared}
        lengths.append(f"{kind}:" + ",".join(f"{a}<{b}" for a, b in links.items()))
    return lengths[-1], lengths


def expected_widths(share: str, layers: int, head: int, count: int) -> list[list[int]]:
    """Key and value widths that the cache should have."""
    kind, _, plan = share.partition(":")
    if count == 0:
        shared = set()
    elif "<" in plan:
        shared = {int(pair.split("<")[0]) for pair in plan.split(",")}
    else:
        shared = set(range(layers - count, layers))
    kept = [0, 0] if kind == "kv" else [0, head]
    return [kept if layer in shared else [head, head] for layer in range(layers)]


def check_decoding(
    epas: Epas, worker: Worker, folder: pathlib.Path, tokens: list, share: str, count: int,
    config: dict, attention: str, output: pathlib.Path,
) -> float:  # fmt: skip
    """Checks a folder that runs with its own code at one region length."""
    found = worker(
        "decode", folder=folder, tokens=tokens, output=output, sharing=count,
        attention=attention, new=NEW_TOKENS,
    )  # fmt: skip
    if not found["difference"] <= BOUND:
        raise Mismatch(f"decoding with a cache differs by {found['difference']:.2e}")
    for search in ("greedy", "beams"):
        if not found[search]:
            raise Mismatch(f"{search}: other tokens with a cache than without")
    layers = config["num_hidden_layers"]
    head = config["head_dim"] or config["hidden_size"] // config["num_attention_heads"]
    expected = expected_widths(share, layers, head, count)
    # Layers behind the last that stores anything are not in every version's cache.
    widths = found["widths"] + [[0, 0]] * (layers - len(found["widths"]))
    if widths != expected:
        raise Mismatch(f"the cache has widths {widths}, expected {expected}")
    rows = found["rows"]
    ours = epas.logits(folder, rows, share)
    largest = difference("logits with the folder's code", load_file(output)["logits"], ours)
    prompt = len(tokens[0])
    for row, scores in zip(rows, ours):
        for position in range(prompt, len(row)):
            best = scores[position - 1].max() - scores[position - 1, row[position]]
            if best > BOUND:
                raise Mismatch(f"greedy generation takes token {row[position]} at {position}")
    return max(largest, found["difference"])


def random_case(
    epas: Epas, workers: dict[str, Worker], number: int, seed: int
) -> tuple[str, float]:
    """Draws and checks one case; the case is a function of the seed and its number."""
    draw = random.Random(f"{seed}/{number}")
    config = random_config(draw, number)
    rotary = random_rotary(draw, ["default", "linear", "llama3"][number % 3])
    dtype = ["float32", "bfloat16", "float16"][number // 2 % 3]
    shard = draw.choice(["5KB", "20KB", "1GB"])
    writer = draw.choice(sorted(workers))
    share, lengths = random_share(draw, config["num_hidden_layers"], number)
    attention = draw.choice(["eager", "sdpa"])
    label = (
        f"{config['num_hidden_layers']} layers, width {config['hidden_size']}, heads "
        f"{config['num_attention_heads']}/{config['num_key_value_heads']} of "
        f"{config['head_dim'] or 'width'}, {rotary['rope_type']}, "
        f"{'tied' if config['tie_word_embeddings'] else 'untied'}, biases "
        f"{'+' if config['attention_bias'] else '-'}{'+' if config['mlp_bias'] else '-'}, "
        f"{dtype} in {shard} by {writer}, share {share}, {attention}"
    )
    tokens = [
        [draw.randrange(config["vocab_size"]) for _ in range(draw.randint(3, 20))]
        for _ in range(1)
    ] * 2
    tokens[1] = [draw.randrange(config["vocab_size"]) for _ in tokens[0]]
    with tempfile.TemporaryDirectory(dir=epas.scratch) as scratch:
        original, exported = pathlib.Path(scratch, "original"), pathlib.Path(scratch, "exported")
        output = pathlib.Path(scratch, "logits.safetensors")
        try:
            workers[writer](
                "make", folder=original, config=config, rotary=rotary,
                seed=draw.getrandbits(32), dtype=dtype, shard=shard,
            )  # fmt: skip
            workers[writer]("logits", folder=original, tokens=tokens, output=output)
            reference = load_file(output)["logits"]
            largest = difference("logits", epas.logits(original, tokens), reference)
            epas.run(
                "export", original, "--output", exported, "--share", share,
                "--shard-size", draw.choice(["3KB", "30KB", "1GB"]),
            )  # fmt: skip
            if raw_tensors(original) != raw_tensors(exported):
                raise Mismatch("the exported tensors are not those of the original")
            for name, worker in workers.items():
                worker("logits", folder=exported, tokens=tokens, output=output)
                plain = load_file(output)["logits"]
                largest = max(largest, difference(f"logits in {name}", plain, reference))
            # No layer, all that may, and some number between.
            counts = {0, draw.randrange(len(lengths)), len(lengths) - 1}
            for name, worker in sorted(workers.items()):
                for count in sorted(counts):
                    error = check_decoding(
                        epas, worker, exported, tokens, lengths[count], count, config, attention,
                        output,
                    )  # fmt: skip
                    largest = max(largest, error)
        except Mismatch as mismatch:
            raise Mismatch(f"{label}\n     {mismatch}") from mismatch
    return label, largest


def tokenizer_folders(epas: Epas, scratch: pathlib.Path) -> dict[str, pathlib.Path]:
    """Folders with a tokenizer.json of every kind, and with one that `epas` has trained."""
    folders = {}
    for file in sorted(FIXTURES.glob("*.json")):
        if file.name == "expected.json":
            continue
        folder = folders[file.stem] = scratch / file.stem
        folder.mkdir()
        shutil.copy(file, folder / "tokenizer.json")
        # The class with which transformers 5 would make the tokenizer anew.
        settings = {"tokenizer_class": "LlamaTokenizer", "legacy": False}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    text = scratch / "text.txt"
    text.write_text(plain_text(200_000), encoding="utf-8")
    epas.run(
        "data", "prepare", "--input", text, "--output", scratch / "data", "--vocabulary-size", 600,
        "--validation-fraction", 0,
    )  # fmt: skip
    return folders | {"trained": scratch / "data" / "tokenizer"}


def check_tokenizers(lane: Lane, scratch: pathlib.Path, draw: random.Random) -> int:
    """Checks the tokenizers of exported folders; returns how many texts were compared."""
    drawn = ["", *FRAGMENTS, *(random_text(draw) for _ in range(400))]
    compared = 0
    for kind, tokenizer in tokenizer_folders(lane.epas, scratch).items():
        model, exported = scratch / f"{kind} model", scratch / f"{kind} exported"
        config = random_config(draw, 0)
        lane.workers["5.x"](
            "make", folder=model, config=config, rotary=random_rotary(draw, "default"), seed=1,
            dtype="float32", shard="1GB",
        )  # fmt: skip
        shutil.copytree(tokenizer, model, dirs_exist_ok=True)
        lane.epas.run("export", model, "--output", exported, "--share", "qk:1")
        # A SentencePiece model of ours keeps U+2581, which its tokenizer.json takes for a space.
        texts = [text.replace("▁", "") for text in drawn] if kind == "trained" else drawn
        ids = lane.epas.tokenize(exported, texts, "--special")
        decoded = lane.epas.tokenize(exported, ids, "--decode")
        for version, worker in lane.workers.items():
            found = worker("tokenize", folder=exported, texts=texts)
            for text, *rows in zip(texts, ids, found["ids"], decoded, found["decoded"]):
                # SentencePiece reads the unknown token as " ⁇ ", its tokenizer.json as nothing.
                is_unknown = kind == "trained" and 0 in rows[0]
                if rows[0] != rows[1] or rows[2] != rows[3] and not is_unknown:
                    raise Mismatch(f"tokenizer {kind} in {version} of {text!r}: {rows}")
            compared += len(texts)
    return compared


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="drawn afresh by default")
    parser.add_argument("--epas", type=pathlib.Path, default=PACKAGE / ".build/release/epas")
    arguments = parser.parse_args()
    if not arguments.epas.exists():
        sys.exit(f"Error: {arguments.epas} does not exist. Run `make build` first.")
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed

    print(f"seed {seed}: repeat with --seed {seed}\nresult   error  case", flush=True)
    failed, largest = 0, 0.0
    with tempfile.TemporaryDirectory() as scratch:
        lanes = queue.SimpleQueue()
        for number in range(LANES):
            folder = pathlib.Path(scratch, str(number))
            folder.mkdir()
            lanes.put(Lane(arguments.epas, folder))

        lane = lanes.get()
        folder = pathlib.Path(scratch, "tokenizers")
        folder.mkdir()
        try:
            compared = check_tokenizers(lane, folder, random.Random(seed))
            print(f"tokenizers of exported folders: {compared} texts, the same ids", flush=True)
        except Mismatch as mismatch:
            failed += 1
            print(f"FAILED          {mismatch}", flush=True)
        lanes.put(lane)

        def check(number: int) -> tuple[str, float | None]:
            lane = lanes.get()
            try:
                return random_case(lane.epas, lane.workers, number, seed)
            except Mismatch as mismatch:
                return str(mismatch), None
            finally:
                lanes.put(lane)

        with ThreadPoolExecutor(LANES) as pool:
            for label, error in pool.map(check, range(arguments.cases)):
                if error is None:
                    failed += 1
                    print(f"FAILED          {label}", flush=True)
                else:
                    largest = max(largest, error)
                    print(f"passed {error:.1e}  {label}", flush=True)
        for _ in range(LANES):
            lanes.get().close()
    passed = arguments.cases + 1 - failed
    print(f"{passed} passed, {failed} failed, largest difference {largest:.1e}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
