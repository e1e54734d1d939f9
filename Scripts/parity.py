"""Compares `epas inspect` with the PyTorch reference on random models.

    parity.py [--cases N] [--seed N] [--epas FILE] [--run FOLDER]

Every case draws sizes, weights, tokens and a sharing plan, stores the model in one of the ways in
which checkpoints come, and compares the loss, the logits and every gradient of a float32 run with
the reference in float64. The error is the norm of the difference over the norm of what is
expected. It may be 1e-5, or five times the error of the reference itself in float32 where the
case is ill-conditioned (bounds.py); a gradient that does not exist must be zero exactly.

Each case also checks that the logits of a prefix do not depend on what follows. The last cases
(parity_run.py) train small models with `epas train` and with PyTorch, on the same batches while
the sharing region grows, and compare what comes out; and they compare a checkpoint, or the last
one of the run FOLDER, as `transformers` loads it, and the text that `epas generate` writes.
"""

import argparse
import pathlib
import random
import sys
import tempfile
import time

import torch

import parity_run
from bounds import BOUND, CONDITION, Error, check_errors
from epas_command import Epas, Mismatch
from random_model import STORED_AS, Dimensions, write_neighbour, write_random_model
from reference_model import ReferenceModel, relative_error, transformers_logits
from sharing import Sharing

# The forms that always run, for multi-head and for grouped-query attention, on four layers.
ALWAYS = ["", "qk:2", "kv:2", "scores:2", "qk:2<1,3<1", "kv:1<0,3<2"]


def random_dimensions(draw: random.Random, layers: int | None, grouped: bool) -> Dimensions:
    """Sizes that are small, often odd, and legal for `transformers` too."""
    key_heads = draw.randint(1, 3)
    heads = key_heads * draw.randint(2, 3) if grouped else key_heads
    head_dim = draw.choice([None, 2, 4, 6, 8, 10, 14, 16])
    # Without head_dim a head is width / heads wide, and rotary embedding needs it even.
    per_head = draw.choice([4, 6, 8, 12]) if head_dim is None else draw.randint(3, 13)
    return Dimensions(
        layers=layers or draw.randint(2, 6),
        width=heads * per_head,
        heads=heads,
        key_heads=key_heads,
        head_dim=head_dim,
        feed_forward=draw.randint(5, 70),
        vocabulary=draw.randint(7, 97),
        tied=draw.random() < 0.5,
        theta=draw.choice([100.0, 10000.0, 500000.0]),
        epsilon=draw.choice([1e-6, 1e-5, 1e-3]),
    )


def random_share(draw: random.Random, layers: int) -> str:
    """The last N layers, or any layers that reuse any computing layer before them."""
    kind = draw.choice(["qk", "kv", "scores"])
    if draw.random() < 0.4:
        return f"{kind}:{draw.randint(0, layers - 1)}"
    computing, pairs = [0], []
    for layer in range(1, layers):
        if draw.random() < 0.5:
            pairs.append(f"{layer}<{draw.choice(computing)}")
        else:
            computing.append(layer)
    return f"{kind}:{','.join(pairs)}" if pairs else ""


def errors_to_reference(
    folder: pathlib.Path, tokens: torch.Tensor, share: str, actual: dict[str, torch.Tensor]
) -> dict[str, Error]:
    """The errors of loss, logits and gradients; raises Mismatch where one is not comparable."""
    exact = ReferenceModel.load(folder, torch.float64)
    sharing = Sharing.parse(share, exact.layers)
    expected = exact.evaluated(tokens, sharing)
    rounded = ReferenceModel.load(folder, torch.float32).evaluated(tokens, sharing)
    if not sharing.source:
        error = relative_error(transformers_logits(folder, tokens), expected["logits"])
        if error > 1e-6:  # transformers computes the rotary angles in float32
            raise Mismatch(f"the reference's logits differ from transformers by {error:.1e}")
    names = {name for name in expected if not name.startswith("layers.")}
    if missing := names - set(actual):
        raise Mismatch(f"epas inspect wrote no {', '.join(sorted(missing))}")
    if extra := {name for name in actual if name.startswith("grad.")} - names:
        raise Mismatch(f"epas inspect wrote {', '.join(sorted(extra))} for no parameter")
    errors = {}
    for name in sorted(names):
        if actual[name].shape != expected[name].shape:
            if name != "loss" or actual[name].numel() != 1:
                shapes = f"{list(actual[name].shape)}, expected {list(expected[name].shape)}"
                raise Mismatch(f"{name} has shape {shapes}")
        errors[name] = Error(
            relative_error(actual[name].reshape(expected[name].shape), expected[name]),
            relative_error(rounded[name], expected[name]),
        )
    return errors


def errors_of_neighbour(
    epas: Epas, folder: pathlib.Path, tokens: torch.Tensor, share: str, number: int
) -> dict[str, Error]:
    with tempfile.TemporaryDirectory() as scratch:
        neighbour = pathlib.Path(scratch)
        write_neighbour(folder, neighbour, number)
        actual = epas.inspected(neighbour, tokens, share, gradients=True)
        return errors_to_reference(neighbour, tokens, share, actual)


def check_prefix(
    epas: Epas, folder: pathlib.Path, tokens: torch.Tensor, share: str,
    logits: torch.Tensor, vocabulary: int, draw: random.Random,
) -> None:  # fmt: skip
    """Other tokens after a position leave the logits up to it as they are, to the bit; cutting
    them off gives another program, so the same up to rounding."""
    kept = draw.randint(1, tokens.shape[1] - 1)
    changed = tokens.clone()
    changed[:, kept:] = (changed[:, kept:] + draw.randint(1, vocabulary - 1)) % vocabulary
    # With gradients as before: the same program, so the same rounding.
    other = epas.inspected(folder, changed, share, gradients=True)["logits"]
    if not torch.equal(other[:, :kept], logits[:, :kept]):
        raise Mismatch(f"logits before position {kept} depend on the tokens after it")
    if kept >= 2:
        short = epas.inspected(folder, tokens[:, :kept], share, gradients=False)["logits"]
        exact = ReferenceModel.load(folder, torch.float64)
        with torch.no_grad():
            expected, _ = exact.forward(tokens[:, :kept], Sharing.parse(share, exact.layers))
        error = relative_error(short, expected)
        if error > max(BOUND, CONDITION * relative_error(logits[:, :kept], expected)):
            raise Mismatch(f"logits of the first {kept} tokens alone are off by {error:.2e}")


def random_case(epas: Epas, number: int, seed: int) -> tuple[str, float]:
    """Draws and checks one case; the case is a function of the seed and its number."""
    draw = random.Random(f"{seed}/{number}")
    if number < 2 * len(ALWAYS):
        share = ALWAYS[number % len(ALWAYS)]
        dimensions = random_dimensions(draw, layers=4, grouped=number >= len(ALWAYS))
    else:
        dimensions = random_dimensions(draw, layers=None, grouped=draw.random() < 0.5)
        share = random_share(draw, dimensions.layers)
    stored = STORED_AS[number % len(STORED_AS)]
    generator = torch.Generator().manual_seed(draw.getrandbits(32))
    shape = (draw.randint(1, 3), draw.randint(4, 33))
    tokens = torch.randint(0, dimensions.vocabulary, shape, generator=generator)
    label = (
        f"{dimensions.layers} layers, width {dimensions.width}, "
        f"heads {dimensions.heads}/{dimensions.key_heads} of {dimensions.head_dim or 'width'}, "
        f"ffn {dimensions.feed_forward}, vocabulary {dimensions.vocabulary}, "
        f"{'tied' if dimensions.tied else 'untied'}, {stored}, tokens {shape[0]}x{shape[1]}, "
        f"share {share or 'nothing'}"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        write_random_model(folder, dimensions, draw.getrandbits(32), stored)
        try:
            actual = epas.inspected(folder, tokens, share, gradients=True)
            error, note = check_errors(
                errors_to_reference(folder, tokens, share, actual),
                lambda number: errors_of_neighbour(epas, folder, tokens, share, number),
            )
            check_prefix(
                epas, folder, tokens, share, actual["logits"], dimensions.vocabulary, draw
            )
        except Mismatch as mismatch:
            raise Mismatch(f"{label}\n     {mismatch}") from mismatch
    return label + note, error


def main() -> None:
    package = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--seed", type=int, default=None, help="drawn afresh by default")
    parser.add_argument("--epas", type=pathlib.Path, default=package / ".build/release/epas")
    parser.add_argument("--run", type=pathlib.Path, help="a folder that `epas train` made")
    arguments = parser.parse_args()
    if not arguments.epas.exists():
        sys.exit(f"Error: {arguments.epas} does not exist. Run `make build` first.")
    torch.set_num_threads(1)  # the models are tiny: more threads would mostly wait
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed

    print(f"seed {seed}: repeat with --seed {seed}\nresult   error  case", flush=True)
    start = time.monotonic()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        epas = Epas(arguments.epas.resolve(), pathlib.Path(scratch, "cache"))
        checks = [
            lambda number=number: random_case(epas, number, seed)
            for number in range(arguments.cases)
        ]
        checks += parity_run.checks(epas, pathlib.Path(scratch), seed, arguments.run)
        for check in checks:
            try:
                label, error = check()
                passed += 1
                print(f"passed {error:.1e}  {label}", flush=True)
            except Mismatch as mismatch:
                failed += 1
                print(f"FAILED          {mismatch}", flush=True)
    print(f"{passed} passed, {failed} failed in {time.monotonic() - start:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
