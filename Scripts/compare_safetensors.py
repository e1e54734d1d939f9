"""Compares what our reader and the library safetensors accept.

    compare_safetensors.py [--random N] [--seed N]

The files are those that fuzzing kept (run Scripts/fuzz.sh for the target safetensors first) and N
random ones that are almost right. Everything that we accept the library has to accept, with as many
tensors; what we refuse and it accepts is counted by our reason. Ours is stricter on purpose: keys
written twice, anything before the opening brace, and sizes that overflow but for a zero.
"""

import argparse
import collections
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

from safetensors import deserialize

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
TYPES = {"F32": 4, "BF16": 2, "F16": 2, "U8": 1, "I64": 8, "BOOL": 1, "F8_E4M3": 1, "C64": 8}
ODD = ["-1", "1.0", "1e0", "01", "null", '"1"', "[]", "2147483648", "9223372036854775807",
       "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e400", "{}"]  # fmt: skip


def random_file(draw: random.Random) -> bytes:
    """Some tensors, of which something may be wrong."""
    spoil = lambda probability: draw.random() < probability  # noqa: E731
    entries, end = [], 0
    for number in range(draw.randint(0, 4)):
        kind = draw.choice(list(TYPES))
        shape = [draw.choice([0, 1, 2, 3]) for _ in range(draw.randint(0, 3))]
        size = TYPES[kind]
        for dimension in shape:
            size *= dimension
        begin, end = end, end + size
        offsets = [str(begin), str(end + draw.choice([-1, 1]) * spoil(0.03))]
        sizes = [str(dimension) for dimension in shape]
        for numbers in (offsets, sizes):
            if numbers and spoil(0.04):
                numbers[draw.randrange(len(numbers))] = draw.choice(ODD)
            if spoil(0.02):
                numbers.append("0")
        if spoil(0.03):
            offsets.reverse()
        kind = draw.choice(["f32", "F128", "", kind + " "]) if spoil(0.03) else kind
        fields = [
            f'"dtype":"{kind}"', f'"shape":[{",".join(sizes)}]',
            f'"data_offsets":[{",".join(offsets)}]',
        ]  # fmt: skip
        draw.shuffle(fields)
        if spoil(0.03):
            fields.pop()
        if spoil(0.03):
            fields.append(draw.choice(fields))
        if spoil(0.05):
            fields.insert(0, draw.choice(['"x":1', '"x":{"y":[null]}', '"":""', '"dtype ":"F32"']))
        name = draw.choice(["a", "b", "../x", "", "\\u0061", "\\ud83d\\ude00"]) + str(number) * (not spoil(0.05))
        entries.append(f'"{name}":{{{",".join(fields)}}}')
    draw.shuffle(entries)
    if spoil(0.3):
        values = ["{}", "null", '{"format":"pt"}', '{"a":"1","a":"2"}', '{"a":1}', "[]", '{"a":null}']
        entries.insert(draw.randint(0, len(entries)), '"__metadata__":' + draw.choice(values))
    if entries and spoil(0.04):
        entries.append(draw.choice(entries))
    before = draw.choice([" ", "\n", "\ufeff", "\0"]) if spoil(0.03) else ""
    after = draw.choice([" " * draw.randint(1, 8), "\n", "\t", "\0", "x", "{}"]) if spoil(0.2) else ""
    header = (before + "{" + draw.choice([",", ", ", ",\n"]).join(entries) + "}" + after).encode()
    if spoil(0.03):
        place = draw.randrange(len(header))
        header = header[:place] + bytes([draw.randrange(256)]) + header[place + 1 :]
    length = len(header) + draw.choice([-1, 1, 8, 1 << 40, 1 << 63]) * spoil(0.03)
    data = bytes(max(0, end + draw.choice([-1, 1]) * spoil(0.03)))
    return struct.pack("<Q", length % (1 << 64)) + header + data


def library(file: pathlib.Path) -> int | None:
    """The number of tensors, or nothing if the file is refused."""
    try:
        return len(deserialize(file.read_bytes()))
    except Exception:  # the library has one class of its own
        return None


def compare(program: pathlib.Path, folder: pathlib.Path, counts: collections.Counter,
            stricter: collections.Counter) -> int:  # fmt: skip
    """Compares the files of a folder and returns how many are read otherwise than the library does."""
    wrong = 0
    output = subprocess.run([program, "judge", folder], check=True, capture_output=True).stdout
    for line in output.decode(errors="replace").splitlines():
        name, verdict, more = line.split("\t", 2)
        tensors = library(folder / name)
        if verdict == "accepted":
            counts["both accept" if tensors == int(more) else "only we accept"] += 1
            if tensors != int(more):
                wrong += 1
                print(f"{(folder / name).read_bytes()[:300]}: {more} tensors, the library {tensors}")
        elif tensors is None:
            counts["both refuse"] += 1
        else:
            counts["only the library accepts"] += 1
            reason = re.sub(r'"[^"]*"|\(at byte \d+\)|\d+', "…", more)
            stricter[reason.split(": ", 1)[-1].strip()] += 1
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--random", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    program = PACKAGE / ".build/fuzz/release/epas-fuzz"
    if not program.exists():
        sys.exit("Error: there is no fuzzer. Run `Scripts/fuzz.sh safetensors` first.")
    draw = random.Random(arguments.seed)
    counts, stricter = collections.Counter(), collections.Counter()
    wrong = compare(program, PACKAGE / ".build/fuzz/corpora/safetensors", counts, stricter)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for number in range(arguments.random):
            (folder / str(number)).write_bytes(random_file(draw))
        wrong += compare(program, folder, counts, stricter)
    print(dict(counts))
    for reason, count in stricter.most_common():
        print(f"  {count} refused by us only: {reason}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
