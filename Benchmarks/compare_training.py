"""Compares training speed with PyTorch's and JAX's: whole steps, by turns, in one run.

    compare_training.py [--model NAME] [--batch N] [--sequence N] [--share SPEC] [--steps N]
                        [--rounds N] [--threads N] [--contestants NAME,NAME] [--output FILE]

A step is forward, backward, clipping and AdamW on random tokens. In each round every contestant
runs once, as a process of its own, in an order that rotates, so that a machine that changes its
pace does so for all; its figure is the median of its steps after two that do not count. The table
has the median over the rounds and, since only runs of one round are alike, the median of its
ratios to `epas` of the same type. The JSON file has every run.

PyTorch (train_torch.py) runs eagerly and through torch.compile, which needs a C++ compiler (g++, or
what CXX names; clang++ where there is no other). JAX (train_jax.py) runs one jitted step. Run it as
`Scripts/parity.sh ../Benchmarks/compare_training.py`, which installs both.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
EPAS = PACKAGE / ".build/release/epas"
WHO = ["epas", "torch", "torch-compile", "jax"]
CONTESTANTS = [f"{who}:{dtype}" for dtype in ("float32", "bfloat16") for who in WHO]


def measured(contestant: str, arguments: argparse.Namespace) -> dict | None:
    """Runs a contestant; if it fails, says so and returns nothing."""
    who, dtype = contestant.split(":")
    environment = dict(os.environ)
    if who == "epas":
        command = [EPAS, "benchmark", "train", "--json"]
    elif who == "jax":
        # A folder of its own: its NumPy may be another one than PyTorch's.
        environment["PYTHONPATH"] = str(PACKAGE / ".deps" / "python-jax")
        command = [sys.executable, PACKAGE / "Benchmarks" / "train_jax.py"]
    else:
        if not shutil.which("g++"):
            environment.setdefault("CXX", "clang++")
        command = [sys.executable, PACKAGE / "Benchmarks" / "train_torch.py"]
        command += ["--compile"] if who == "torch-compile" else []
    command += ["--model", arguments.model, "--batch", arguments.batch, "--dtype", dtype]
    command += ["--sequence", arguments.sequence, "--steps", arguments.steps]
    command += ["--threads", arguments.threads]
    command += ["--share", arguments.share] if arguments.share else []
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        print(f"{contestant} fails: {lines[-1]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def table(runs: dict[str, list[dict | None]]) -> str:
    """Medians over the rounds, and of the ratios within them."""
    lines = [f"{'':24}{'tokens/s':>10}{'lowest':>10}{'highest':>10}{'x epas':>10}{'loss':>9}"]
    for name, results in runs.items():
        done = [result for result in results if result]
        if not done:
            lines.append(f"{name:24}{'failed':>10}")
            continue
        speeds = [result["tokens_per_second"] for result in done]
        rivals = runs.get("epas:" + name.split(":")[1], [None] * len(results))
        ratios = [
            ours["tokens_per_second"] / theirs["tokens_per_second"]
            for ours, theirs in zip(results, rivals)
            if ours and theirs
        ]
        ratio = f"{statistics.median(ratios):.2f}" if ratios else "-"
        lines.append(
            f"{name:24}{statistics.median(speeds):10.1f}{min(speeds):10.1f}{max(speeds):10.1f}"
            f"{ratio:>10}{done[-1]['loss']:9.3f}"
        )
    return "\n".join(lines)


def processor() -> str:
    file = pathlib.Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def commit() -> str:
    command = ["git", "-C", PACKAGE, "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="125m")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sequence", type=int, default=512)
    parser.add_argument("--share", default="")
    parser.add_argument("--steps", type=int, default=5, help="timed ones of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0 takes every core")
    parser.add_argument("--contestants", default=",".join(CONTESTANTS))
    parser.add_argument("--output", type=pathlib.Path, help="a JSON file for every figure")
    arguments = parser.parse_args()
    contestants = arguments.contestants.split(",")
    if unknown := set(contestants) - set(CONTESTANTS):
        sys.exit(f"Error: no contestant {min(unknown)}; use some of {', '.join(CONTESTANTS)}.")
    if not EPAS.exists():
        sys.exit(f"Error: {EPAS} does not exist. Run `make build` first.")
    arguments.threads = arguments.threads or len(os.sched_getaffinity(0))

    runs = {name: [] for name in contestants}
    for round_ in range(arguments.rounds):
        turn = round_ % len(contestants)
        for name in contestants[turn:] + contestants[:turn]:
            result = measured(name, arguments)
            runs[name].append(result)
            if result:
                speed = result["tokens_per_second"]
                print(f"round {round_ + 1}: {name} {speed:.1f} tokens/s", flush=True)
    report = {
        "model": arguments.model, "batch": arguments.batch, "sequence": arguments.sequence,
        "share": arguments.share or "none", "threads": arguments.threads, "runs": runs,
        "processor": processor(), "commit": commit(),
        "date": datetime.date.today().isoformat(),
    }  # fmt: skip
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    print(
        f"\n{arguments.model}, batch {arguments.batch}, sequence {arguments.sequence}, share "
        f"{report['share']}; {report['processor']}, {arguments.threads} threads; "
        f"{arguments.rounds} rounds of {arguments.steps} steps; commit {report['commit']}, "
        f"{report['date']}\n{table(runs)}"
    )
    if not all(all(results) for results in runs.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
