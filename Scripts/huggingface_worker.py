"""Runs models with the `transformers` on the module path, for parity_huggingface.py.

Reads one JSON request per line and answers each with one JSON line: `{"result": ...}` or
`{"error": ...}`. Tensors go through safetensors files that the requests name. Models are loaded in
float32. `sharing` is the number of layers that share when a folder's own code runs it; null runs
it as plain LLaMA.
"""

import json
import sys
import traceback

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

MAJOR = int(transformers.__version__.split(".")[0])


def make(folder: str, config: dict, rotary: dict, seed: int, dtype: str, shard: str) -> None:
    """Writes a random model as this version of transformers does."""
    theta = rotary["rope_theta"]
    if MAJOR >= 5:
        own = {"rope_parameters": rotary}
    else:
        scaling = {key: value for key, value in rotary.items() if key != "rope_theta"}
        own = {"rope_theta": theta}
        own |= {"rope_scaling": scaling} if rotary["rope_type"] != "default" else {}
    model = LlamaForCausalLM(LlamaConfig(**config, **own))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            values = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 2:
                values *= weight.shape[1] ** -0.5
            elif name.endswith("norm.weight"):
                values = 1 + 0.2 * values
            weight.copy_(values)
    model.to(getattr(torch, dtype)).save_pretrained(folder, max_shard_size=shard)


def load(folder: str, sharing: int | None, attention: str):
    more = {} if sharing is None else {"trust_remote_code": True, "epas_sharing_layers": sharing}
    key = "dtype" if MAJOR >= 5 else "torch_dtype"
    model, info = AutoModelForCausalLM.from_pretrained(
        folder,
        attn_implementation=attention,
        output_loading_info=True,
        **{key: torch.float32},
        **more,
    )
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[problem]:
            raise ValueError(f"{problem}: {sorted(info[problem])}")
    expected = "LlamaForCausalLM" if sharing is None else "EpasLlamaForCausalLM"
    if type(model).__name__ != expected:
        raise ValueError(f"loaded as {type(model).__name__}, not as {expected}")
    return model.eval()


def logits(folder: str, tokens: list, output: str, sharing=None, attention="sdpa") -> None:
    """Writes the logits of token rows."""
    with torch.no_grad():
        result = load(folder, sharing, attention)(torch.tensor(tokens), use_cache=False).logits
    save_file({"logits": result.contiguous()}, output)


def cache_widths(cache) -> list[list[int]]:
    """Key and value width of every layer of a cache; 0 where nothing is kept."""
    if hasattr(cache, "layers"):
        pairs = [(layer.keys, layer.values) for layer in cache.layers]
    else:  # transformers 4.46 returns pairs to who gave it no cache
        pairs = cache
    return [[0 if x is None or len(x) == 0 else x.shape[-1] for x in pair] for pair in pairs]


def decode(
    folder: str, tokens: list, output: str, sharing: int, attention: str, new: int
) -> dict:
    """Checks a cache against full recomputation, step by step and in generation.

    Returns the largest difference of logits, the rows that greedy generation continues the
    prompt to, whether greedy and beam search give the same rows without a cache, and the cache's
    widths. Writes the logits of the continued rows.
    """
    model = load(folder, sharing, attention)
    prompt = torch.tensor(tokens)
    common = {
        "max_new_tokens": new, "do_sample": False, "eos_token_id": None, "pad_token_id": 0,
        "attention_mask": torch.ones_like(prompt),
    }  # fmt: skip
    with torch.no_grad():
        greedy = model.generate(prompt, use_cache=True, **common)
        same = torch.equal(greedy, model.generate(prompt, use_cache=False, **common))
        beams = [
            model.generate(prompt, use_cache=cached, num_beams=3, **common)
            for cached in (True, False)
        ]
        full = model(greedy, use_cache=False).logits
        cache, start, parts = None, 0, []
        # Several tokens at first, then one by one.
        for end in range(prompt.shape[1], greedy.shape[1] + 1):
            step = model(greedy[:, start:end], past_key_values=cache, use_cache=True)
            cache, start = step.past_key_values, end
            parts.append(step.logits)
    difference = (torch.cat(parts, dim=1) - full).abs().max().item()
    save_file({"logits": full.contiguous()}, output)
    return {
        "difference": difference,
        "rows": greedy.tolist(),
        "greedy": same,
        "beams": torch.equal(*beams),
        "widths": cache_widths(cache),
    }


def tokenize(folder: str, texts: list) -> dict:
    """Returns the ids of texts without tokens around them, and the texts of those ids."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer(text, add_special_tokens=False).input_ids for text in texts]
    decoded = [
        tokenizer.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        for row in ids
    ]
    return {"ids": ids, "decoded": decoded}


def main() -> None:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    commands = {"make": make, "logits": logits, "decode": decode, "tokenize": tokenize}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": commands[request.pop("command")](**request)}
        except Exception:  # the other side says of which case it is
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
