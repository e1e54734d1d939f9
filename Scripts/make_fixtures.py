"""Makes the committed fixtures of EPASModelTests: tiny random models and float64 references.

    make_fixtures.py [FOLDER]

`index.json` lists the cases: the model's folder, the tokens, the sharing, and the file with
`loss`, `logits`, `layers.N.output` and `grad.<parameter>` in float64. `float32_error` is the
largest relative error of the reference itself when it runs in float32.

Needs what Scripts/parity.sh installs: run it as `Scripts/parity.sh make_fixtures.py`.
"""

import json
import pathlib
import sys

import torch

from random_model import Dimensions, save, write_random_model
from reference_model import ReferenceModel, relative_error, transformers_logits
from sharing import Sharing

MODELS = {
    "mha-untied": Dimensions(
        layers=4, width=15, heads=3, key_heads=3, head_dim=6, feed_forward=27, vocabulary=53,
        tied=False,
    ),
    "gqa-tied": Dimensions(
        layers=4, width=24, heads=6, key_heads=2, head_dim=None, feed_forward=21, vocabulary=41,
        tied=True, theta=500.0, epsilon=1e-6,
    ),
    # Frequencies 1, 0.22, 0.046, 0.01: one on each side of both limits, and one between them.
    "biased-llama3": Dimensions(
        layers=3, width=16, heads=4, key_heads=2, head_dim=8, feed_forward=18, vocabulary=29,
        tied=True, theta=464.0, attention_bias=True, mlp_bias=True,
        scaling={
            "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    ),
}  # fmt: skip

# Reference file -> the specifications it answers: they all name the same function.
SHARING = {
    "none": [None],
    "qk-last-2": ["qk:2", "qk:2<1,3<1", "scores:2"],
    "qk-apart": ["qk:1<0,3<0"],
    "kv-last-2": ["kv:2"],
    "kv-pairs": ["kv:1<0,3<2"],
}


def main() -> None:
    package = pathlib.Path(__file__).resolve().parent.parent
    default = package / "Tests" / "EPASModelTests" / "Fixtures"
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    (root / "references").mkdir(parents=True, exist_ok=True)
    cases = []
    for seed, (name, dimensions) in enumerate(MODELS.items(), start=1):
        write_random_model(root / name, dimensions, seed)
        generator = torch.Generator().manual_seed(100 + seed)
        tokens = torch.randint(0, dimensions.vocabulary, (2, 11), generator=generator)
        exact = ReferenceModel.load(root / name, torch.float64)
        rounded = ReferenceModel.load(root / name, torch.float32)
        for label, specs in SHARING.items():
            if dimensions.layers < 4:
                specs = [spec for spec in specs if "3<" not in (spec or "")]
            if not specs:
                continue
            sharing = Sharing.parse(specs[0], dimensions.layers)
            expected = exact.evaluated(tokens, sharing)
            if specs[0] is None:
                error = relative_error(transformers_logits(root / name, tokens), expected["logits"])
                assert error < 1e-6, f"{name}: the reference differs from transformers by {error}"
                print(f"{name}: relative difference from transformers {error:.1e}")
            float32 = rounded.evaluated(tokens, sharing)
            error = max(relative_error(float32[key], expected[key]) for key in expected)
            file = f"references/{name}.{label}.safetensors"
            save(expected, root / file)
            print(f"{file}: loss {expected['loss'].item():.6f}, float32 error {error:.1e}")
            cases += [
                {
                    "model": name,
                    "tokens": tokens.tolist(),
                    "share": spec,
                    "file": file,
                    "float32_error": float(f"{error:.1e}"),
                }
                for spec in specs
            ]
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    (root / "index.json").write_text(f'{{"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
