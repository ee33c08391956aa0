"""Writes a Llama of random weights that knows bytes and the marks of ChatML, without torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tasks.serving.gguf_file import SPLITS
from tasks.serving.template import chatml_tools

HEADS, KEYS, SIZE, INNER, LAYERS = 4, 2, 64, 96, 2
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def _byte_letters() -> list[str]:
    """A letter that can be seen for each byte, as GPT-2 has them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def tokenizer(split: str = "smollm") -> dict[str, Any]:
    letters = _byte_letters()
    words = [*MARKS, *letters, "th", "Ġa", "Ġ1", "\u010a\u010a"]
    ends = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": mark, **added} for number, mark in enumerate(MARKS)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": SPLITS[split]},
        "post_processor": None,
        "decoder": ends,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {word: number for number, word in enumerate(words)},
            "merges": [["t", "h"], ["Ġ", "a"], ["Ġ", "1"], ["Ċ", "Ċ"]],
        },
    }


def config(**more: Any) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": SIZE,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEYS,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "tie_word_embeddings": True,
        "vocab_size": 272,  # more than there are words
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
        **more,
    }


def _weights() -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray[Any, Any]:
        return random.normal(0, 0.2, (rows, columns)).astype(np.float32)

    ones = np.ones(SIZE, dtype=np.float32)
    found = {"model.embed_tokens.weight": matrix(272, SIZE), "model.norm.weight": ones}
    for layer in range(LAYERS):
        sizes = {
            "self_attn.q_proj": (SIZE, SIZE),
            "self_attn.k_proj": (SIZE * KEYS // HEADS, SIZE),
            "self_attn.v_proj": (SIZE * KEYS // HEADS, SIZE),
            "self_attn.o_proj": (SIZE, SIZE),
            "mlp.gate_proj": (INNER, SIZE),
            "mlp.up_proj": (INNER, SIZE),
            "mlp.down_proj": (SIZE, INNER),
        }
        found |= {f"model.layers.{layer}.{name}.weight": matrix(*size) for name, size in sizes.items()}
        for name in ("input_layernorm", "post_attention_layernorm"):
            found[f"model.layers.{layer}.{name}.weight"] = ones * 1.25
    return found


def write_safetensors(path: Path, tensors: dict[str, np.ndarray[Any, Any]]) -> None:
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor in tensors.items():
        offsets = [at, at := at + tensor.nbytes]
        head[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
    said = json.dumps(head).encode()
    said += b" " * (-len(said) % 8)
    path.write_bytes(
        len(said).to_bytes(8, "little") + said + b"".join(map(np.ndarray.tobytes, tensors.values()))
    )


def write(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokens = {"bos_token": MARKS[1], "eos_token": MARKS[2], "pad_token": MARKS[2], "unk_token": MARKS[0]}
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 4096, **tokens}
    (folder / "config.json").write_text(json.dumps(config()))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    (folder / "chat_template.jinja").write_text(chatml_tools(), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", _weights())
    return folder


if __name__ == "__main__":
    write(Path(sys.argv[1]))
