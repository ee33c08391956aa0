"""What can become llama.cpp's file, and what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_llama

from tasks.errors import UsageError
from tasks.serving.gguf_file import SPLITS, require_writable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_llama.write(tmp_path / "model")


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


@pytest.mark.parametrize("split", SPLITS)
def test_each_way_to_split_text_that_has_a_name_is_known(folder: Path, split: str) -> None:
    change(folder / "tokenizer.json", pre_tokenizer=tiny_llama.tokenizer(split)["pre_tokenizer"])
    require_writable(folder)


def test_a_single_step_need_be_no_sequence(folder: Path) -> None:
    change(folder / "tokenizer.json", pre_tokenizer=SPLITS["gpt-2"][0])
    require_writable(folder)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"architectures": ["Qwen3ForCausalLM"]}, "only LlamaForCausalLM can, and it is Qwen3ForCausalLM"),
        ({"hidden_act": "gelu"}, "its hidden_act is gelu"),
        ({"attention_bias": True}, "its attention_bias is True"),
        ({"quantization_config": {"bits": 4}}, "its weights are quantised"),
        ({"num_hidden_layers": None}, "its config.json does not say num_hidden_layers"),
        (
            {"num_hidden_layers": 3},
            "parts of it are missing: blk.2.attn_k.weight, blk.2.attn_norm.weight, blk.2.attn_output.weight",
        ),
        (
            {"num_hidden_layers": 1},
            "it has a part that is unknown, or there twice: model.layers.1.self_attn.q_proj.weight",
        ),
        ({"tie_word_embeddings": False}, "parts of it are missing: output.weight"),
    ],
)
def test_another_model_is_refused_with_the_reason(folder: Path, changed: dict[str, Any], why: str) -> None:
    change(folder / "config.json", **changed)
    with pytest.raises(UsageError) as refused:
        require_writable(folder)
    assert refused.value.message == f"{folder} cannot be served by llama.cpp: {why}"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"model": {"type": "Unigram"}}, "its tokenizer is no byte-level BPE but Unigram"),
        ({"normalizer": {"type": "Lowercase"}}, "its tokenizer is no byte-level BPE but BPE"),
        (
            {"pre_tokenizer": {"type": "Whitespace"}},
            'its tokenizer splits text in a way of its own: [{"type": "Whitespace"}]',
        ),
        ({"pre_tokenizer": None}, "its tokenizer splits text in a way of its own: [{}]"),
        (
            {"added_tokens": [{"id": 272, "content": "<|new|>", "special": True}]},
            "its tokenizer has more tokens than it has embeddings, 272",
        ),
    ],
)
def test_another_tokenizer_is_refused_with_the_reason(
    folder: Path, changed: dict[str, Any], why: str
) -> None:
    change(folder / "tokenizer.json", **changed)
    with pytest.raises(UsageError) as refused:
        require_writable(folder)
    assert refused.value.message == f"{folder} cannot be served by llama.cpp: {why}"


def test_an_output_beside_tied_embeddings_is_left_out(folder: Path) -> None:
    extra = {"lm_head.weight": np.zeros((272, tiny_llama.SIZE), dtype=np.float32)}
    tiny_llama.write_safetensors(folder / "more.safetensors", extra)
    require_writable(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_folder_without_these_is_no_model(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UsageError, match=f"{folder} is no model: {name} cannot be read"):
        require_writable(folder)


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x04\0\0\0\0\0\0\0[1] "])
def test_damaged_weights_are_told(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match="safetensors is damaged"):
        require_writable(folder)
