#!/usr/bin/env python3
"""Stops a tiny training run in every way, and checks that it continues bit for bit.

    test_resume.py [--kills N] [--seed N] [--steps N] [--epas FILE] [--only NAME]

Every run must end with the same weights, moments, state and metrics (but for times) as one that
nothing disturbed. N kills per run come at random moments: while it starts, compiles, trains,
validates and saves. Prints a line per check and per kill; the exit status is 1 if any failed.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sys
import tempfile
import time

from training_run import SAVE, SWITCH, VALIDATION, Run, Workshop, tensors

VARIANTS = {
    "float32": (),
    "bfloat16": ("training.precision=bfloat16",),
    "float32 accumulated": ("training.accumulation=2", "training.batch=4"),
    "bfloat16 accumulated": (
        "training.precision=bfloat16", "training.accumulation=2", "training.batch=4"),
}


class ResumeTests:
    def __init__(self, workshop: Workshop, kills: int, seed: int, steps: int):
        self.workshop = workshop
        self.kills = kills
        self.steps = steps
        self.draw = random.Random(seed)
        self.passed = 0
        self.failed = 0
        self.references: dict[tuple[str, ...], dict[str, str]] = {}

    def check(self, name: str, problems: list[str]):
        if problems:
            self.failed += 1
            print(f"FAILED {name}: {'; '.join(problems)}", flush=True)
        else:
            self.passed += 1
            print(f"passed {name}", flush=True)

    def reference(self, *settings: str) -> dict[str, str]:
        """The fingerprint of the undisturbed run."""
        if settings not in self.references:
            run = self.workshop.run(f"reference-{len(self.references)}", *settings)
            result = run.train()
            if result.returncode != 0:
                raise SystemExit(f"The undisturbed run failed: {result.stderr}")
            self.references[settings] = run.fingerprint(self.steps)
        return self.references[settings]

    def differences(self, run: Run, settings: tuple[str, ...] | None = None) -> list[str]:
        wanted = self.reference(*(run.settings if settings is None else settings))
        found = run.fingerprint(self.steps)
        return [
            f"{key} is {found.get(key)}, undisturbed {wanted.get(key)}"
            for key in sorted(wanted.keys() | found.keys())
            if wanted.get(key) != found.get(key)
        ]

    def fresh_cache(self) -> str:
        """A setting with which every program is compiled anew."""
        return f"runtime.cache={self.workshop.folder / f'cache-{self.draw.random()}'}"

    # Kills.

    def test_random_kills(self):
        for name, settings in VARIANTS.items():
            run = self.workshop.run(f"killed {name}", *settings)
            targets = sorted(self.draw.randrange(1, self.steps) for _ in range(self.kills))
            hits = sum(self.kill_near(run, step) for step in targets)
            result = run.resume()
            problems = [] if result.returncode == 0 else [result.stderr]
            problems += self.differences(run)
            if run.names() != [f"step-{step:08}" for step in (self.steps - SAVE, self.steps)]:
                problems.append(f"the checkpoints are {run.names()}")
            extra = set(os.listdir(run.folder)) - {
                "checkpoints", "lock", "metrics.jsonl", "run.yaml"}
            if extra:
                problems.append(f"left behind: {sorted(extra)}")
            self.check(f"{name}: {hits} kills at random moments", problems)

    def kill_near(self, run: Run, step: int) -> bool:
        """Kills a run at a random kind of moment about a step, if it has not ended before."""
        kind = self.draw.choice(["save", "save", "step", "validation", "compile", "time"])
        delay, more, condition = self.draw.uniform(0, 0.02), [], lambda: run.trained(step)
        if kind == "save":
            delay, condition = self.draw.uniform(0, 0.01), lambda: run.is_saving(step)
        elif kind == "validation":
            due = -(-step // VALIDATION) * VALIDATION
            delay, condition = self.draw.uniform(0, 0.01), lambda: run.trained(due)
        elif kind == "compile":
            more = ["--set", self.fresh_cache()]
            delay, condition = self.draw.uniform(0, 0.5), lambda: "Compiling" in run.messages
        elif kind == "time":
            delay, condition = self.draw.uniform(0, 0.6), lambda: True
        run.start(*more)
        came = run.wait_until(condition)
        time.sleep(delay)
        killed = run.process.poll() is None
        run.kill()
        moment = run.where() if killed else "too late, the run had ended"
        print(f"  kill for {kind} about step {step}: {moment if came else 'the run had ended'}",
              flush=True)
        return killed

    def test_kills_around_growth(self):
        run = self.workshop.run("boundary")
        for switch in range(SWITCH, self.steps, SWITCH):
            for step in (switch - 1, switch, switch + 1):
                run.start()
                run.wait_until(lambda: run.trained(step))
                run.kill()
                print(f"  kill about step {step}: {run.where()}", flush=True)
        result = run.resume()
        self.check(
            "kills around each growth",
            self.differences(run) + ([] if result.returncode == 0 else [result.stderr]))

    # Signals.

    def test_signals(self):
        compiling = lambda run: "Compiling" in run.messages
        moments = {
            "opening": (0, lambda run: (run.folder / "lock").exists()),
            "compiling": (0, compiling),
            "a step": (7, lambda run: run.trained(7)),
            "validation": (10, lambda run: run.trained(10)),
            "a save": (15, lambda run: run.is_saving(15)),
            "compiling again": (15, compiling),
            "validation not yet compiled": (30, lambda run: run.trained(30)),
            "a later step": (43, lambda run: run.trained(43)),
        }
        for number, name in (signal.SIGINT, "float32"), (signal.SIGTERM, "bfloat16 accumulated"):
            run = self.workshop.run(f"signalled {name}", *VARIANTS[name])
            for moment, (step, condition) in moments.items():
                run.start(*(["--set", self.fresh_cache()] if "compil" in moment else []))
                came = run.wait_until(lambda: condition(run))
                status, seconds = run.stop(number)
                problems = [] if came else ["the moment did not come"]
                if status != 130:
                    problems.append(f"the exit status is {status}: {run.messages[-300:]}")
                if seconds > 10:
                    problems.append(f"it took {seconds:.1f} s")
                if run.saved() < step or run.last_step() > run.saved():
                    problems.append(f"step {run.last_step()}, saved {run.saved_steps()}")
                if "Interrupted; continue with --resume." not in run.messages:
                    problems.append(f"it said {run.messages[-300:]}")
                self.check(
                    f"{number.name} while {moment} ({seconds * 1000:.0f} ms,"
                    f" after step {run.saved()})", problems)
            result = run.resume()
            self.check(
                f"{number.name}: the resumed run is exact",
                self.differences(run) + ([] if result.returncode == 0 else [result.stderr]))

    def test_ends_while_compiling(self):
        statuses = []
        for index in range(10):
            run = self.workshop.run(f"compiling {index}")
            run.start("--set", self.fresh_cache())
            run.wait_until(lambda: "Compiling" in run.messages)
            time.sleep(self.draw.uniform(0, 0.5))
            statuses.append(run.stop(signal.SIGINT)[0])
        wrong = [status for status in statuses if status != 130]
        self.check(f"{len(statuses)} runs end cleanly while compiling",
                   [f"exit statuses {wrong}"] if wrong else [])

    def test_second_signal(self):
        run = self.workshop.run("twice")
        run.start("--set", self.fresh_cache())
        run.wait_until(lambda: "Compiling" in run.messages)
        os.kill(run.process.pid, signal.SIGINT)
        status, seconds = run.stop(signal.SIGTERM)
        problems = []
        if status != 130:
            problems.append(f"the exit status is {status}")
        # The first signal may end the run, in order, in the moment in which the second one comes.
        if "Interrupted" not in run.messages or seconds > 2:
            problems.append(f"it ended in {seconds:.1f} s and said {run.messages[-300:]}")
        self.check("a second signal ends the run at once", problems)

    # Damage.

    def finished(self, name: str, *settings: str) -> Run:
        self.reference()
        return Run(self.workshop, self.workshop.folder / "reference-0", ()).copy(name, *settings)

    def damage(self, file: pathlib.Path, how: str):
        data = bytearray(file.read_bytes())
        if how == "deleted":
            file.unlink()
            return
        if how == "truncated":
            data = data[: self.draw.randrange(len(data))]
        elif how == "flipped":
            data[self.draw.randrange(len(data))] ^= 1 << self.draw.randrange(8)
        elif how == "longer":
            data += b"\0"
        file.write_bytes(data)

    def test_damaged_checkpoint(self):
        last = self.steps
        names = sorted(os.listdir(self.finished("damaged").checkpoint(last)))
        for name in names:
            for how in ("flipped", "truncated", "deleted", "longer"):
                run = self.finished("damaged")
                self.damage(run.checkpoint(last) / name, how)
                result = run.resume()
                problems = [] if result.returncode == 0 else [f"exit status {result.returncode}"]
                for text in (f"Not used: {run.checkpoint(last)}: ", name,
                             f"Continuing after step {last - SAVE}"):
                    if text not in result.stderr:
                        problems.append(f"no \"{text}\" in {result.stderr}")
                self.check(f"{name} {how}: resumes from the checkpoint before",
                           problems + self.differences(run, ()))
        run = self.finished("damaged")
        (run.checkpoint(last) / "extra").write_text("")
        result = run.resume()
        said = f"{run.checkpoint(last)}: extra is not in the manifest" in result.stderr
        self.check("an unlisted file: resumes from the checkpoint before",
                   ([] if said else [result.stderr]) + self.differences(run, ()))

    def test_damaged_for_readers(self):
        last, run = self.steps, self.finished("read")
        data = ["--data", str(self.workshop.data), "--sequence", "16"]
        commands = {
            "evaluate": lambda path: ["evaluate", path, *data],
            "generate": lambda path: ["generate", path, "--prompt", "layer", "--max-tokens", "2"],
            "inspect": lambda path: [
                "inspect", path, "--tokens", "1,2,3", "--output",
                str(self.workshop.folder / "inspected.safetensors")],
        }
        self.damage(run.checkpoint(last) / "model.safetensors", "flipped")
        for name, arguments in commands.items():
            result = self.workshop.call(*arguments(str(run.folder)))
            said = "Not used: " in result.stderr and "model.safetensors is damaged" in result.stderr
            self.check(f"{name} takes the run's last good checkpoint and says so",
                       [] if said and result.returncode == 0 else [result.stderr])
            result = self.workshop.call(*arguments(str(run.checkpoint(last))))
            said = "model.safetensors is damaged" in result.stderr
            self.check(f"{name} refuses a damaged checkpoint by name",
                       [] if said and result.returncode == 1 else [result.stderr])
        self.damage(run.checkpoint(last - SAVE) / "config.json", "truncated")
        for name, arguments in commands.items():
            result = self.workshop.call(*arguments(str(run.folder)))
            said = "none of the run's checkpoints can be used" in result.stderr
            self.check(f"{name} refuses a run without a good checkpoint",
                       [] if said and result.returncode == 1 else [result.stderr])
        result = run.resume()
        said = "none of the run's checkpoints can be used" in result.stderr
        self.check("train --resume refuses a run without a good checkpoint",
                   [] if said and result.returncode == 1 else [result.stderr])
        other = self.workshop.run(
            "from", "model=null", f"model.from={run.checkpoint(last)}")
        result = other.train()
        said = "model.safetensors is damaged" in result.stderr
        self.check("model.from refuses a damaged checkpoint by name",
                   [] if said and result.returncode == 1 else [result.stderr])

    def test_damaged_data(self):
        files = sorted(
            str(path.relative_to(self.workshop.data))
            for path in self.workshop.data.rglob("*")
            # For other programs, and written anew from tokenizer.model for a checkpoint.
            if path.is_file() and path.name not in ("tokenizer.json", "tokenizer_config.json"))
        for name in files:
            for how in ("flipped", "truncated", "deleted", "longer"):
                data = self.workshop.folder / "damaged-data"
                shutil.rmtree(data, ignore_errors=True)
                shutil.copytree(self.workshop.data, data)
                self.damage(data / name, how)
                run = self.workshop.run("on damaged data", f"data.path={data}")
                shutil.rmtree(run.folder, ignore_errors=True)
                result = run.train()
                # Of a changed tokenizer the folder is named.
                named = name in result.stderr or str((data / name).parent) + " " in result.stderr
                self.check(f"data: {name} {how}: refused by name",
                           [] if named and result.returncode == 1 else
                           [f"exit status {result.returncode}: {result.stderr[-400:]}"])

    def test_lost_files(self):
        run = self.finished("lost")
        shutil.rmtree(run.checkpoint(self.steps))
        (run.folder / "metrics.jsonl").write_text("")
        (run.folder / "run.yaml").unlink()
        result = run.resume()
        problems = [one for one in self.differences(run, ()) if "metrics" not in one]
        if result.returncode != 0 or not (run.folder / "run.yaml").exists():
            problems.append(result.stderr)
        if "metrics.jsonl" not in result.stderr:
            problems.append(f"it does not say that records are lost: {result.stderr}")
        if [one["step"] for one in run.records() if one["kind"] == "training"] != list(
                range(self.steps - SAVE + 1, self.steps + 1)):
            problems.append("the metrics are not those of the last steps")
        self.check("without metrics and run.yaml the run continues and says so", problems)

    # Refusals.

    def test_second_trainer(self):
        run = self.workshop.run("locked")
        run.start()
        run.wait_until(lambda: run.trained(1))
        run.process.send_signal(signal.SIGSTOP)
        for arguments in [], ["--resume"]:
            result = run.train(*arguments)
            said = "another process is training in this run folder" in result.stderr
            self.check(f"a second trainer is refused {' '.join(arguments)}",
                       [] if said and result.returncode == 1 else [result.stderr])
        run.kill()
        result = run.resume()
        self.check("after its kill the folder is free again",
                   self.differences(run) + ([] if result.returncode == 0 else [result.stderr]))

    def test_other_threads(self):
        run = self.stopped_at("threads", 10)
        result = run.resume("--set", "runtime.threads=1")
        said = "with 2 threads, the run continues by cpu with 1 threads" in result.stderr
        self.check("continuing with other threads is said",
                   [] if said and result.returncode == 0 else [result.stderr])

    def test_other_settings(self):
        run = self.finished("other")
        result = run.train()
        said = "has checkpoints of an earlier run" in result.stderr
        self.check("a folder with checkpoints is not trained in anew",
                   [] if said and result.returncode == 1 else [result.stderr])
        other_data = self.workshop.folder / "other-data"
        self.workshop.prepare(other_data, "--tokenizer", str(self.workshop.data / "tokenizer"),
                              "--exclude", "0.txt")
        for setting, text in [
            (f"data.path={other_data}", "data was train:"),
            ("training.seed=4", "training.seed was 3 and is 4"),
            ("training.batch=4", "training.batch was 8 and is 4"),
            ("training.sequence=32", "training.sequence was 48 and is 32"),
            ("training.accumulation=2", "training.accumulation was 1 and is 2"),
            ("training.precision=bfloat16", "training.precision was float32 and is bfloat16"),
            ("model.width=32", "model was 4 layers, width 64"),
            ("model.rope_theta=500", "model was 4 layers, width 64"),
            ("sharing.kind=kv", "sharing was qk:2, growth 1, interval 20"),
            ("sharing.interval=10", "interval 20, first_switch 20 and is"),
            ("sharing=null", "sharing was qk:2"),
        ]:
            before = run.fingerprint(self.steps), (run.folder / "run.yaml").read_bytes()
            result = run.resume("--set", setting)
            problems = [] if text in result.stderr and " and is " in result.stderr \
                and result.returncode == 1 else [result.stderr]
            if before != (run.fingerprint(self.steps), (run.folder / "run.yaml").read_bytes()):
                problems.append("the refusal changed the folder")
            self.check(f"resuming with {setting.split('=')[0]} changed is refused", problems)

    def test_not_finite(self):
        # The decay alone multiplies matrices by -99 each step.
        run = self.workshop.run(
            "diverging", "training.learning_rate={schedule: constant, peak: 10, warmup: 0}",
            "training.weight_decay=10")
        result = run.train()
        records = run.records()
        step = records[-1]["step"] if records else 0
        problems = []
        if result.returncode != 1 or f"Step {step} was not applied" not in result.stderr:
            problems.append(f"exit status {result.returncode}: {result.stderr}")
        if not records or "loss" in records[-1] and records[-1]["loss"] is not None \
                and records[-1].get("gradient_norm") is not None:
            problems.append(f"the last record is {records[-1:]}")
        saved = run.saved()
        if not 0 < saved < step:
            problems.append(f"stopped at step {step} with {run.names()}")
        else:
            before, metrics = run.fingerprint(saved), run.metrics()
            again = run.resume()
            if again.returncode != 1 or f"Step {step} was not applied" not in again.stderr:
                problems.append(f"resumed: exit status {again.returncode}: {again.stderr}")
            if run.fingerprint(saved) != before or run.metrics() != metrics:
                problems.append("the resumed run did not repeat it")
        self.check(f"a diverging run stops with the step named (step {step})", problems)

    # A disk that takes no more.

    def stopped_at(self, name: str, step: int) -> Run:
        run = self.workshop.run(name)
        shutil.rmtree(run.folder, ignore_errors=True)
        run.start()
        run.wait_until(lambda: run.saved() >= step)
        run.kill()
        return run

    def test_file_size_limit(self):
        run = self.stopped_at("limited", 10)
        limit = (run.checkpoint(run.saved()) / "optimizer.safetensors").stat().st_size - 1000
        steps = run.saved_steps()
        result = run.resume(preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit)))
        problems = []
        if result.returncode != 1 or "optimizer.safetensors: cannot be written" not in result.stderr:
            problems.append(f"exit status {result.returncode}: {result.stderr}")
        if run.saved_steps() != steps or run.is_saving():
            problems.append(f"the checkpoints were {steps} and are {run.names()}")
        result = run.resume()
        self.check("a file that cannot grow ends the run; the last checkpoint stays good",
                   problems + self.differences(run))
        for name in ".run.yaml.writing", ".metrics.jsonl.writing", "metrics.jsonl":
            run = self.stopped_at("limited", 10)
            kept = sum(
                len(line) + 1 for line in run.metrics_bytes().split(b"\n")
                if line.endswith(b"}") and json.loads(line)["step"] <= run.saved())
            limit = {".run.yaml.writing": 0, "metrics.jsonl": kept + 500}.get(name, kept - 500)
            result = run.resume(preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (limit, limit)))
            said = f"{name}: cannot be written: File too large" in result.stderr
            self.check(f"so does {name}",
                       [] if said and result.returncode == 1 else [result.stderr])

    def test_read_only_folder(self):
        if os.geteuid() != 0:
            run = self.stopped_at("read only", 10)
            options = {}
        else:
            # The superuser may write anywhere, so somebody else must try.
            options = {"user": 65534, "group": 65534}
            probe = self.workshop.folder / "probe"
            probe.mkdir()
            probe.chmod(0o777)
            try:
                reachable = self.workshop.call("--help", **options).returncode == 0
            except OSError:
                reachable = False
            if not reachable:
                print("skipped a read-only folder: no other user can run the program")
                return
            run = self.stopped_at("read only", 10)
        folders = [run.folder, run.checkpoints]
        for folder in folders:
            folder.chmod(0o555)
        try:
            result = run.resume(**options)
        finally:
            for folder in folders:
                folder.chmod(0o755)
        problems = []
        if result.returncode != 1 or not result.stderr.startswith("Error: "):
            problems.append(f"exit status {result.returncode}: {result.stderr}")
        result = run.resume()
        self.check("a read-only folder is refused; the last checkpoint stays good",
                   problems + self.differences(run))

    # What a region leaves alone.

    def test_idle_projections(self):
        run = self.workshop.run("idle", "checkpoint.keep=100")
        result = run.train()
        problems = self.differences(run, ()) if result.returncode == 0 else [result.stderr]

        def state(step: int) -> dict[str, bytes]:
            folder = run.checkpoint(step)
            return tensors(folder / "model.safetensors") | tensors(
                folder / "optimizer.safetensors")

        compared = 0
        for layer, switch in ((3, SWITCH), (2, 2 * SWITCH)):
            before, at = state(switch - SAVE), state(switch)
            idle = [name for name in at if f"layers.{layer}.self_attn.q_proj" in name
                    or f"layers.{layer}.self_attn.k_proj" in name]
            if len(idle) != 6:
                problems.append(f"the idle tensors of layer {layer} are {idle}")
            problems += [f"{name} did not train before step {switch}"
                         for name in idle if before[name] == at[name]]
            for step in range(switch + SAVE, self.steps + 1, SAVE):
                later = state(step)
                compared += len(idle)
                problems += [f"{name} changed between steps {switch} and {step}"
                             for name in idle if later[name] != at[name]]
                problems += [f"{name} did not change between steps {switch} and {step}"
                             for name in at if name not in idle and later[name] == at[name]
                             and ".3.self_attn.q" not in name and ".3.self_attn.k" not in name]
        self.check(f"idle projections and moments keep their bytes ({compared} comparisons)",
                   problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=3, help="kills of each of the 4 variants")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--steps", type=int, default=60, help="a multiple of 10, at least 60")
    parser.add_argument("--epas", type=pathlib.Path, help="the program; default: built last")
    parser.add_argument("--only", default="", help="run the checks whose name contains this")
    options = parser.parse_args()
    if options.steps < 60 or options.steps % 10:
        parser.error("--steps must be a multiple of 10, at least 60")
    root = pathlib.Path(__file__).resolve().parent.parent
    built = [root / ".build" / kind / "epas" for kind in ("release", "debug")]
    built = [path for path in built if path.exists()]
    if not options.epas and not built:
        parser.error("there is no epas program; run `swift build`")
    epas = options.epas or max(built, key=lambda path: path.stat().st_mtime)

    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="epas-resume-") as folder:
        pathlib.Path(folder).chmod(0o755)
        workshop = Workshop(pathlib.Path(folder), epas, options.steps)
        tests = ResumeTests(workshop, options.kills, options.seed, options.steps)
        for name in [name for name in dir(tests) if name.startswith("test_")]:
            if options.only in name:
                print(f"{name[5:].replace('_', ' ')}:", flush=True)
                begin = time.monotonic()
                getattr(tests, name)()
                print(f"  {time.monotonic() - begin:.1f} s", flush=True)
    print(f"{tests.passed} passed, {tests.failed} failed in {time.monotonic() - start:.0f} s")
    sys.exit(1 if tests.failed else 0)


if __name__ == "__main__":
    main()
