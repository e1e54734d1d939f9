"""Calls the `epas` command for the parity checks."""

import os
import pathlib
import subprocess
import tempfile

import torch
from safetensors.torch import load_file


class Mismatch(Exception):
    """A comparison that failed, with what was expected and what came."""


class Epas:
    """The command at a path; compiled programs stay in a folder that the caller removes."""

    def __init__(self, command: pathlib.Path, cache: pathlib.Path):
        self.command = command
        self.cache = cache

    def run(self, *arguments) -> str:
        """Runs the command and returns its output; its errors become the mismatch."""
        command = [str(part) for part in (self.command, *arguments)]
        environment = os.environ | {"XDG_CACHE_HOME": str(self.cache)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise Mismatch(
                f"epas {arguments[0]} exits with {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout

    def inspected(
        self, folder: pathlib.Path, tokens: torch.Tensor, share: str, gradients: bool
    ) -> dict[str, torch.Tensor]:
        """What `epas inspect` writes in float32."""
        with tempfile.TemporaryDirectory() as scratch:
            output = pathlib.Path(scratch, "inspected.safetensors")
            rows = ";".join(",".join(str(token) for token in row) for row in tokens.tolist())
            options = ["--tokens", rows, "--dtype", "float32", "--output", output]
            options += ["--share", share] if share else []
            options += ["--gradients"] if gradients else []
            self.run("inspect", folder, *options)
            return load_file(output)
