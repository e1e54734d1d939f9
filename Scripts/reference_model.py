"""LLaMA with activation sharing between layers, in PyTorch: the reference of the parity checks.

It shares no code with the Swift sources and favours plainness over speed: attention is written
out as scores, softmax and weighted sum, and every step runs in the type of the weights, so that
float64 weights give a float64 reference throughout.

Sharing follows section 2.1 of the EPAS paper. A layer that shares `qk` attends with the query and
key of its source layer and computes its own value; a layer that shares `kv` attends with the key
and value of its source and computes its own query. What is shared is taken after the rotary
embedding. `scores` is another way to execute `qk` and is the same function.

    reference_model.py DIR OUT.safetensors --tokens "1,2,3;4,5,6" [--share SPEC] [--dtype float64]

DIR is a Hugging Face LLaMA folder. SPEC is `KIND:N`, the last N layers reuse the layer before
them, or `KIND:a<b,c<d`, layer a reuses layer b and layer c reuses layer d.

Dimensions: B batch, T sequence, D width, N query heads, K key heads, H head, V vocabulary.
"""

import argparse
import json
import math
import pathlib

import torch
from safetensors.torch import load_file, save_file

from sharing import Sharing


class ReferenceModel:
    """A LLaMA decoder over weights that carry their Hugging Face names."""

    def __init__(self, config: dict, weights: dict[str, torch.Tensor]):
        self.weights = weights
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.key_heads = config.get("num_key_value_heads") or self.heads
        self.head = config.get("head_dim") or config["hidden_size"] // self.heads
        self.epsilon = config.get("rms_norm_eps", 1e-6)
        rope = config.get("rope_parameters") or {}
        self.theta = config.get("rope_theta") or rope.get("rope_theta") or 10000.0
        self.scaling = config.get("rope_scaling") or rope
        self.tied = config.get("tie_word_embeddings", False)

    @staticmethod
    def load(folder: pathlib.Path, dtype: torch.dtype) -> "ReferenceModel":
        """Reads a Hugging Face folder; the weights are leaves that gather gradients."""
        config = json.loads((folder / "config.json").read_text())
        weights = {}
        for file in sorted(folder.glob("model*.safetensors")):
            weights.update(load_file(file))
        return ReferenceModel(
            config, {name: w.to(dtype).requires_grad_() for name, w in weights.items()}
        )

    def normalized(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """RMS normalization with the weight of that name."""
        mean_square = (x * x).mean(dim=-1, keepdim=True)
        return self.weights[name] * (x / torch.sqrt(mean_square + self.epsilon))

    def projected(self, x: torch.Tensor, name: str) -> torch.Tensor:
        product = x @ self.weights[name].T
        bias = self.weights.get(name.removesuffix("weight") + "bias")
        return product if bias is None else product + bias

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """[B, T, heads * H] -> [B, heads, T, H]"""
        return x.unflatten(-1, (-1, self.head)).transpose(1, 2)

    def rotated(self, x: torch.Tensor) -> torch.Tensor:
        """Rotary embedding in Hugging Face's layout: element i turns with element i + H/2."""
        half = self.head // 2
        exponent = torch.arange(half, dtype=torch.float64) * (2.0 / self.head)
        positions = torch.arange(x.shape[2], dtype=torch.float64)
        angle = torch.outer(positions, self.scaled(self.theta**-exponent))
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        first, second = x[..., :half], x[..., half:]
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)

    def scaled(self, frequencies: torch.Tensor) -> torch.Tensor:
        """The frequencies, in radians per position, after the scaling of config.json.

        `llama3` is given by two waves, counted over the original context: what turns fewer times
        than `low_freq_factor` is slowed by the factor, what turns more often than
        `high_freq_factor` is kept, and the slowing goes linearly from one to the other between.
        """
        kind = self.scaling.get("rope_type") or self.scaling.get("type") or "default"
        if kind == "default":
            return frequencies
        slowed = frequencies / self.scaling["factor"]
        if kind == "linear":
            return slowed
        if kind != "llama3":
            raise ValueError(f"rope_type {kind!r} is not one of default, linear, llama3.")
        low, high = self.scaling["low_freq_factor"], self.scaling["high_freq_factor"]
        turns = self.scaling["original_max_position_embeddings"] * frequencies / (2 * math.pi)
        kept = ((turns - low) / (high - low)).clamp(0, 1)
        return kept * frequencies + (1 - kept) * slowed

    def attention(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Causal attention; each key head serves N / K consecutive query heads."""
        group = self.heads // self.key_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.head)
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(diagonal=1)
        weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
        return (weights @ v).transpose(1, 2).flatten(-2)

    def forward(
        self, tokens: torch.Tensor, sharing: Sharing
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Returns the logits [B, T, V] and the residual stream [B, T, D] after each layer."""
        x = self.weights["model.embed_tokens.weight"][tokens]
        attended, outputs = {}, []
        for layer in range(self.layers):
            prefix = f"model.layers.{layer}."
            attention, feed_forward = prefix + "self_attn.", prefix + "mlp."
            z = self.normalized(x, prefix + "input_layernorm.weight")
            donor = attended.get(sharing.source.get(layer))
            shares_query = donor is not None and sharing.kind != "kv"
            shares_value = donor is not None and sharing.kind == "kv"
            q = (
                donor[0]
                if shares_query
                else self.rotated(self.split(self.projected(z, attention + "q_proj.weight")))
            )
            k = (
                donor[1]
                if donor is not None
                else self.rotated(self.split(self.projected(z, attention + "k_proj.weight")))
            )
            v = (
                donor[2]
                if shares_value
                else self.split(self.projected(z, attention + "v_proj.weight"))
            )
            attended[layer] = (q, k, v)
            x = x + self.projected(self.attention(q, k, v), attention + "o_proj.weight")
            z = self.normalized(x, prefix + "post_attention_layernorm.weight")
            gate = self.projected(z, feed_forward + "gate_proj.weight")
            up = self.projected(z, feed_forward + "up_proj.weight")
            silu = gate * torch.sigmoid(gate)
            x = x + self.projected(silu * up, feed_forward + "down_proj.weight")
            outputs.append(x)
        head = "model.embed_tokens.weight" if self.tied else "lm_head.weight"
        return self.projected(self.normalized(x, "model.norm.weight"), head), outputs

    def evaluated(self, tokens: torch.Tensor, sharing: Sharing) -> dict[str, torch.Tensor]:
        """Returns `loss`, `logits`, `layers.N.output` and `grad.<parameter>` of every parameter.

        The loss is the mean cross-entropy in nats of each token given those before it, so the
        last position predicts nothing. The gradient of an idle projection is written as zeros.
        """
        for weight in self.weights.values():
            weight.grad = None
        logits, outputs = self.forward(tokens, sharing)
        log_probabilities = logits[:, :-1].log_softmax(dim=-1)
        loss = -log_probabilities.gather(-1, tokens[:, 1:, None]).mean()
        loss.backward()
        result = {"loss": loss.reshape(1), "logits": logits}
        result.update({f"layers.{i}.output": output for i, output in enumerate(outputs)})
        for name, weight in self.weights.items():
            gradient = weight.grad if weight.grad is not None else torch.zeros_like(weight)
            result[f"grad.{name}"] = gradient
        return {name: tensor.detach().contiguous() for name, tensor in result.items()}


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """Norm of the difference over the norm of what is expected; 0 where both are zero."""
    difference = torch.linalg.vector_norm(actual.double() - expected.double()).item()
    norm = torch.linalg.vector_norm(expected.double()).item()
    if difference == 0:
        return 0.0
    return difference / norm if norm > 0 else math.inf


def transformers_logits(folder: pathlib.Path, tokens: torch.Tensor) -> torch.Tensor:
    """Returns the float64 logits of the folder's model as `transformers` computes them.

    It has no activation sharing, so this checks the reference itself where nothing is shared.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager"
    )
    with torch.no_grad():
        return model.eval()(tokens).logits


def parse_tokens(text: str) -> torch.Tensor:
    """Reads rows separated by `;` of token ids separated by `,`."""
    return torch.tensor([[int(token) for token in row.split(",")] for row in text.split(";")])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--tokens", required=True, type=parse_tokens)
    parser.add_argument("--share", default="")
    parser.add_argument("--dtype", default="float64", choices=["float32", "float64", "bfloat16"])
    arguments = parser.parse_args()
    model = ReferenceModel.load(arguments.folder, getattr(torch, arguments.dtype))
    results = model.evaluated(arguments.tokens, Sharing.parse(arguments.share, model.layers))
    save_file(results, arguments.output)
    print(f"loss {results['loss'].item():.9f}")


if __name__ == "__main__":
    main()
