"""The chat template of models that are trained and served here."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).parent / "templates"
# What a template writes around a call, and vLLM's name of what reads it.
_PARSERS = (
    ("[TOOL_CALLS]", "mistral"),
    ("<|python_tag|>", "llama3_json"),
    ("<function=", "qwen3_coder"),
    ("<tool_call>", "hermes"),
)


@dataclass(frozen=True)
class Template:
    """text: the model's own or ours; None: it has none.  note: what is to be known of it, if anything."""

    text: str | None
    is_own: bool
    note: str | None = None

    @property
    def parser(self) -> str | None:
        """vLLM's name of what reads calls that are written so."""
        text = self.text or ""
        return next((name for mark, name in _PARSERS if mark in text), None)


def chatml_tools() -> str:
    """ChatML with functions, for transformers, TRL, vLLM and llama.cpp, which render it to the same bytes.

    A call's arguments may be an object, or JSON text, which is shown as it is: the same bytes where it is
    written as `json.dumps(arguments, ensure_ascii=False)` does.
    """
    return (_TEMPLATES / "chatml_tools.jinja").read_text(encoding="utf-8")


def is_chatml(vocabulary: Container[str]) -> bool:
    """Whether a tokenizer has the marks of that template as tokens."""
    return all(mark in vocabulary for mark in ("<|im_start|>", "<|im_end|>"))


def shows_functions(template: str) -> bool:
    """Whether a template shows a model the functions that it may call, and its calls."""
    return "tools" in template and "tool_calls" in template


def template_of(folder: Path) -> Template:
    """The template of a folder's model: its own if that shows functions, ours if it has ChatML's marks."""
    return chosen_template(_own_template(folder), _tokens(folder))


def chosen_template(own: str | None, vocabulary: Container[str]) -> Template:
    """Of a model with that template and those tokens."""
    if own is not None and shows_functions(own):
        return Template(own, is_own=True)
    what = "it has no chat template" if own is None else "its chat template shows no functions"
    if is_chatml(vocabulary):
        return Template(chatml_tools(), is_own=False, note=f"{what}: chatml_tools is used instead")
    note = f"{what}, and it does not know the marks of ours: calls are written as text"
    return Template(own, is_own=True, note=note)


def _own_template(folder: Path) -> str | None:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    said = _json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(said, list):  # several, each with its name
        named = {each.get("name"): each.get("template") for each in said if isinstance(each, dict)}
        said = named.get("tool_use") or named.get("default")
    return said if isinstance(said, str) else None


def _tokens(folder: Path) -> set[str]:
    tokenizer = _json(folder / "tokenizer.json")
    added = {str(each.get("content")) for each in tokenizer.get("added_tokens") or ()}
    return added | set((tokenizer.get("model") or {}).get("vocab") or ())


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
