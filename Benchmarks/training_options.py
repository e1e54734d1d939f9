"""What the programs that time training steps are told, and the shapes that they know."""

import argparse

# Layers, width, query heads, key heads, feed-forward width, vocabulary: as `epas` names them.
SHAPES = {
    "tiny": (4, 64, 4, 2, 160, 256),
    "10m": (8, 256, 8, 4, 704, 8192),
    "20m": (8, 384, 6, 6, 1024, 8192),
    "125m": (12, 768, 12, 12, 2048, 32000),
    "1.1b": (22, 2048, 32, 4, 5632, 32000),
}


def training_parser(description: str) -> argparse.ArgumentParser:
    """The options that all of them have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="125m", choices=SHAPES)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sequence", type=int, default=512)
    parser.add_argument("--steps", type=int, default=5, help="timed ones, after two that are not")
    parser.add_argument("--dtype", default="bfloat16", choices=["float32", "bfloat16"])
    parser.add_argument("--share", default="")
    parser.add_argument("--threads", type=int, default=0, help="0 takes the library's default")
    return parser
