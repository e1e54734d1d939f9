"""Times training steps of the same LLaMA shapes in JAX; prints one line of JSON.

    train_jax.py --model NAME [--batch N] [--sequence N] [--dtype float32|bfloat16]
                 [--share SPEC] [--steps N] [--threads N]

What a JAX user would write for speed: one jitted step whose state is donated,
jax.nn.dot_product_attention, weights cast to bfloat16 once a step. Weights and moments are
float32, norms, softmax and loss are computed in float32; AdamW clips the gradient's norm to 1.
"""

import functools
import json
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Scripts"))

from sharing import Sharing  # noqa: E402
from training_options import SHAPES, training_parser  # noqa: E402

BETA1, BETA2, EPSILON, DECAY, RATE, CLIP = 0.9, 0.95, 1e-8, 0.1, 3e-4, 1.0


def main() -> None:
    arguments = training_parser(__doc__).parse_args()
    os.environ["JAX_PLATFORMS"] = "cpu"
    if arguments.threads:
        # What XLA's CPU client reads when it is made, under its present and its former name.
        os.environ["PJRT_NPROC"] = os.environ["NPROC"] = str(arguments.threads)
    import jax
    import jax.numpy as jnp

    layers, width, heads, key_heads, feed_forward, vocabulary = SHAPES[arguments.model]
    sharing = Sharing.parse(arguments.share, layers)
    handed = "kv" if sharing.kind == "kv" else "qk"
    head = width // heads
    compute = jnp.dtype(arguments.dtype)

    def initial(key):
        """Weights by name: matrices [out, in], norms [D]."""
        shapes = {"embedding": (vocabulary, width), "head": (vocabulary, width)}
        for i in range(layers):
            own = {
                "q": (width, width), "k": (key_heads * head, width),
                "v": (key_heads * head, width), "o": (width, width),
                "gate": (feed_forward, width), "up": (feed_forward, width),
                "down": (width, feed_forward),
            }  # fmt: skip
            taken = handed if i in sharing.source else ""
            shapes |= {f"{i}.{name}": shape for name, shape in own.items() if name not in taken}
        keys = jax.random.split(key, len(shapes))
        weights = {
            name: 0.02 * jax.random.normal(key, shape)
            for (name, shape), key in zip(shapes.items(), keys)
        }
        norms = ["norm"] + [f"{i}.{name}" for i in range(layers) for name in ("norm1", "norm2")]
        return weights | {name: jnp.ones(width) for name in norms}

    angle = jnp.outer(
        jnp.arange(arguments.sequence), 10000.0 ** -(jnp.arange(head // 2) / (head // 2))
    )
    cos, sin = jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]

    def normed(x, weight):
        wide = x.astype(jnp.float32)
        scale = jax.lax.rsqrt((wide * wide).mean(-1, keepdims=True) + 1e-5)
        return (wide * scale * weight).astype(x.dtype)

    def rotated(x):
        first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
        turned = (first * cos - second * sin, second * cos + first * sin)
        return jnp.concatenate(turned, axis=-1).astype(x.dtype)

    def mean_loss(weights, tokens):
        """The mean next-token loss of [B, T+1] tokens."""
        w = {n: x.astype(compute) if x.ndim == 2 else x for n, x in weights.items()}

        def split(z, name):
            return (z @ w[name].T).reshape(*z.shape[:2], -1, head)

        x = w["embedding"][tokens[:, :-1]]
        attended = {}
        for i in range(layers):
            z = normed(x, w[f"{i}.norm1"])
            donor = attended.get(sharing.source.get(i))
            taken = handed if donor else ""
            q = donor[0] if "q" in taken else rotated(split(z, f"{i}.q"))
            k = donor[1] if "k" in taken else rotated(split(z, f"{i}.k"))
            v = donor[2] if "v" in taken else split(z, f"{i}.v")
            attended[i] = (q, k, v)
            mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True)
            x = x + mixed.reshape(x.shape) @ w[f"{i}.o"].T
            z = normed(x, w[f"{i}.norm2"])
            gate = jax.nn.silu(z @ w[f"{i}.gate"].T)
            x = x + (gate * (z @ w[f"{i}.up"].T)) @ w[f"{i}.down"].T
        logits = jnp.einsum(
            "btd,vd->btv", normed(x, w["norm"]), w["head"], preferred_element_type=jnp.float32
        )
        chosen = jnp.take_along_axis(logits, tokens[:, 1:, None], axis=-1)[..., 0]
        return (jax.nn.logsumexp(logits, axis=-1) - chosen).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(weights, first, second, count, tokens):
        loss, gradients = jax.value_and_grad(mean_loss)(weights, tokens)
        norm = jnp.sqrt(sum((g * g).sum() for g in gradients.values()))
        scale = jnp.minimum(1.0, CLIP / (norm + 1e-6))

        def updated(name):
            g = gradients[name] * scale
            m = BETA1 * first[name] + (1 - BETA1) * g
            s = BETA2 * second[name] + (1 - BETA2) * g * g
            change = m / (1 - BETA1**count) / (jnp.sqrt(s / (1 - BETA2**count)) + EPSILON)
            decay = DECAY * weights[name] if weights[name].ndim == 2 else 0.0
            return weights[name] - RATE * (change + decay), m, s

        new = {name: updated(name) for name in weights}
        return tuple({name: x[part] for name, x in new.items()} for part in range(3)) + (loss,)

    weights = initial(jax.random.key(1))
    first = {name: jnp.zeros_like(x) for name, x in weights.items()}
    second = {name: jnp.zeros_like(x) for name, x in weights.items()}
    tokens = jax.random.randint(
        jax.random.key(2), (arguments.batch, arguments.sequence + 1), 0, vocabulary
    )
    times = []
    for count in range(1, arguments.steps + 3):
        start = time.perf_counter()
        weights, first, second, loss = step(weights, first, second, float(count), tokens)
        loss = jax.block_until_ready((weights, first, second, loss))[-1].item()
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[2:])
    result = {
        "model": arguments.model, "batch": arguments.batch, "sequence": arguments.sequence,
        "dtype": arguments.dtype, "share": arguments.share or "none", "loss": loss,
        "threads": arguments.threads or os.cpu_count(), "seconds_per_step": seconds,
        "tokens_per_second": arguments.batch * arguments.sequence / seconds,
        "compile_seconds": times[0], "jax": jax.__version__,
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
