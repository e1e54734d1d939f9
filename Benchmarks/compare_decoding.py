"""Compares decoding speed with other programs': by turns, in one run.

    compare_decoding.py [--model NAME] [--batches N,N] [--contexts N,N] [--shares SPEC]
                        [--tokens N] [--rounds N] [--dtype TYPE] [--weights int8]
                        [--peer NAME=COMMAND ...] [--output FILE]

For each batch and context, every round runs `epas benchmark decode` at all region lengths, which
take turns within it too, and each peer once where the batch is 1. A peer is a command that prints,
as its last line, a JSON object with decode_tokens_per_second and prompt_tokens_per_second;
{context} and {tokens} in it are filled in:

    --peer "transformers=python3 decode_peers.py transformers DIR --context {context}"

The table has medians over the rounds, the medians of the rounds' ratios to `epas` without sharing,
and the share of the memory bandwidth: the bytes of weights and cache that a token needs, times
tokens a second, over the bandwidth with which all threads together read as many bytes of memory
just before: what fits into the last cache in part is read faster than what does not. A batch reads
the weights once for all of its sequences. Needs NumPy.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import time

import numpy
from compare_training import EPAS, commit, processor

# Layers, width, key-value heads times head dimension, feed-forward width, vocabulary.
SHAPES = {"125m": (12, 768, 768, 3072, 32000), "1.1b": (22, 2048, 256, 5632, 32000)}


def bandwidth(size: float) -> float:
    """Bytes per second at which all threads read arrays of so many bytes again and again."""
    threads = len(os.sched_getaffinity(0))
    parts = [numpy.ones(int(size) // 8 // threads, dtype=numpy.int64) for _ in range(threads)]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        times = []
        for _ in range(15):
            start = time.perf_counter()
            list(pool.map(lambda part: part.max(), parts))
            times.append(time.perf_counter() - start)
    return sum(part.nbytes for part in parts) / min(times)


def bytes_per_run(result: dict, dtype: str) -> float | None:
    """Bytes of weights and cache that one token of every sequence needs, at the middle of what is
    generated; `None` for a shape that is not listed."""
    if result["model"] not in SHAPES:
        return None
    layers, width, keys, feed, vocabulary = SHAPES[result["model"]]
    kind, _, count = result["share"].partition(":")
    sharing = int(count) if count else 0
    layer = 2 * width * width + 2 * width * keys + 3 * width * feed
    # A layer that shares query and key needs neither projection, one that shares key and value
    # neither of those.
    idle = width * width + width * keys if kind in ("qk", "scores") else 2 * width * keys
    weights = layers * layer - sharing * idle + vocabulary * width
    context = result["sequence"] + result["tokens"] / 2
    planes = 2 * layers - sharing * (1 if kind in ("qk", "scores") else 2)
    size = 2 if dtype == "bfloat16" else 4
    # Of integers, each 64 with a scale of float32.
    weight_size = 1 + 4 / 64 if result["weights"] == "int8" else size
    return weight_size * weights + size * result["batch"] * planes * keys * context


def last_line(command: list[str]) -> list[dict]:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        sys.exit(f"Error: {command[0]} fails: {lines[-1]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="125m")
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--contexts", default="128,2048,8192")
    parser.add_argument("--shares", default="qk:0,3,6")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="repetitions within a run of epas")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--weights", choices=["int8"], help="the type of epas's matrices")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--output", help="a JSON file for every figure")
    options = parser.parse_args()
    peers = dict(peer.split("=", 1) for peer in options.peer)
    report = {
        "model": options.model, "dtype": options.dtype, "weights": options.weights,
        "tokens": options.tokens,
        "rounds": options.rounds, "processor": processor(), "commit": commit(),
        "threads": len(os.sched_getaffinity(0)), "date": datetime.date.today().isoformat(),
        "runs": [],
    }  # fmt: skip
    print(
        f"{options.model}, {options.dtype}, {options.weights or options.dtype} weights, "
        f"{options.tokens} tokens; {report['processor']}, "
        f"{report['threads']} threads; commit {report['commit']}, {report['date']}"
    )
    for batch in map(int, options.batches.split(",")):
        for context in map(int, options.contexts.split(",")):
            speeds: dict[str, list[tuple[float, float]]] = {}
            shares: dict[str, list[float]] = {}
            for _ in range(options.rounds):
                command = [
                    str(EPAS), "benchmark", "decode", "--model", options.model, "--json",
                    "--batch", str(batch), "--sequence", str(context), "--dtype", options.dtype,
                    "--tokens", str(options.tokens), "--steps", str(options.steps),
                    "--share", options.shares,
                ] + (["--weights", options.weights] if options.weights else [])  # fmt: skip
                for result in last_line(command):
                    name = f"epas {result['share']}"
                    speed = (result["tokens_per_second"], result["prompt_tokens_per_second"])
                    speeds.setdefault(name, []).append(speed)
                    needed = bytes_per_run(result, options.dtype)
                    if needed:
                        limit = bandwidth(needed)
                        runs = result["tokens_per_second"] / batch
                        shares.setdefault(name, []).append(needed * runs / limit)
                if batch != 1:
                    continue
                for name, text in peers.items():
                    filled = text.replace("{context}", str(context))
                    filled = filled.replace("{tokens}", str(options.tokens))
                    [*_, result] = last_line(shlex.split(filled))
                    speeds.setdefault(name, []).append(
                        (result["decode_tokens_per_second"], result["prompt_tokens_per_second"])
                    )
            print(f"\nbatch {batch}, context {context}")
            print(f"{'':16}{'tokens/s':>10}{'x epas':>8}{'prompt/s':>10}{'bandwidth':>11}")
            base = speeds["epas none"]
            for name, values in speeds.items():
                ratio = statistics.median(
                    ours[0] / theirs[0] for ours, theirs in zip(values, base, strict=True)
                )
                share = statistics.median(shares[name]) if name in shares else None
                print(
                    f"{name:16}{statistics.median(v[0] for v in values):10.1f}{ratio:8.2f}"
                    f"{statistics.median(v[1] for v in values):10.0f}"
                    + (f"{100 * share:10.0f}%" if share else ""),
                    flush=True,
                )
            report["runs"].append(
                {"batch": batch, "context": context, "speeds": speeds, "bandwidth": shares}
            )
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
