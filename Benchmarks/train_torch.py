"""Times training steps of the same LLaMA shapes in PyTorch; prints one line of JSON.

    train_torch.py --model NAME [--batch N] [--sequence N] [--dtype float32|bfloat16] [--compile]
                   [--share SPEC] [--steps N] [--threads N]

What a PyTorch user would write for speed: scaled_dot_product_attention, autocast for bfloat16,
the fused AdamW, clip_grad_norm_. Weights and moments are float32.
"""

import json
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Scripts"))

from sharing import Sharing  # noqa: E402
from training_options import SHAPES, training_parser  # noqa: E402


class Layer(nn.Module):
    """A decoder layer; what it is handed of query, key and value it does not compute."""

    def __init__(self, width: int, heads: int, key_heads: int, feed_forward: int, handed: str):
        super().__init__()
        self.head = width // heads
        self.grouped = heads != key_heads
        keys = key_heads * self.head
        self.handed = handed
        self.attention_norm = nn.RMSNorm(width, eps=1e-5)
        self.query = None if "q" in handed else nn.Linear(width, width, bias=False)
        self.key = None if "k" in handed else nn.Linear(width, keys, bias=False)
        self.value = None if "v" in handed else nn.Linear(width, keys, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.feed_forward_norm = nn.RMSNorm(width, eps=1e-5)
        self.gate = nn.Linear(width, feed_forward, bias=False)
        self.up = nn.Linear(width, feed_forward, bias=False)
        self.down = nn.Linear(feed_forward, width, bias=False)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (-1, self.head)).transpose(1, 2)

    def forward(self, x, rotation, donor):
        z = self.attention_norm(x)
        q = donor[0] if self.query is None else rotated(self.split(self.query(z)), *rotation)
        k = donor[1] if self.key is None else rotated(self.split(self.key(z)), *rotation)
        v = donor[2] if self.value is None else self.split(self.value(z))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.grouped)
        x = x + self.output(mixed.transpose(1, 2).flatten(-2))
        z = self.feed_forward_norm(x)
        return x + self.down(F.silu(self.gate(z)) * self.up(z)), (q, k, v)


def rotated(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.to(x.dtype)


class Model(nn.Module):
    def __init__(self, name: str, sequence: int, share: str):
        super().__init__()
        layers, width, heads, key_heads, feed_forward, vocabulary = SHAPES[name]
        sharing = Sharing.parse(share, layers)
        self.source = sharing.source
        handed = "kv" if sharing.kind == "kv" else "qk"
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(
            Layer(width, heads, key_heads, feed_forward, handed if i in self.source else "")
            for i in range(layers)
        )
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.head = nn.Linear(width, vocabulary, bias=False)
        half = width // heads // 2
        angle = torch.outer(torch.arange(sequence), 10000.0 ** -(torch.arange(half) / half))
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The mean next-token loss of [B, T+1] tokens."""
        x = self.embedding(tokens[:, :-1])
        attended = {}
        for i, layer in enumerate(self.layers):
            donor = attended.get(self.source.get(i))
            x, attended[i] = layer(x, (self.cos, self.sin), donor)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())


def main() -> None:
    parser = training_parser(__doc__)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    model = Model(arguments.model, arguments.sequence, arguments.share)
    matrices = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(
        groups, lr=3e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True
    )
    vocabulary = model.embedding.num_embeddings
    tokens = torch.randint(0, vocabulary, (arguments.batch, arguments.sequence + 1))
    compute = torch.compile(model) if arguments.compile else model
    times = []
    for _ in range(arguments.steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.dtype == "bfloat16"):
            loss = compute(tokens)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss = loss.item()
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[2:])
    result = {
        "model": arguments.model, "batch": arguments.batch, "sequence": arguments.sequence,
        "dtype": arguments.dtype, "share": arguments.share or "none", "loss": loss,
        "compiled": arguments.compile, "threads": torch.get_num_threads(),
        "seconds_per_step": seconds,
        "tokens_per_second": arguments.batch * arguments.sequence / seconds,
        "compile_seconds": times[0] if arguments.compile else 0.0, "torch": torch.__version__,
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
