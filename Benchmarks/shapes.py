"""The shapes that models are timed at."""

# Layers, width, query heads, key heads, feed-forward width, vocabulary: as `epas` names them.
SHAPES = {
    "tiny": (4, 64, 4, 2, 160, 256),
    "10m": (8, 256, 8, 4, 704, 8192),
    "20m": (8, 384, 6, 6, 1024, 8192),
    "125m": (12, 768, 12, 12, 2048, 32000),
    "1.1b": (22, 2048, 32, 4, 5632, 32000),
}
