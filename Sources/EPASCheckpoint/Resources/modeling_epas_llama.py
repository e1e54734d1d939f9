"""LLaMA whose deeper layers reuse attention activations of shallower ones (EPAS).

The weights are those of a plain LLaMA model: without this file, every layer computes its own
activations. With it (`trust_remote_code=True`), as many layers share as `config.json` says:

    epas_shared_activations  "qk": a sharing layer takes query and key from its source layer and
                             computes its own value. "kv": it takes key and value and computes
                             its own query. "scores" is the same function as "qk".
    epas_sharing_layers      How many layers share, the deepest ones first.
    epas_max_sharing_layers  How many may share: the length that the model was trained up to.
    epas_share               The layers when all of those share: "qk:4" is the last four, which
                             reuse the layer before them; "qk:3<1,5<2" says that layer 3 reuses
                             layer 1 and layer 5 reuses layer 2.
    epas_fixed_sources       Whether layers keep these sources when fewer share; otherwise, where
                             every layer of epas_share reuses the nearest layer before it that
                             computes, it does so at every length.

The number can be given when loading, `from_pretrained(..., epas_sharing_layers=2)`, and changed
afterwards with `model.set_sharing_layers(2)`.

The cache of a layer that shares query and key holds values only; its keys have a width of zero. A
layer that shares key and value has no cache.

Runs with transformers 4.46 to 5.x, attention implementations "eager" and "sdpa".

Dimensions: B batch, T new tokens, S all tokens, N query heads, K key heads, H head.
"""

from typing import Optional

import torch
import transformers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    apply_rotary_pos_emb,
    repeat_kv,
)

# Until version 4.47 an attention layer also returned the cache.
_RETURNS_CACHE = tuple(int(part) for part in transformers.__version__.split(".")[:2]) < (4, 48)


class EpasLlamaConfig(LlamaConfig):
    """The configuration of a LLaMA model, and which layers share."""

    model_type = "llama"

    epas_shared_activations: str = "qk"
    epas_sharing_layers: int = 0
    epas_max_sharing_layers: int = 0
    epas_share: Optional[str] = None
    epas_fixed_sources: bool = False


def sharing_sources(config: LlamaConfig) -> dict[int, int]:
    """Returns the source of every layer that shares."""
    count, most = config.epas_sharing_layers, config.epas_max_sharing_layers
    layers = config.num_hidden_layers
    if not 0 <= count <= most < layers:
        raise ValueError(
            f"epas_sharing_layers is {count}, epas_max_sharing_layers {most}, of {layers} layers; "
            f"use 0 to {most}."
        )
    plan = (config.epas_share or f"qk:{most}").partition(":")[2]
    if "<" in plan:
        pairs = (pair.split("<") for pair in plan.split(","))
        full = {int(layer): int(source) for layer, source in pairs}
    else:
        first = layers - int(plan or 0)
        full = {layer: first - 1 for layer in range(first, layers)}
    if len(full) != most:
        raise ValueError(f"epas_share {config.epas_share!r} is not a plan of {most} layers.")

    def nearest(shared):
        return {layer: max(set(range(layer)) - set(shared)) for layer in shared}

    shared = sorted(full)[most - count :]
    if config.epas_fixed_sources or nearest(full) != full:
        return {layer: full[layer] for layer in shared}
    return nearest(shared)


class EpasLlamaAttention(LlamaAttention):
    """Attention that takes from its source layer what it shares."""

    def __init__(self, config: LlamaConfig, layer_idx: int):
        super().__init__(config, layer_idx)
        self.plan()

    def plan(self, shares=None, source=None, is_last_reader=False, is_source=False) -> None:
        """Sets what the layer shares ("qk", "kv" or None) and of which layer."""
        self.shares = shares
        # In a tuple, because a module that is an attribute would become a part of this one.
        self.source = (source,)
        self.is_last_reader = is_last_reader
        self.is_source = is_source
        self.attended = None

    def forward(self, hidden_states, position_embeddings, attention_mask=None, **kwargs):
        cache = kwargs.get("past_key_values", kwargs.get("past_key_value"))
        cos, sin = position_embeddings
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)

        def heads(projection):  # [B, heads, T, H]
            return projection(hidden_states).view(shape).transpose(1, 2)

        if self.shares is None:
            query, key = apply_rotary_pos_emb(heads(self.q_proj), heads(self.k_proj), cos, sin)
            value = heads(self.v_proj)
            if cache is not None:
                key, value = cache.update(key, value, self.layer_idx)
        elif self.shares == "kv":
            query = heads(self.q_proj)
            query, _ = apply_rotary_pos_emb(query, query[:, :0], cos, sin)
            _, key, value = self.source[0].attended
        else:
            query, key, _ = self.source[0].attended
            value = heads(self.v_proj)
            if cache is not None:
                value = _cached_value(cache, value, self.layer_idx)
        if self.is_last_reader:
            self.source[0].attended = None
        if self.is_source:
            self.attended = (query, key, value)

        attend = self._eager if self._wants_weights(kwargs) else self._sdpa
        mixed, weights = attend(
            query,
            repeat_kv(key, self.num_key_value_groups),
            repeat_kv(value, self.num_key_value_groups),
            attention_mask,
        )
        output = self.o_proj(mixed.transpose(1, 2).reshape(*hidden_states.shape[:-1], -1))
        return (output, weights, cache) if _RETURNS_CACHE else (output, weights)

    def _wants_weights(self, kwargs) -> bool:
        return self.config._attn_implementation == "eager" or bool(kwargs.get("output_attentions"))

    def _dropout(self) -> float:
        return self.attention_dropout if self.training else 0.0

    def _eager(self, query, key, value, mask):
        """Attention written out; its weights [B, N, T, S] are returned too."""
        scores = query @ key.transpose(2, 3) * self.head_dim**-0.5
        if mask is None and query.shape[2] > 1:
            hidden = torch.ones_like(scores[0, 0], dtype=torch.bool)
            mask = ~hidden.triu(1 + key.shape[2] - query.shape[2])
        if mask is not None:
            mask = mask[..., : key.shape[2]]
            lowest = torch.finfo(scores.dtype).min
            scores = scores.masked_fill(~mask, lowest) if mask.dtype == torch.bool else scores + mask
        weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
        weights = nn.functional.dropout(weights, p=self._dropout(), training=self.training)
        return weights @ value, weights

    def _sdpa(self, query, key, value, mask):
        if mask is not None:
            mask = mask[..., : key.shape[2]]
        mixed = nn.functional.scaled_dot_product_attention(
            query.contiguous(),
            key.contiguous(),
            value.contiguous(),
            attn_mask=mask,
            dropout_p=self._dropout(),
            # Without a mask, new tokens begin at position 0, or there is only one.
            is_causal=mask is None and query.shape[2] > 1,
            scale=self.head_dim**-0.5,
        )
        return mixed, None


def _cached_value(cache, value: torch.Tensor, layer: int) -> torch.Tensor:
    """Adds values without keys to a layer's cache; returns all of its values, [B, K, S, H]."""
    _, values = cache.update(value[..., :0], value, layer)
    layers = getattr(cache, "layers", None)
    # transformers 5 takes a cache whose keys have no elements for empty, and would not reorder it.
    if layers is not None and type(layers[layer]).__name__ == "DynamicLayer":
        layers[layer].__class__ = _value_layer(type(layers[layer]))
    return values


_value_layers: dict[type, type] = {}


def _value_layer(base: type) -> type:
    """Returns a subclass of transformers' cache layer whose length is that of its values."""

    def get_seq_length(self) -> int:
        return self.values.shape[-2] if self.is_initialized and self.values.numel() > 0 else 0

    if base not in _value_layers:
        _value_layers[base] = type("ValueLayer", (base,), {"get_seq_length": get_seq_length})
    return _value_layers[base]


class EpasLlamaForCausalLM(LlamaForCausalLM):
    """A LLaMA language model in which layers share attention activations."""

    config_class = EpasLlamaConfig
    # A source's activations are handed over outside of what a checkpointed layer records.
    supports_gradient_checkpointing = False
    _supports_flash_attn = False
    _supports_flash_attn_2 = False
    _supports_flex_attn = False
    _supports_static_cache = False
    _can_compile_fullgraph = False

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        for index, layer in enumerate(self.model.layers):
            layer.self_attn = EpasLlamaAttention(config, index)
        self.set_sharing_layers(config.epas_sharing_layers)
        self.post_init()

    def set_sharing_layers(self, count: int) -> None:
        """Lets the deepest `count` of the layers that may share do so; 0 is plain LLaMA.

        A cache filled at one number cannot be continued at another.
        """
        previous = self.config.epas_sharing_layers
        self.config.epas_sharing_layers = count
        try:
            sources = sharing_sources(self.config)
        except ValueError:
            self.config.epas_sharing_layers = previous
            raise
        kind = "kv" if self.config.epas_shared_activations == "kv" else "qk"
        last_readers = {source: layer for layer, source in sorted(sources.items())}
        layers = [layer.self_attn for layer in self.model.layers]
        for index, layer in enumerate(layers):
            if index in sources:
                source = sources[index]
                layer.plan(kind, layers[source], is_last_reader=last_readers[source] == index)
            else:
                layer.plan(is_source=index in last_readers)
