"""A tiny training run as a program under test: prepares its data, starts, stops, fingerprints it."""

import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

# Times differ between two runs of the same steps; nothing else may.
TIMES = {"seconds", "elapsed_seconds", "tokens_per_second", "flops_per_second"}
SWITCH = 20
VALIDATION = 10
SAVE = 5

RUN_FILE = """\
model: {layers: 4, width: 64, heads: 4, kv_heads: 2, ffn: 128, tied: true, max_sequence: 64}
data: {path: DATA}
sharing: {kind: qk, target: 2, growth: 1, interval: 20}
training: {steps: STEPS, batch: 8, sequence: 48, precision: float32, seed: 3}
validation: {every: 10, lengths: [0, half, full], batches: 4}
checkpoint: {every: 5, keep: 2}
runtime: {plugin: cpu, threads: 2, cache: CACHE}
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Workshop:
    """A folder with prepared data, a run file and the program to run."""

    def __init__(self, folder: pathlib.Path, epas: pathlib.Path, steps: int):
        self.folder = folder
        self.epas = str(epas.resolve())
        self.data = folder / "data"
        self.cache = folder / "programs"
        text = folder / "text"
        text.mkdir()
        draw = random.Random(1)
        names = ["layer", "value", "head", "query", "score", "width", "token", "row"]
        for index in range(60):
            lines = [
                f"{draw.choice(names)}_{draw.randrange(9)} = "
                f"{draw.choice(names)}({draw.randrange(100)}, {draw.choice(names)})"
                for _ in range(60)
            ]
            (text / f"{index}.txt").write_text("\n".join(lines) + "\n")
        self.prepare(self.data, "--vocabulary-size", "300")
        self.run_file = folder / "run.yaml"
        self.run_file.write_text(
            RUN_FILE.replace("DATA", str(self.data))
            .replace("STEPS", str(steps))
            .replace("CACHE", str(self.cache))
        )

    def prepare(self, output: pathlib.Path, *options: str):
        arguments = ["data", "prepare", "--input", str(self.folder / "text"), "--output"]
        arguments += [str(output), "--validation-fraction", "0.15", *options]
        result = self.call(*arguments)
        if result.returncode != 0:
            raise SystemExit(f"epas {' '.join(arguments)} failed: {result.stderr}")

    def call(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """Runs a command to its end."""
        return subprocess.run(
            [self.epas, *arguments], capture_output=True, text=True, timeout=300, **options
        )

    def run(self, name: str, *settings: str) -> "Run":
        return Run(self, self.folder / name, settings)


class Run:
    """One run folder and the settings it is trained with."""

    def __init__(self, workshop: Workshop, folder: pathlib.Path, settings: tuple[str, ...]):
        self.workshop = workshop
        self.folder = folder
        self.settings = settings
        self.process: subprocess.Popen | None = None
        self.log = folder.with_name(folder.name + ".log")
        self.steps_at_start = 0

    def arguments(self, *more: str) -> list[str]:
        sets = [part for setting in self.settings for part in ("--set", setting)]
        return ["train", str(self.workshop.run_file), "--output", str(self.folder), *sets, *more]

    def copy(self, name: str, *settings: str) -> "Run":
        """Another run that has come as far as this one."""
        other = Run(self.workshop, self.workshop.folder / name, self.settings + settings)
        shutil.rmtree(other.folder, ignore_errors=True)
        shutil.copytree(self.folder, other.folder)
        return other

    def train(self, *more: str, **options) -> subprocess.CompletedProcess:
        return self.workshop.call(*self.arguments(*more), **options)

    def resume(self, *more: str, **options) -> subprocess.CompletedProcess:
        return self.train("--resume", *more, **options)

    # While it runs.

    def start(self, *more: str):
        self.steps_at_start = self.last_step()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [self.workshop.epas, *self.arguments("--resume", *more)],
                stdout=subprocess.DEVNULL, stderr=log,
            )

    def wait_until(self, condition, seconds: float = 60) -> bool:
        """Whether a condition came true while the process ran."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.0002)
        return False

    def stop(self, number: int, seconds: float = 60) -> tuple[int, float]:
        """Sends a signal; returns the exit status and the seconds until the end."""
        start = time.monotonic()
        self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        return status, time.monotonic() - start

    def kill(self) -> int:
        return self.stop(signal.SIGKILL)[0]

    def finish(self) -> int:
        return self.process.wait(300)

    @property
    def messages(self) -> str:
        return self.log.read_text()

    # Its folder.

    @property
    def checkpoints(self) -> pathlib.Path:
        return self.folder / "checkpoints"

    def checkpoint(self, step: int) -> pathlib.Path:
        return self.checkpoints / f"step-{step:08}"

    def names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.checkpoints))
        except FileNotFoundError:
            return []

    def saved_steps(self) -> list[int]:
        return [int(name[5:]) for name in self.names() if name.startswith("step-")]

    def is_saving(self, step: int = 0) -> bool:
        return any(
            name.startswith(".saving-step-") and int(name[13:]) >= step for name in self.names()
        )

    def metrics_bytes(self) -> bytes:
        try:
            return (self.folder / "metrics.jsonl").read_bytes()
        except FileNotFoundError:
            return b""

    def records(self) -> list[dict]:
        records = []
        for line in self.metrics_bytes().split(b"\n"):
            try:
                records.append(json.loads(line))
            except ValueError:
                pass  # Cut off by a kill.
        return records

    def last_step(self) -> int:
        steps = [one["step"] for one in self.records() if one["kind"] == "training"]
        return steps[-1] if steps else 0

    def trained(self, step: int) -> bool:
        return f'"kind":"training"'.encode() in self.metrics_bytes() and self.last_step() >= step

    def where(self) -> str:
        """What the process did when it was killed, as its folder shows."""
        names = self.names()
        for prefix, text in [(".saving-", "saving"), (".deleting-", "deleting"),
                             (".replaced-", "replacing")]:
            for name in names:
                if name.startswith(prefix):
                    if prefix == ".saving-":
                        count = len(os.listdir(self.checkpoints / name))
                        text += f" (files: {count})"
                    return f"{text} {name[len(prefix):]}"
        records = self.records()
        if self.log.exists() and "Compiling" in self.messages:
            if not any(one["step"] > self.saved() for one in records):
                return "compiling the first program"
        if not records:
            return "before the first record"
        last = records[-1]
        if last["kind"] == "validation":
            return f"validation or after it, step {last['step']}"
        if last["step"] % VALIDATION == 0:
            return f"validation, step {last['step']}"
        if last["step"] <= self.saved():
            return f"start, after step {self.saved()}"
        return f"step {last['step'] + 1}"

    def saved(self) -> int:
        return max(self.saved_steps(), default=0)

    def metrics(self) -> list[dict]:
        return [
            {key: value for key, value in one.items() if key not in TIMES}
            for one in self.records()
        ]

    def fingerprint(self, step: int) -> dict[str, str]:
        """SHA-256 of everything about the run's state after a step but its times."""
        folder = self.checkpoint(step)
        if not folder.is_dir():
            return {"checkpoint": f"step {step} is missing among {self.names()}"}
        state = json.loads((folder / "state.json").read_text())
        del state["progress"]["elapsedSeconds"]
        result = {
            name: sha256((folder / name).read_bytes())
            for name in os.listdir(folder)
            if name not in ("state.json", "manifest.json")
        }
        result["state.json"] = sha256(json.dumps(state, sort_keys=True).encode())
        lines = [json.dumps(one, sort_keys=True) for one in self.metrics()]
        result["metrics.jsonl"] = sha256("\n".join(lines).encode())
        return result


def tensors(file: pathlib.Path) -> dict[str, bytes]:
    """The bytes of every tensor of a safetensors file."""
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        name: data[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]]
        for name, entry in header.items()
    }
