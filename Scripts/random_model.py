"""Random LLaMA models as Hugging Face folders, for fixtures and parity checks."""

import json
import pathlib
from dataclasses import dataclass, field

import torch
from safetensors.torch import load_file, save_file


@dataclass(frozen=True)
class Dimensions:
    """The sizes of a LLaMA model; without `head_dim` a head is width / heads wide."""

    layers: int
    width: int
    heads: int
    key_heads: int
    head_dim: int | None
    feed_forward: int
    vocabulary: int
    tied: bool
    theta: float = 10000.0
    epsilon: float = 1e-5
    attention_bias: bool = False
    mlp_bias: bool = False
    # `rope_scaling` of config.json; empty for none.
    scaling: dict = field(default_factory=dict)

    def config(self) -> dict:
        """The contents of `config.json`."""
        config = {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "num_hidden_layers": self.layers,
            "hidden_size": self.width,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_heads,
            "intermediate_size": self.feed_forward,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.tied,
            "rope_theta": self.theta,
            "rms_norm_eps": self.epsilon,
            "hidden_act": "silu",
            "attention_bias": self.attention_bias,
            "mlp_bias": self.mlp_bias,
            "max_position_embeddings": 128,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "torch_dtype": "float32",
        }
        if self.head_dim is not None:
            config["head_dim"] = self.head_dim
        if self.scaling:
            config["rope_scaling"] = self.scaling
        return config

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Parameter names and shapes; matrices are [outputs, inputs]."""
        head = self.head_dim or self.width // self.heads
        queries, keys = self.heads * head, self.key_heads * head
        shapes = {"model.embed_tokens.weight": (self.vocabulary, self.width)}
        for layer in range(self.layers):
            prefix = f"model.layers.{layer}."
            shapes |= {
                prefix + "input_layernorm.weight": (self.width,),
                prefix + "self_attn.q_proj.weight": (queries, self.width),
                prefix + "self_attn.k_proj.weight": (keys, self.width),
                prefix + "self_attn.v_proj.weight": (keys, self.width),
                prefix + "self_attn.o_proj.weight": (self.width, queries),
                prefix + "post_attention_layernorm.weight": (self.width,),
                prefix + "mlp.gate_proj.weight": (self.feed_forward, self.width),
                prefix + "mlp.up_proj.weight": (self.feed_forward, self.width),
                prefix + "mlp.down_proj.weight": (self.width, self.feed_forward),
            }
        biased = ["self_attn."] if self.attention_bias else []
        biased += ["mlp."] if self.mlp_bias else []
        for name, shape in list(shapes.items()):
            if any(part in name for part in biased):
                shapes[name.removesuffix("weight") + "bias"] = shape[:1]
        shapes["model.norm.weight"] = (self.width,)
        if not self.tied:
            shapes["lm_head.weight"] = (self.vocabulary, self.width)
        return shapes


def save(tensors: dict[str, torch.Tensor], file: pathlib.Path) -> None:
    """Writes a safetensors file that other users can read."""
    save_file(tensors, file, metadata={"format": "pt"})
    file.chmod(0o644)


# The ways in which checkpoints come: written here, or by `transformers` in one file or several,
# whose config.json names the rotary base differently; and with weights of 16 bits.
STORED_AS = ["plain", "bfloat16", "transformers", "sharded"]


def write_random_model(
    folder: pathlib.Path, dimensions: Dimensions, seed: int, stored: str = "plain"
) -> None:
    """Writes `config.json` and the weights, random and in float32 unless stored as bfloat16.

    Matrices keep the scale of what they are applied to, and norms differ from 1, so that
    attention is far from uniform and every parameter has a gradient that can be compared.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in dimensions.parameters().items():
        values = torch.randn(shape, generator=generator)
        if name.endswith(".bias"):
            weights[name] = values
        elif len(shape) == 1:
            weights[name] = 1 + 0.2 * values
        elif name == "model.embed_tokens.weight" and not dimensions.tied:
            weights[name] = values
        else:
            weights[name] = values * shape[1] ** -0.5
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dimensions.config(), indent=2) + "\n")
    if stored == "bfloat16":
        weights = {name: weight.bfloat16() for name, weight in weights.items()}
    save(weights, folder / "model.safetensors")
    if stored in ("transformers", "sharded"):
        rewrite_with_transformers(folder, "20KB" if stored == "sharded" else "1GB")


def write_neighbour(folder: pathlib.Path, neighbour: pathlib.Path, seed: int) -> None:
    """Writes the folder's model with every weight off by about 1e-5 of itself, in float32: as well
    or ill conditioned, but rounded otherwise everywhere."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for file in sorted(folder.glob("model*.safetensors")):
        for name, weight in load_file(file).items():
            change = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weights[name] = (weight.double() * (1 + 1e-5 * change)).float()
    save(weights, neighbour / "model.safetensors")
    (neighbour / "config.json").write_text((folder / "config.json").read_text())


def rewrite_with_transformers(folder: pathlib.Path, shard: str) -> None:
    """Replaces the folder's files by what `transformers` writes for the same model."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    (folder / "model.safetensors").unlink()
    (folder / "config.json").unlink()
    model.save_pretrained(folder, max_shard_size=shard)
