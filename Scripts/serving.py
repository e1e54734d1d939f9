"""Runs `epas serve` for the scripts that talk to it."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time


class Server:
    """A server on a free port of 127.0.0.1, ended at the end of a `with` block."""

    def __init__(
        self, epas: pathlib.Path, folder: pathlib.Path, *options: str,
        cache: pathlib.Path | None = None, keys: str = "",
    ):  # fmt: skip
        self.command = [str(epas), "serve", str(folder), "--port", "0", *map(str, options)]
        self.environment = os.environ | {"EPAS_API_KEYS": keys}
        if cache is not None:
            self.environment["XDG_CACHE_HOME"] = str(cache)

    def __enter__(self) -> "Server":
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self.errors, env=self.environment,
        )  # fmt: skip
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            found = re.search(r"on http://127\.0\.0\.1:(\d+)", self.said())
            if found:
                self.port = int(found[1])
                self.url = f"http://127.0.0.1:{self.port}"
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        said = self.said()
        self.__exit__(None, None, None)
        raise RuntimeError(f"epas serve does not listen: {said}")

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        self.process.kill()
        self.process.wait()
        self.errors.close()

    def said(self) -> str:
        """What the server has written to standard error."""
        self.errors.seek(0)
        text = self.errors.read()
        self.errors.seek(0, os.SEEK_END)
        return text

    def resident_bytes(self) -> int:
        """The memory that the server has now."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
