"""Writes a model folder as the one file that llama.cpp reads: weights, tokenizer, template, context.

Llama architectures with a byte-level BPE tokenizer; needs the package `gguf`, and no torch.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.errors import UsageError

if TYPE_CHECKING:
    from gguf import GGUFWriter

Json = dict[str, Any]
Array = np.ndarray[Any, Any]
Precision = Literal["f32", "f16", "q8_0"]

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_MODERN = (
    _CONTRACTIONS
    + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{DIGITS}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _bytes(use_regex: bool) -> Json:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _split(digits: str) -> Json:
    pattern = {"Regex": _MODERN.replace("{DIGITS}", digits)}
    return {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}


SPLITS: dict[str, list[Json]] = {
    "gpt-2": [_bytes(use_regex=True)],
    "smollm": [{"type": "Digits", "individual_digits": True}, _bytes(use_regex=True)],
    "llama-bpe": [_split("{1,3}"), _bytes(use_regex=False)],
    "qwen2": [_split(""), _bytes(use_regex=False)],
}
"""How text is split before pairs of bytes are merged: llama.cpp's name, and as tokenizer.json says it."""

_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_OF_LAYERS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_LAYER = re.compile(r"model\.layers\.(\d+)\.([a-z_.]+)\.weight")
_CONTROL, _USER_DEFINED, _NORMAL, _UNUSED = 3, 4, 1, 5
_FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7}


def _unwritable(folder: Path, why: str) -> UsageError:
    return UsageError(
        f"{folder} cannot be served by llama.cpp: {why}",
        fix="serve it with vLLM on a GPU (--server vllm), or with --server transformers",
    )


@dataclass(frozen=True)
class _Tensor:
    """read: its numbers, as float32 or float16."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[], Array]


def require_writable(folder: Path) -> None:
    """Raises what `write_gguf` raises, without writing, and without the package."""
    config, tokenizer = _json(folder / "config.json"), _json(folder / "tokenizer.json")
    _require_llama(folder, config)
    _split_of(folder, tokenizer)
    _tokens(folder, tokenizer, _rows_of_embedding(list(_tensors(folder, config))))


def write_gguf(folder: Path, path: Path, *, template: str | None, precision: Precision = "q8_0") -> None:
    """Writes it, whole or not at all.  template: the chat template to put in; None: none.

    Raises `UsageError` for a folder that is no model, and for one of another kind.
    """
    require_writable(folder)
    import gguf

    config, tokenizer = _json(folder / "config.json"), _json(folder / "tokenizer.json")
    tensors = list(_tensors(folder, config))
    half_written = path.with_name(f".{path.name}.{os.getpid()}.part")
    writer = gguf.GGUFWriter(half_written, "llama")
    try:
        rope = _write_shape(writer, folder, config, precision)
        _write_tokenizer(writer, folder, config, tokenizer, n_tokens=_rows_of_embedding(tensors))
        if template is not None:
            writer.add_chat_template(template)
        _write_tensors(writer, [*tensors, *rope], precision)
        writer.close()
        half_written.replace(path)
    finally:
        half_written.unlink(missing_ok=True)


def _json(path: Path) -> Json:
    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path.parent} is no model: {path.name} cannot be read: {error}",
            fix="name a folder that transformers' save_pretrained() wrote, tokenizer and all",
        ) from error
    return read if isinstance(read, dict) else {}


def _require_llama(folder: Path, config: Json) -> None:
    kinds = config.get("architectures") or [config.get("model_type")]
    if kinds != ["LlamaForCausalLM"]:
        raise _unwritable(folder, f"only LlamaForCausalLM can, and it is {kinds[0]}")
    for name, usual in (("hidden_act", "silu"), ("attention_bias", False), ("mlp_bias", False)):
        if config.get(name, usual) != usual:
            raise _unwritable(folder, f"its {name} is {config[name]}")
    if config.get("quantization_config"):
        raise _unwritable(folder, "its weights are quantised")
    sizes = ("num_attention_heads", "num_hidden_layers", "hidden_size", "intermediate_size")
    for name in (*sizes, "max_position_embeddings"):
        if not isinstance(config.get(name), int):
            raise _unwritable(folder, f"its config.json does not say {name}")


def _write_shape(writer: GGUFWriter, folder: Path, config: Json, precision: Precision) -> list[_Tensor]:
    """Returns what is a tensor there, and is computed here: factors of the positions."""
    heads = int(config["num_attention_heads"])
    per_head = int(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_name(folder.name)
    writer.add_file_type(_FILE_TYPES[precision])
    writer.add_quantization_version(2)
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or heads))
    writer.add_key_length(per_head)
    writer.add_value_length(per_head)
    writer.add_rope_dimension_count(per_head)
    writer.add_layer_norm_rms_eps(float(config.get("rms_norm_eps", 1e-6)))
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    base = float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0)
    writer.add_rope_freq_base(base)
    return _write_positions(writer, folder, rope, base, per_head)


def _write_positions(
    writer: GGUFWriter, folder: Path, rope: Json, base: float, per_head: int
) -> list[_Tensor]:
    """How positions are spread over a context longer than that of the first training."""
    import gguf

    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "llama3":
        factors = _llama3_factors(rope, base, per_head)
        return [_Tensor("rope_freqs.weight", factors.shape, lambda: factors)]
    known = {"rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings"}
    more = {name for name, value in rope.items() if name not in known and value is not None}
    if kind not in {"default", "linear", "yarn"} or more:
        raise _unwritable(folder, f"its positions are scaled as {json.dumps(rope)}")
    if kind != "default":
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if kind == "yarn" and rope.get("original_max_position_embeddings"):
        writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))
    return []


def _llama3_factors(rope: Json, base: float, per_head: int) -> Array:
    """By which each frequency is divided: as Llama 3.1 does, high ones not, low ones by `factor`."""
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    turns = rope["original_max_position_embeddings"] / (
        2 * math.pi * base ** (np.arange(0, per_head, 2, dtype=np.float64) / per_head)
    )
    smooth = np.clip((turns - low) / (high - low), 0.0, 1.0)
    factors = 1 / ((1 - smooth) / float(rope["factor"]) + smooth)
    return np.asarray(factors, dtype=np.float32)


def _tokens(folder: Path, tokenizer: Json, n_tokens: int) -> tuple[list[str], list[int], dict[str, int]]:
    """Their texts and kinds by number, and their numbers by text."""
    bpe = tokenizer.get("model") or {}
    if bpe.get("type") != "BPE" or tokenizer.get("normalizer") is not None:
        raise _unwritable(folder, f"its tokenizer is no byte-level BPE but {bpe.get('type')}")
    tokens = [f"[PAD{number}]" for number in range(n_tokens)]
    types = [_UNUSED] * n_tokens
    added = tokenizer.get("added_tokens") or []
    named = {str(text): int(number) for text, number in bpe["vocab"].items()}
    named |= {str(each["content"]): int(each["id"]) for each in added}
    special = {each["content"]: bool(each.get("special")) for each in added}
    if max(named.values()) >= n_tokens:
        raise _unwritable(folder, f"its tokenizer has more tokens than it has embeddings, {n_tokens:,}")
    for text, number in named.items():
        tokens[number] = text
        types[number] = (_CONTROL if special[text] else _USER_DEFINED) if text in special else _NORMAL
    return tokens, types, named


def _write_tokenizer(writer: GGUFWriter, folder: Path, config: Json, tokenizer: Json, n_tokens: int) -> None:
    tokens, types, named = _tokens(folder, tokenizer, n_tokens)
    merges = tokenizer["model"].get("merges") or []
    writer.add_vocab_size(n_tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_split_of(folder, tokenizer))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in merges])
    writer.add_add_space_prefix(False)
    _write_special(writer, folder, config, named, json.dumps(tokenizer.get("post_processor")))


def _split_of(folder: Path, tokenizer: Json) -> str:
    """llama.cpp's name of how the tokenizer splits text."""
    split = tokenizer.get("pre_tokenizer") or {}
    parts = split.get("pretokenizers") if split.get("type") == "Sequence" else [split]
    said = [{name: value for name, value in part.items() if name != "trim_offsets"} for part in parts or []]
    for name, steps in SPLITS.items():
        if said == [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]:
            return name
    raise _unwritable(folder, f"its tokenizer splits text in a way of its own: {json.dumps(said)}")


def _write_special(
    writer: GGUFWriter, folder: Path, config: Json, named: dict[str, int], processor: str
) -> None:
    """Of the tokens that begin, end and fill: the tokenizer's, or the model's where it has none."""
    path = folder / "tokenizer_config.json"
    said = _json(path) if path.is_file() else {}
    found: dict[str, int] = {}
    for name in ("bos", "eos", "unk", "pad"):
        text = said.get(f"{name}_token")
        text = text.get("content") if isinstance(text, dict) else text
        number = named.get(text) if isinstance(text, str) else config.get(f"{name}_token_id")
        number = number[0] if isinstance(number, list) else number
        if number is not None:
            found[name] = int(number)
            getattr(writer, f"add_{name}_token_id")(int(number))
    begin = next((text for text, number in named.items() if number == found.get("bos")), None)
    writer.add_add_bos_token(begin is not None and json.dumps(begin) in processor)


def _rows_of_embedding(tensors: list[_Tensor]) -> int:
    return next(tensor.shape[0] for tensor in tensors if tensor.name == "token_embd.weight")


def _tensors(folder: Path, config: Json) -> Iterator[_Tensor]:
    """The model's tensors under their names there.  Raises `UsageError` where one is missing or unknown."""
    heads = int(config["num_attention_heads"])
    of_heads = {"attn_q": heads, "attn_k": int(config.get("num_key_value_heads") or heads)}
    tied = bool(config.get("tie_word_embeddings"))
    wanted = {"token_embd.weight", "output_norm.weight", *([] if tied else ["output.weight"])}
    for number in range(int(config["num_hidden_layers"])):
        wanted |= {f"blk.{number}.{name}.weight" for name in _OF_LAYERS.values()}
    for path in sorted(folder.glob("*.safetensors")):
        for name, shape, read in _safetensors(path):
            layer = _LAYER.fullmatch(name)
            part = None if layer is None else _OF_LAYERS.get(layer[2], layer[2])
            new = _NAMES.get(name, name) if layer is None else f"blk.{layer[1]}.{part}.weight"
            if new not in wanted:
                if (tied and new == "output.weight") or name.endswith("rotary_emb.inv_freq"):
                    continue
                raise _unwritable(folder, f"it has a part that is unknown, or there twice: {name}")
            wanted.remove(new)
            yield _Tensor(new, shape, _in_turns(read, of_heads[part]) if part in of_heads else read)
    if wanted:
        raise _unwritable(folder, f"parts of it are missing: {', '.join(sorted(wanted)[:3])}")


def _in_turns(read: Callable[[], Array], n_heads: int) -> Callable[[], Array]:
    """llama.cpp turns neighbours, transformers the halves of a head: rows are put where the other looks."""

    def turned() -> Array:
        rows = read()
        halves = rows.reshape(n_heads, 2, rows.shape[0] // n_heads // 2, *rows.shape[1:])
        return halves.swapaxes(1, 2).reshape(rows.shape)

    return turned


def _safetensors(path: Path) -> Iterator[tuple[str, tuple[int, ...], Callable[[], Array]]]:
    """Names, shapes, and what reads the numbers; bfloat16, which numpy does not know, as float32."""
    head, size = _head_of(path)
    for name, said in head.items():
        if name == "__metadata__":
            continue
        kind, (begin, end) = said["dtype"], said["data_offsets"]
        if kind not in _KINDS:
            raise _unwritable(path.parent, f"{name} is of type {kind}")

        def read(
            kind: str = kind,
            begin: int = begin,
            end: int = end,
            shape: tuple[int, ...] = tuple(said["shape"]),
        ) -> Array:
            raw: Array = np.memmap(path, np.uint8, "r", 8 + size + begin, end - begin).view(_KINDS[kind])
            numbers = (raw.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else raw
            return np.asarray(numbers).reshape(shape)

        yield name, tuple(said["shape"]), read


def _head_of(path: Path) -> tuple[Json, int]:
    """What is where, and how long that is said."""
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            head: Json = dict(json.loads(stream.read(min(size, path.stat().st_size))))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path} is damaged: {error}", fix="make or download it anew") from error
    return head, size


_KINDS: dict[str, type[np.generic]] = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def _write_tensors(writer: GGUFWriter, tensors: list[_Tensor], precision: Precision) -> None:
    """One after the other: a model may be larger than memory."""
    import gguf

    kinds = {}
    for tensor in tensors:
        kind = gguf.GGMLQuantizationType[precision.upper()]
        if len(tensor.shape) == 1:
            kind = gguf.GGMLQuantizationType.F32
        elif precision == "q8_0" and tensor.shape[-1] % 32:  # its blocks
            kind = gguf.GGMLQuantizationType.F16
        kinds[tensor.name] = kind
        n_bytes = math.prod(gguf.quant_shape_to_byte_shape(tensor.shape, kind))
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), n_bytes, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in tensors:
        numbers = tensor.read().astype(np.float32)
        writer.write_tensor_data(np.ascontiguousarray(gguf.quants.quantize(numbers, kinds[tensor.name])))
