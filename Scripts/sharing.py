"""Which layers of a model reuse activations of others, as `--share` says it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sharing:
    """Which layers reuse activations, and of which layer."""

    kind: str
    source: dict[int, int]

    @staticmethod
    def parse(spec: str | None, layers: int) -> "Sharing":
        """Reads `KIND:N` or `KIND:a<b,c<d`; no text means that nothing is shared."""
        if not spec:
            return Sharing("qk", {})
        kind, _, plan = spec.partition(":")
        if kind not in ("qk", "kv", "scores"):
            raise ValueError(f"share {spec!r}: {kind!r} is not one of qk, kv, scores.")
        if plan.isdigit():
            count = int(plan)
            if count >= layers:
                raise ValueError(f"share {spec!r}: of {layers} layers at most {layers - 1} share.")
            first = layers - count
            return Sharing(kind, {layer: first - 1 for layer in range(first, layers)})
        source = {}
        for pair in plan.split(","):
            layer, donor = (int(part) for part in pair.split("<"))
            if not 0 <= donor < layer < layers:
                raise ValueError(f"share {spec!r}: layer {layer} cannot reuse layer {donor}.")
            source[layer] = donor
        if set(source) & set(source.values()):
            raise ValueError(f"share {spec!r}: a layer that is reused must compute.")
        return Sharing(kind, source)
