"""The chat template of models that are trained and served here."""

from __future__ import annotations

from pathlib import Path

_TEMPLATES = Path(__file__).parent / "templates"


def chatml_tools() -> str:
    """ChatML with functions, for transformers, TRL, vLLM and llama.cpp, which render it to the same bytes.

    A call's arguments may be an object, or JSON text, which is shown as it is: the same bytes where it is
    written as `json.dumps(arguments, ensure_ascii=False)` does.
    """
    return (_TEMPLATES / "chatml_tools.jinja").read_text(encoding="utf-8")
