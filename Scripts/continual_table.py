"""Prints the table of Scripts/continual.sh: mean and range over the seeds, per region length."""

import json
import pathlib
import sys


def rows(path):
    """The measurements of one model by number of sharing layers."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return {record["sharing_layers"]: record for record in records}


def cell(values, digits):
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main(folder):
    arms = {
        "base": [rows(folder / "base.jsonl")],
        "trained on without": [rows(path) for path in sorted(folder.glob("without-*.jsonl"))],
        "trained on with": [rows(path) for path in sorted(folder.glob("with-*.jsonl"))],
    }
    for title, key, scale, digits in (
        ("Loss, nats per token", "loss", 1, 4),
        ("Next-token accuracy, %", "accuracy", 100, 2),
    ):
        print(f"\n{title}: mean over {len(arms['trained on with'])} seeds (least to most)\n")
        print("| sharing layers | " + " | ".join(arms) + " |")
        print("|---" * (len(arms) + 1) + "|")
        for length in sorted(arms["base"][0]):
            cells = [cell([scale * run[length][key] for run in runs], digits)
                     for runs in arms.values()]
            print(f"| {length} | " + " | ".join(cells) + " |")


main(pathlib.Path(sys.argv[1]))
