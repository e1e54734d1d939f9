"""Compares `epas serve`, as lm-evaluation-harness and the openai client use it, with transformers.

    parity_server.py [--items N] [--seed N] [--epas FILE]

A model that `epas` trains here for a few steps, with a region of layers that share query and key,
served at three region lengths by the model's alias. Each length is also exported with `epas export`
and run by the harness's `--model hf` with trust_remote_code. Tasks are made from the documentation
in this Python's sources: multiple choice, last words, whole texts and generation.

`local-completions` is run one request after another, several at once, and several prompts a
request: accuracies, standard errors and generated texts must be equal to `--model hf`, perplexities
to BOUND of parity_evaluation.py, and the three ways to one another exactly. `epas evaluate --tasks`
must give the same. The harness's interface to servers scores windows of two tokens fewer than it is
told, so `--model hf` is told two fewer.

`local-chat-completions` renders nothing itself: texts generated from messages must be equal to those
of `--model hf` with the same chat template.

Then the openai client: completions, chat, streams, n, stop, log-probabilities, usage, errors.
"""

import json
import pathlib
import random
import sys
import time

from parity_evaluation import (
    LENGTH,
    Comparison,
    Epas,
    Workplace,
    define_task,
    documentation,
    harness,
    harness_model,
    quiet,
    train,
    write_lines,
    write_tasks,
)
from serving import Server

LENGTHS = [0, 1, 2]
# The longest sequence that the harness asks for; see above.
WINDOW = LENGTH - 2
CHAT_TEMPLATE = """
{%- for message in messages -%}
{{ '[' + message['role'] + ']\\n' + message['content'] | trim + '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '[assistant]\\n' }}{%- endif -%}
""".strip()


def write_generation(folder: pathlib.Path, items: int, draw: random.Random) -> list[str]:
    """Adds tasks that continue texts; returns their names."""
    texts = documentation()
    records = []
    for _ in range(items):
        words = draw.choice(texts).split()
        records.append({"text": " ".join(words[: draw.randint(2, 7)]), "next": words[7]})
    write_lines(folder / "generation.jsonl", records)
    for name, until in [("generation", ["\n", " the"]), ("long", [])]:
        define_task(
            folder, name, "generation.jsonl", "generate_until", ["exact_match"],
            doc_to_text="{{text}}", doc_to_target="{{next}}",
            generation_kwargs={"until": until, "max_gen_toks": 24, "do_sample": False},
        )  # fmt: skip
    return ["generation", "long"]


def texts_of(figures: dict, tasks: list[str]) -> list[list]:
    """What was generated for each item, by the item."""
    return [
        [sample["resps"] for sample in sorted(figures[task]["samples"], key=lambda s: s["doc_id"])]
        for task in tasks
    ]


def served(kind: str, url: str, tokenizer: pathlib.Path, model: str, **options):
    """The harness's `--model local-completions` or `--model local-chat-completions`."""
    from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI

    path, create = {
        "completions": ("/v1/completions", LocalCompletionsAPI),
        "chat": ("/v1/chat/completions", LocalChatCompletion),
    }[kind]
    with quiet():
        return create(
            base_url=url + path, model=model, tokenizer=str(tokenizer),
            tokenizer_backend="huggingface", add_bos_token=True, max_length=LENGTH,
            max_retries=10, **options,
        )  # fmt: skip


class Checks:
    """Things that must hold, counted."""

    def __init__(self):
        self.made, self.failed = 0, 0

    def expect(self, condition: bool, sentence: str) -> None:
        self.made += 1
        if not condition:
            self.failed += 1
            print(f"  FAILED: {sentence}", flush=True)


def compare_harness(
    server: Server, epas: Epas, folder: pathlib.Path, tasks: pathlib.Path, names: list[str],
    generations: list[str], checks: Checks, comparison: Comparison,
) -> None:  # fmt: skip
    scored = [name for name in names if name not in generations]
    output = epas(
        "evaluate", folder, "--tasks", tasks / "tasks.yaml", "--share",
        f"qk:{','.join(map(str, LENGTHS))}", "--sequence", WINDOW, "--no-speed", "--json",
    )  # fmt: skip
    own = [json.loads(line) for line in output.splitlines()]
    ways = {
        "one after another": {"num_concurrent": 1, "batch_size": 1},
        "eight at once": {"num_concurrent": 8, "batch_size": 1},
        "four times five at once": {"num_concurrent": 4, "batch_size": 5},
    }
    for length in LENGTHS:
        start = time.monotonic()
        exported = epas.scratch / f"exported-{length}"
        epas("export", folder, "--output", exported, "--share", f"qk:{length}")
        (exported / "chat_template.jinja").write_text(CHAT_TEMPLATE)
        model = harness_model(exported, batch_size=1, max_length=WINDOW)
        theirs = harness(model, tasks, names)
        expected = texts_of(theirs, generations)
        hf_seconds = time.monotonic() - start
        name, first, seconds = f"parity@share={length}", None, []
        for way, options in ways.items():
            start = time.monotonic()
            api = served("completions", server.url, exported, name, **options)
            ours = harness(api, tasks, names)
            seconds.append(time.monotonic() - start)
            for task in names:
                comparison.compare(f"share {length}, {way}, {task}", ours[task], theirs[task])
            actual = texts_of(ours, generations)
            for task, made, wanted in zip(generations, actual, expected, strict=True):
                different = sum(a != b for a, b in zip(made, wanted, strict=True))
                checks.expect(
                    different == 0,
                    f"share {length}, {way}, {task}: {different} of {len(wanted)} texts differ",
                )
            figures = {
                task: [sample["resps"] for sample in ours[task]["samples"]] for task in names
            }
            first = first or figures
            checks.expect(
                figures == first, f"share {length}: {way} gives other values than one by one"
            )
        for task in scored:
            [row] = [r for r in own if r["task"] == task and r["sharing_layers"] == length]
            comparison.compare(f"share {length}, epas evaluate, {task}", row, theirs[task])

        chat = served("chat", server.url, exported, name, num_concurrent=4)
        # The template ends what is said; the harness must not add a token that begins it.
        model.add_bos_token = False
        options = {"apply_chat_template": True}
        wanted = texts_of(harness(model, tasks, generations, **options), generations)
        made = texts_of(harness(chat, tasks, generations, **options), generations)
        for task, ours_made, theirs_made in zip(generations, made, wanted, strict=True):
            different = sum(a != b for a, b in zip(ours_made, theirs_made, strict=True))
            checks.expect(
                different == 0,
                f"share {length}, chat, {task}: {different} of {len(theirs_made)} texts differ",
            )
        print(
            f"  share {length}: --model hf {hf_seconds:.1f} s, the server"
            f" {', '.join(f'{value:.1f}' for value in seconds)} s",
            flush=True,
        )


def check_client(server: Server, key: str, checks: Checks) -> None:
    """The openai client's view."""
    import openai

    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)
    expect = checks.expect
    names = [model.id for model in client.models.list()]
    expect(names[0] == "parity", f"the models begin with {names[:1]}")
    expect(set(names[1:]) == {f"parity@share={n}" for n in range(3)}, f"the models are {names}")
    expect(client.models.retrieve("parity@share=1").id == "parity@share=1", "one model")

    ask = {"model": "parity@share=1", "prompt": "Return the", "max_tokens": 12, "temperature": 0}
    whole = client.completions.create(**ask)
    text = whole.choices[0].text
    expect(whole.object == "text_completion" and whole.id.startswith("cmpl-"), "the answer's kind")
    expect(whole.usage.completion_tokens == 12, f"usage is {whole.usage}")
    expect(whole.usage.total_tokens == whole.usage.prompt_tokens + 12, f"usage is {whole.usage}")
    expect(whole.choices[0].finish_reason == "length", "the reason is length")
    expect(whole.sharing_layers == 1, "the answer says the region length")
    chunks = list(client.completions.create(**ask, stream=True))
    expect("".join(c.choices[0].text for c in chunks) == text, "a stream makes the same text")
    expect(len({chunk.id for chunk in chunks}) == 1 and chunks[0].id != "", "one id per stream")
    chunks = list(
        client.completions.create(**ask, stream=True, stream_options={"include_usage": True})
    )
    expect(chunks[-1].choices == [], "the last chunk has no choices")
    expect(chunks[-1].usage.completion_tokens == 12, "the last chunk has the usage")
    expect(all(chunk.usage is None for chunk in chunks[:-1]), "the others have no usage")
    body = client.completions.create(**ask | {"model": "parity"}, extra_body={"sharing_layers": 1})
    expect(body.choices[0].text == text, "the field sharing_layers means the same")
    header = client.completions.create(
        **ask | {"model": "parity"}, extra_headers={"X-EPAS-Sharing-Layers": "1"}
    )
    expect(header.choices[0].text == text, "the header means the same")

    several = client.completions.create(**ask | {"temperature": 1.0}, n=3, seed=5)
    again = client.completions.create(**ask | {"temperature": 1.0}, n=3, seed=5)
    expect([c.index for c in several.choices] == [0, 1, 2], "n texts in order")
    expect(
        [c.text for c in several.choices] == [c.text for c in again.choices],
        "a seed makes the same texts",
    )
    expect(len({c.text for c in several.choices}) > 1, "the texts of n differ")
    prompts = ["Return", "The file", "Raise an"]
    batch = client.completions.create(**ask | {"prompt": prompts})
    alone = [client.completions.create(**ask | {"prompt": p}).choices[0].text for p in prompts]
    expect([choice.text for choice in batch.choices] == alone, "several prompts as each alone")
    stop = text[3:5]
    stopped = client.completions.create(**ask, stop=[stop, "never there"])
    expect(stopped.choices[0].text == text[: text.index(stop)], "text ends before a stop string")
    expect(stopped.choices[0].finish_reason == "stop", "the reason is stop")
    scores = client.completions.create(**ask, logprobs=3, echo=True).choices[0].logprobs
    expect(scores.token_logprobs[0] is None, "the first token has no score")
    expect(all(value <= 0 for value in scores.token_logprobs[1:]), "scores are log-probabilities")
    expect(all(len(top) in (3, 4) for top in scores.top_logprobs[1:]), "three alternatives")
    joined = "".join(scores.tokens[1:])
    expect(joined.strip() == ("Return the" + text).strip(), f"the tokens make {joined!r}")

    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    ask = {"model": "parity@share=2", "messages": messages, "max_tokens": 10, "temperature": 0}
    chat = client.chat.completions.create(**ask)
    text = chat.choices[0].message.content
    expect(chat.choices[0].message.role == "assistant", "the message is the assistant's")
    chunks = list(client.chat.completions.create(**ask, stream=True))
    expect(chunks[0].choices[0].delta.role == "assistant", "the first chunk has the role")
    expect(
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text,
        "a stream makes the same message",
    )
    expect(chunks[-1].choices[0].finish_reason == chat.choices[0].finish_reason, "same reason")
    scores = client.chat.completions.create(**ask, logprobs=True, top_logprobs=2)
    content = scores.choices[0].logprobs.content
    expect(len(content) == chat.usage.completion_tokens or len(content) == 10, "a score per token")
    expect(all(len(entry.top_logprobs) == 2 for entry in content), "two alternatives")
    expect(
        all(entry.logprob == entry.top_logprobs[0].logprob for entry in content),
        "the most likely tokens were chosen",
    )
    with client.chat.completions.create(**ask | {"max_tokens": 60}, stream=True) as stream:
        next(iter(stream))
    two = client.chat.completions.create(**ask, n=2)
    expect([c.message.content for c in two.choices] == [text, text], "n messages")
    raw = client.chat.completions.with_raw_response.create(**ask)
    expect(raw.headers["x-epas-sharing-layers"] == "2", "the header says the region length")
    expect(raw.parse().choices[0].message.content == text, "the raw answer is the same")

    def refused(error: type, make, code: str | None = None) -> None:
        try:
            make()
        except error as caught:
            message = caught.body["message"] if isinstance(caught.body, dict) else ""
            expect(message.endswith("."), f"{error.__name__} has no sentence: {caught}")
            expect(code is None or caught.code == code, f"{error.__name__} has code {caught.code}")
        except openai.OpenAIError as caught:
            expect(False, f"{type(caught).__name__} in place of {error.__name__}: {caught}")
        else:
            expect(False, f"nothing in place of {error.__name__}")

    create = client.completions.create
    refused(openai.NotFoundError, lambda: create(model="other", prompt="a"), "model_not_found")
    refused(openai.BadRequestError, lambda: create(model="parity", prompt="a", n=1000))
    refused(openai.BadRequestError, lambda: create(model="parity", prompt=[10**9]))
    refused(
        openai.BadRequestError, lambda: create(model="parity@share=1", prompt="a",
        extra_body={"sharing_layers": 2}), "sharing_conflict",
    )  # fmt: skip
    refused(
        openai.BadRequestError, lambda: create(model="parity", prompt="a " * 5000),
        "context_length_exceeded",
    )  # fmt: skip
    refused(
        openai.BadRequestError,
        lambda: client.chat.completions.create(model="parity", messages=[]),
    )
    stranger = openai.OpenAI(base_url=f"{server.url}/v1", api_key="guess", max_retries=0)
    refused(openai.AuthenticationError, lambda: stranger.models.list(), "invalid_api_key")


def check_retries(server: Server, key: str, checks: Checks) -> None:
    """The client's own retries get everybody through a queue that is too short."""
    import concurrent.futures

    import openai

    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=20)
    impatient = client.with_options(max_retries=0)

    def ask(chosen, number: int) -> str:
        return chosen.completions.create(
            model="parity", prompt=f"Return the {number}", max_tokens=40, temperature=0
        ).choices[0].text

    alone = [ask(client, number) for number in range(24)]
    with concurrent.futures.ThreadPoolExecutor(24) as threads:
        together = list(threads.map(lambda number: ask(client, number), range(24)))
        checks.expect(together == alone, "retried requests have other answers")

        def refusal(number: int) -> str | None:
            try:
                ask(impatient, number)
            except openai.RateLimitError as error:
                return error.response.headers.get("retry-after")
            return None

        waits = [wait for wait in threads.map(refusal, range(24)) if wait is not None]
        checks.expect(len(waits) > 0, "nobody was refused by a queue of two")
        checks.expect(all(int(wait) >= 1 for wait in waits), f"Retry-After is {waits[:3]}")


def main() -> None:
    checks, comparison = Checks(), Comparison()
    title = "the server against lm-evaluation-harness and the openai client"
    with Workplace.opened(__doc__, 40, title) as work:
        scratch, epas = work.scratch, work.epas
        tasks = scratch / "tasks"
        names = write_tasks(tasks, work.items, work.draw, wholes=work.items)
        names = [name for name in names if name != "target"]
        # The harness begins a text that spells its first token with that token once for
        # `--model hf`, twice for servers.
        lines = (tasks / "whole.jsonl").read_text(encoding="utf-8").splitlines()
        write_lines(
            tasks / "whole.jsonl",
            [json.loads(line) for line in lines if not json.loads(line)["text"].startswith("<s>")],
        )
        generations = write_generation(tasks, work.items, work.draw)
        folder = train(epas, scratch)
        (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
        common = ["--name", "parity", "--quiet", "--share", "qk:2"]
        cache = scratch / "cache"
        with Server(epas.file, folder, *common, cache=cache) as server:
            compare_harness(
                server, epas, folder, tasks, names + generations, generations, checks, comparison
            )
        with Server(epas.file, folder, *common, cache=cache, keys="spare,sesame") as server:
            check_client(server, "sesame", checks)
        few = [*common, "--slots", "2", "--queue", "2"]
        with Server(epas.file, folder, *few, cache=cache, keys="sesame") as server:
            check_retries(server, "sesame", checks)
    print(
        f"server: {comparison.compared} figures, {comparison.differences} differences, largest"
        f" relative difference {comparison.largest:.1e}; {checks.made} other checks,"
        f" {checks.failed} failed"
    )
    sys.exit(1 if comparison.differences or checks.failed else 0)


if __name__ == "__main__":
    main()
