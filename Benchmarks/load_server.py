"""Loads a running `epas serve` and checks what it answers.

    load_server.py FOLDER [--epas FILE] [--options "..."] [--requests N] [--clients N]
                   [--disconnects N] [--drips N] [--minutes M] [--seed N] [--json]

FOLDER is a checkpoint. The server is started on a free port and ended at the end. In order:

identity     N requests of mixed prompts, lengths, region lengths and sampling settings, by one
             client at a time to learn the answers, then by many clients that stream: every answer
             must come, once, and be the same text for the same reason.
disconnects  Clients that go at a random moment: no slot may be taken 250 ms after the last one
             went.
drips        Connections that send a byte of a request now and then: a normal client must be
             answered within a second meanwhile.
soak         Minutes of load, with disconnects and bad requests among it: the server's memory may
             not grow from the first third to the end by more than 5 percent.

Only the standard library is needed.
"""

import argparse
import asyncio
import dataclasses
import json
import pathlib
import random
import statistics
import sys
import time

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PACKAGE / "Scripts"))

from serving import Server  # noqa: E402

WORDS = """the of and to in is that for it as with on be by this are from or an not return value
def class self if else import None True raise file name list type object call data test""".split()


@dataclasses.dataclass
class Answer:
    status: int = 0
    # By choice: its text and why it ended.
    texts: dict[int, str] = dataclasses.field(default_factory=dict)
    reasons: dict[int, str] = dataclasses.field(default_factory=dict)
    sharing: int | None = None
    ends: int = 0
    # Seconds from the request to each chunk with text.
    times: list[float] = dataclasses.field(default_factory=list)
    tokens: int = 0

    def content(self):
        return (self.status, self.texts, self.reasons, self.sharing, self.tokens)


class Connection:
    """An HTTP/1.1 connection that is kept for several requests."""

    def __init__(self, port: int):
        self.port = port
        self.reader = self.writer = None

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
            self.writer = None

    async def send(self, method: str, path: str, body: bytes = b"") -> None:
        if self.writer is None or self.writer.is_closing():
            await self.open()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if method == "POST":
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        status = int((await self.reader.readuntil(b"\r\n")).split()[1])
        fields = {}
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode().partition(":")
            fields[name.strip().lower()] = value.strip()
        return status, fields

    async def parts(self, fields: dict[str, str]):
        """The body, in the pieces in which it was sent."""
        if fields.get("transfer-encoding") == "chunked":
            while True:
                size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
                part = await self.reader.readexactly(size + 2)
                if size == 0:
                    return
                yield part[:-2]
        elif length := int(fields.get("content-length", 0)):
            yield await self.reader.readexactly(length)

    async def ask(self, body: dict) -> Answer:
        """Sends a completion request and reads its answer, streamed or whole."""
        start = time.monotonic()
        await self.send("POST", "/v1/completions", json.dumps(body).encode())
        answer = Answer()
        answer.status, fields = await self.head()
        answer.sharing = int(fields.get("x-epas-sharing-layers", -1))
        pending = b""
        async for part in self.parts(fields):
            if not body.get("stream") or answer.status != 200:
                pending += part
                continue
            *events, pending = (pending + part).split(b"\n\n")
            for event in events:
                if event == b"data: [DONE]":
                    answer.ends += 1
                    continue
                self.read(json.loads(event.removeprefix(b"data: ")), answer, start)
        if not body.get("stream") and answer.status == 200:
            self.read(json.loads(pending), answer, start)
            answer.ends = 1
        return answer

    @staticmethod
    def read(chunk: dict, answer: Answer, start: float) -> None:
        if chunk.get("usage"):
            answer.tokens = chunk["usage"]["completion_tokens"]
        for choice in chunk["choices"]:
            index = choice["index"]
            answer.texts[index] = answer.texts.get(index, "") + choice["text"]
            if choice["text"]:
                answer.times.append(time.monotonic() - start)
            if choice["finish_reason"]:
                answer.reasons[index] = choice["finish_reason"]

    async def get(self, path: str) -> bytes:
        await self.send("GET", path)
        _, fields = await self.head()
        return b"".join([part async for part in self.parts(fields)])


async def gauges(port: int) -> dict[str, float]:
    """What /metrics says, histograms left out."""
    connection = Connection(port)
    text = (await connection.get("/metrics")).decode()
    connection.close()
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines if "{" not in name}


def make_requests(count: int, longest: int, most: int, draw: random.Random) -> list[dict]:
    """Requests of every kind; equal seeds draw equal ones."""
    beginnings = [" ".join(draw.choices(WORDS, k=draw.randint(20, 60))) for _ in range(8)]
    requests = []
    for _ in range(count):
        tokens = draw.choice([1, 4, 16, 16, 32, 64])
        words = draw.choices(WORDS, k=draw.randint(1, max(2, (longest - tokens) // 4)))
        text = " ".join(words)
        # Some share a beginning, as chats with one system message do.
        if draw.random() < 0.3:
            text = f"{draw.choice(beginnings)} {' '.join(words[:20])}"
        request = {
            "prompt": text, "max_tokens": min(tokens, longest // 4),
            "sharing_layers": draw.randint(0, most), "seed": draw.randint(0, 1 << 30),
            "temperature": draw.choice([0, 0, 0.7, 1.0]),
        }  # fmt: skip
        if draw.random() < 0.2:
            request |= {"top_p": 0.9, "top_k": 40}
        if draw.random() < 0.1:
            request |= {"n": 2}
        if draw.random() < 0.1:
            request |= {"stop": [draw.choice(["e", "\n", " the"])]}
        if draw.random() < 0.1:
            request |= {"logprobs": 2, "frequency_penalty": 0.5}
        requests.append(request)
    return requests


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def ask_all(port: int, requests: list[dict], clients: int) -> list[Answer]:
    answers: list[Answer | None] = [None] * len(requests)
    numbers = iter(range(len(requests)))

    async def client() -> None:
        connection = Connection(port)
        for number in numbers:
            answers[number] = await connection.ask(requests[number])
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return answers


async def identity(port: int, requests: list[dict], clients: int) -> dict:
    usage = {"stream_options": {"include_usage": True}, "stream": True}
    alone = await ask_all(port, requests, 1)
    start = time.monotonic()
    together = await ask_all(port, [request | usage for request in requests], clients)
    seconds = time.monotonic() - start
    lost = sum(answer is None or answer.ends == 0 for answer in together)
    doubled = sum(answer is not None and answer.ends > 1 for answer in together)
    failed = sum(answer.status != 200 for answer in alone)
    different = sum(a.content() != b.content() for a, b in zip(alone, together, strict=True))
    first = [answer.times[0] for answer in together if answer.times]
    between = [
        after - before
        for answer in together
        for before, after in zip(answer.times, answer.times[1:], strict=False)
        if len(answer.texts) == 1
    ]
    return {
        "requests": len(requests), "clients": clients, "lost": lost, "doubled": doubled,
        "failed": failed, "different": different, "seconds": seconds,
        "tokens_per_second": sum(answer.tokens for answer in together) / seconds,
        "requests_per_second": len(requests) / seconds,
        "first_token_seconds_p50": quantile(first, 0.5),
        "first_token_seconds_p99": quantile(first, 0.99),
        "between_tokens_seconds_p50": quantile(between, 0.5),
        "between_tokens_seconds_p99": quantile(between, 0.99),
        "holds": lost + doubled + failed + different == 0,
    }  # fmt: skip


async def leave(port: int, request: dict, seconds: float) -> None:
    """Asks, and goes after some time."""
    connection = Connection(port)
    asking = asyncio.create_task(connection.ask(request))
    await asyncio.wait([asking], timeout=seconds)
    asking.cancel()
    await asyncio.wait([asking])
    connection.close()


async def disconnects(port: int, requests: list[dict], count: int, draw: random.Random) -> dict:
    before = await gauges(port)
    number = 0
    while number < count:
        batch = [
            leave(port, draw.choice(requests) | {"stream": draw.random() < 0.7},
                  draw.expovariate(10))
            for _ in range(min(50, count - number))
        ]  # fmt: skip
        await asyncio.gather(*batch)
        number += len(batch)
    start = time.monotonic()
    while True:
        now = await gauges(port)
        seconds = time.monotonic() - start
        if now["epas_running"] + now["epas_waiting"] == 0 or seconds > 30:
            break
        await asyncio.sleep(0.005)
    return {
        "disconnects": count, "seconds_until_free": seconds,
        "cancelled": now["epas_cancelled_total"] - before["epas_cancelled_total"],
        "blocks_used": now["epas_cache_blocks_used"],
        "holds": seconds <= 0.25 and now["epas_cache_blocks_used"] == 0,
    }  # fmt: skip


async def drips(port: int, request: dict, count: int) -> dict:
    body = json.dumps(request | {"max_tokens": 1}).encode()
    head = b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    whole = head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    stopped = asyncio.Event()
    opened = 0

    async def drip(number: int) -> None:
        nonlocal opened
        # Half of them drip in the headers, the others in the body.
        sent = 20 if number % 2 else len(whole) - len(body) + 4
        while not stopped.is_set():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                opened += 1
                writer.write(whole[:sent])
                position = sent
                while not stopped.is_set() and not writer.is_closing():
                    await asyncio.sleep(0.5)
                    # Never the last byte: the request must not become whole.
                    if position < len(whole) - 1:
                        writer.write(whole[position : position + 1])
                        await writer.drain()
                        position += 1
                writer.transport.abort()
            except OSError:
                await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(drip(number)) for number in range(count)]
    await asyncio.sleep(2)
    times = []
    for _ in range(40):
        connection = Connection(port)
        start = time.monotonic()
        answer = await connection.ask(request | {"max_tokens": 8})
        times.append(time.monotonic() - start)
        connection.close()
        if answer.status != 200:
            times.append(float("inf"))
        await asyncio.sleep(0.3)
    connections = (await gauges(port))["epas_connections"]
    stopped.set()
    await asyncio.gather(*tasks)
    return {
        "drips": count, "opened": opened, "connections": connections,
        "normal_seconds_median": statistics.median(times), "normal_seconds_worst": max(times),
        "holds": max(times) < 1,
    }  # fmt: skip


async def soak(
    server: Server, requests: list[dict], clients: int, minutes: float, draw: random.Random
) -> dict:
    end = time.monotonic() + minutes * 60
    done = failed = 0
    memory: list[tuple[float, int]] = []

    async def client() -> None:
        nonlocal done, failed
        connection = Connection(server.port)
        while time.monotonic() < end:
            kind = draw.random()
            request = draw.choice(requests) | {"stream": draw.random() < 0.7}
            if kind < 0.05:
                await leave(server.port, request, draw.expovariate(5))
            elif kind < 0.1:
                answer = await connection.ask(request | {"temperature": -1})
                failed += answer.status != 400
            else:
                answer = await connection.ask(request)
                failed += answer.status != 200 or answer.ends != 1
                done += 1
        connection.close()

    async def watch() -> None:
        while time.monotonic() < end:
            memory.append((time.monotonic(), server.resident_bytes()))
            await asyncio.sleep(1)

    await asyncio.gather(watch(), *(client() for _ in range(clients)))
    values = [value for _, value in memory]
    third = max(1, len(values) // 3)
    first, last = statistics.median(values[third : 2 * third] or values), statistics.median(
        values[-third:]
    )
    return {
        "minutes": minutes, "answers": done, "failed": failed,
        "resident_mib_start": values[0] / 2**20, "resident_mib_middle": first / 2**20,
        "resident_mib_end": last / 2**20, "resident_mib_most": max(values) / 2**20,
        "holds": failed == 0 and last <= first * 1.05,
    }  # fmt: skip


async def load(server: Server, options: argparse.Namespace) -> list[dict]:
    draw = random.Random(options.seed)
    connection = Connection(server.port)
    [model, *_] = json.loads(await connection.get("/v1/models"))["data"]
    connection.close()
    most, longest = model["max_sharing_layers"], model["max_model_len"]
    requests = make_requests(max(options.requests, 200), longest, most, draw)
    results = []

    def report(name: str, result: dict) -> None:
        results.append({"check": name} | result)
        if options.json:
            print(json.dumps(results[-1]), flush=True)
        else:
            text = ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in result.items()
            )
            print(f"{name}: {text}", flush=True)

    if options.requests:
        some = requests[: options.requests]
        report("identity", await identity(server.port, some, options.clients))
    if options.disconnects:
        # Requests long enough to be left.
        long = [request | {"max_tokens": longest // 3} for request in requests]
        report("disconnects", await disconnects(server.port, long, options.disconnects, draw))
    if options.drips:
        report("drips", await drips(server.port, requests[0] | {"n": 1}, options.drips))
    if options.minutes:
        report("soak", await soak(server, requests, options.clients, options.minutes, draw))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--epas", type=pathlib.Path, default=PACKAGE / ".build/release/epas")
    parser.add_argument("--options", default="", help="further options of epas serve")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--disconnects", type=int, default=1000)
    parser.add_argument("--drips", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    options = parser.parse_args()
    with Server(options.epas, options.folder, "--quiet", *options.options.split()) as server:
        results = asyncio.run(load(server, options))
    sys.exit(0 if all(result["holds"] for result in results) else 1)


if __name__ == "__main__":
    main()
