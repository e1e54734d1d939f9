"""The parity checks of whole runs: training, checkpoints and generation.

A run of `epas train` on this folder's own sources starts from a random model and is repeated with
PyTorch's AdamW and gradient clipping on the same batches, in float64. The sharing region grows
within the run; PyTorch skips a projection that has no gradient.
"""

import json
import math
import pathlib
from dataclasses import dataclass

import torch
from safetensors.torch import load_file

from bounds import BOUND, Error, check_errors
from epas_command import Epas, Mismatch
from random_model import Dimensions, write_neighbour, write_random_model
from reference_model import ReferenceModel, relative_error, transformers_logits
from sharing import Sharing

# The largest relative error of a step's loss and gradient norm, and of what the run changed in
# the weights. Adam divides by the gradient's size, which turns the rounding of a small gradient
# into a change of a weight: PyTorch's own float32 run errs by up to 7e-5 in the changes.
LOSS_BOUND = 1e-5
CHANGE_BOUND = 2e-4

STEPS = 30
PEAK, FINAL, WARMUP = 3e-3, 3e-4, 4
BETAS, EPSILON, DECAY, CLIP = (0.9, 0.95), 1e-8, 0.1, 1.0
VOCABULARY = 512


@dataclass(frozen=True)
class Run:
    """A small training run; its region grows by one layer every `interval` steps."""

    kind: str
    target: int
    interval: int
    accumulation: int
    tied: bool
    batch: int = 3
    sequence: int = 20

    def dimensions(self) -> Dimensions:
        return Dimensions(
            layers=4, width=36, heads=6, key_heads=2, head_dim=8, feed_forward=50,
            vocabulary=VOCABULARY, tied=self.tied,
        )  # fmt: skip

    def run_file(self, model: pathlib.Path, data: pathlib.Path, seed: int) -> dict:
        """The run file; JSON is YAML."""
        rate = {"schedule": "cosine", "peak": PEAK, "final": FINAL, "warmup": WARMUP}
        return {
            "model": {"from": str(model)},
            "data": {"path": str(data)},
            "sharing": {
                "kind": self.kind, "target": self.target, "growth": 1, "interval": self.interval,
            },
            "training": {
                "steps": STEPS, "batch": self.batch, "sequence": self.sequence, "seed": seed,
                "accumulation": self.accumulation, "precision": "float32", "learning_rate": rate,
                "beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON, "weight_decay": DECAY,
                "clip": CLIP,
            },
            "validation": {"every": 0, "lengths": [0, "full"], "batches": 2},
            "checkpoint": {"every": 10, "keep": 2},
        }  # fmt: skip

    def sharing(self, step: int) -> Sharing:
        """Algorithm 1: the region grows at the end of every step that `interval` divides."""
        count = min(self.target, (step - 1) // self.interval)
        return Sharing.parse(f"{self.kind}:{count}", self.dimensions().layers)


RUNS = [
    Run("qk", target=2, interval=9, accumulation=1, tied=False),
    Run("kv", target=3, interval=6, accumulation=2, tied=True),
]


def learning_rate(step: int) -> float:
    if step <= WARMUP:
        return PEAK * step / WARMUP
    progress = (step - WARMUP) / (STEPS - WARMUP)
    return FINAL + (PEAK - FINAL) * (1 + math.cos(math.pi * progress)) / 2


def trained_with_torch(
    run: Run, folder: pathlib.Path, batches: list[torch.Tensor], dtype: torch.dtype
) -> tuple[list[float], list[float], dict[str, torch.Tensor]]:
    """Returns each step's loss and gradient norm, and the weights and moments at the end."""
    model = ReferenceModel.load(folder, dtype)
    weights = model.weights
    groups = [
        {"params": [w for w in weights.values() if w.ndim == 2], "weight_decay": DECAY},
        {"params": [w for w in weights.values() if w.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, betas=BETAS, eps=EPSILON)
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        first = (step - 1) * run.accumulation
        for tokens in batches[first : first + run.accumulation]:
            logits, _ = model.forward(tokens, run.sharing(step))
            log_probabilities = logits[:, :-1].log_softmax(dim=-1)
            loss = -log_probabilities.gather(-1, tokens[:, 1:, None]).mean() / run.accumulation
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), CLIP)
        optimizer.step()
        losses.append(total)
        norms.append(norm.item())
    result = {name: weight.detach() for name, weight in weights.items()}
    for name, weight in weights.items():
        result[f"first_moment.{name}"] = optimizer.state[weight]["exp_avg"]
        result[f"second_moment.{name}"] = optimizer.state[weight]["exp_avg_sq"]
    return losses, norms, result


def check_training(epas: Epas, scratch: pathlib.Path, run: Run, seed: int) -> tuple[str, float]:
    """A run gives PyTorch's losses, gradient norms, weights and moments."""
    data = prepared(epas, scratch)
    start = scratch / f"{run.kind}-start"
    write_random_model(start, run.dimensions(), seed)
    printed = epas.run(
        "data", "batches", data, "--batch", run.batch, "--sequence", run.sequence,
        "--seed", seed, "--count", STEPS * run.accumulation,
    )  # fmt: skip
    batches = [torch.tensor(json.loads(line)) for line in printed.splitlines()]

    def errors_from(start: pathlib.Path, folder: pathlib.Path) -> dict[str, Error]:
        file = scratch / f"{folder.name}.yaml"
        file.write_text(json.dumps(run.run_file(start, data, seed)))
        epas.run("train", file, "--output", folder)
        return errors_to_torch(run, start, folder, batches)

    def errors_of_neighbour(number: int) -> dict[str, Error]:
        neighbour = scratch / f"{run.kind}-start-{number}"
        neighbour.mkdir()
        write_neighbour(start, neighbour, number)
        return errors_from(neighbour, scratch / f"{run.kind}-{number}")

    try:
        largest, note = check_errors(errors_from(start, scratch / run.kind), errors_of_neighbour)
    except Mismatch as mismatch:
        raise Mismatch(f"{run.kind} run: {mismatch}") from mismatch
    label = (
        f"{STEPS} steps as PyTorch's AdamW, {run.kind} growing to {run.target} of "
        f"{run.dimensions().layers} layers, {run.accumulation} batches a step"
    )
    return label + note, largest


def errors_to_torch(
    run: Run, start: pathlib.Path, folder: pathlib.Path, batches: list[torch.Tensor]
) -> dict[str, Error]:
    """The errors of the losses and gradient norms of a run, and of what it changed."""
    losses, norms, expected = trained_with_torch(run, start, batches, torch.float64)
    rounded = trained_with_torch(run, start, batches, torch.float32)

    lines = (folder / "metrics.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if record["kind"] == "training"]
    if [record["step"] for record in records] != list(range(1, STEPS + 1)):
        raise Mismatch(f"metrics.jsonl has steps {[record['step'] for record in records]}")
    errors = {}
    for name, reference, float32 in [
        ("loss", losses, rounded[0]),
        ("gradient_norm", norms, rounded[1]),
    ]:
        for record, wanted, near in zip(records, reference, float32):
            errors[f"{name} of step {record['step']}"] = Error(
                abs(record[name] - wanted) / wanted, abs(near - wanted) / wanted, LOSS_BOUND
            )

    checkpoint = folder / "checkpoints" / f"step-{STEPS:08d}"
    actual = load_file(checkpoint / "model.safetensors")
    actual |= load_file(checkpoint / "optimizer.safetensors")
    if set(actual) != set(expected):
        raise Mismatch(f"the checkpoint differs in {sorted(set(actual) ^ set(expected))}")
    before = load_file(start / "model.safetensors")
    for name, wanted in expected.items():
        base = before.get(name, torch.zeros_like(actual[name])).double()
        errors[f"the change of {name}"] = Error(
            relative_error(actual[name].double() - base, wanted - base),
            relative_error(rounded[2][name].double() - base, wanted - base),
            CHANGE_BOUND,
        )
    return errors


def prepared(epas: Epas, scratch: pathlib.Path) -> pathlib.Path:
    """This folder's own sources as training data, prepared once."""
    data = scratch / "data"
    if not data.exists():
        sources = pathlib.Path(__file__).parent
        epas.run(
            "data", "prepare", "--input", sources, "--include", "*.py", "--output", data,
            "--vocabulary-size", VOCABULARY, "--validation-fraction", 0.3,
        )  # fmt: skip
    return data


def newest_checkpoint(folder: pathlib.Path) -> pathlib.Path:
    checkpoints = sorted((folder / "checkpoints").glob("step-*"))
    if not checkpoints:
        raise Mismatch(f"{folder} has no checkpoints/step-*")
    return checkpoints[-1]


def check_checkpoint(epas: Epas, folder: pathlib.Path) -> tuple[str, float]:
    """The newest checkpoint of a run, as `transformers` loads it, gives the same logits."""
    from transformers import AutoModelForCausalLM

    checkpoint = newest_checkpoint(folder)
    model, info = AutoModelForCausalLM.from_pretrained(checkpoint, output_loading_info=True)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[problem]:
            raise Mismatch(f"transformers reports {problem}: {sorted(info[problem])}")
    generator = torch.Generator().manual_seed(5)
    tokens = torch.randint(0, model.config.vocab_size, (2, 12), generator=generator)
    actual = epas.inspected(checkpoint, tokens, "", gradients=False)["logits"]
    error = relative_error(actual, transformers_logits(checkpoint, tokens))
    if error > BOUND:
        raise Mismatch(f"logits differ from transformers by {error:.2e}, allowed {BOUND:.0e}")
    return f"transformers loads {checkpoint.name} of a run", error


def check_generation(epas: Epas, folder: pathlib.Path, share: str) -> tuple[str, float]:
    """Greedy text is what PyTorch's largest logits say, token for token."""
    checkpoint = newest_checkpoint(folder)
    options = ["--prompt", "def run(self", "--max-tokens", 40, "--json"]
    options += ["--share", share] if share else []
    result = json.loads(epas.run("generate", checkpoint, *options))
    prompt, tokens = result["prompt_tokens"], result["tokens"]
    stop = json.loads((checkpoint / "config.json").read_text())["eos_token_id"]
    if share:
        model = ReferenceModel.load(checkpoint, torch.float64)
        sharing = Sharing.parse(share, model.layers)
        expected = []
        while len(expected) < 40:
            with torch.no_grad():
                logits, _ = model.forward(torch.tensor([prompt + expected]), sharing)
            expected.append(int(logits[0, -1].argmax()))
            if expected[-1] == stop:
                break
    else:
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float64)
        ids = torch.tensor([prompt])
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False
        )
        expected = output[0, len(prompt) :].tolist()
    if stop in expected:
        expected = expected[: expected.index(stop)]
    if tokens != expected:
        raise Mismatch(f"greedy tokens {tokens}, expected {expected}, share {share or 'nothing'}")
    return f"{len(tokens)} greedy tokens, share {share or 'nothing'}", 0.0


def checks(epas: Epas, scratch: pathlib.Path, seed: int, run: pathlib.Path | None) -> list:
    """The checks, to be called in order; each returns its label and its largest error."""
    seed += 1  # a run file's seeds and a random model's are positive alike
    result = [lambda run=run: check_training(epas, scratch, run, seed) for run in RUNS]
    folders = [run] if run else [scratch / run.kind for run in RUNS]
    for folder in folders:
        result.append(lambda folder=folder: check_checkpoint(epas, folder))
    shares = ["", "qk:2", "kv:1<0,3<2", "scores:3"]
    for number, share in enumerate(shares):
        folder = folders[number % len(folders)]
        result.append(lambda folder=folder, share=share: check_generation(epas, folder, share))
    return result
