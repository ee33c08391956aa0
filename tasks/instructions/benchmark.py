"""The texts of a benchmark, read from a file of any of the usual forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import UsageError

_KEYS = ("query", "instruction", "question", "prompt", "input", "text")


def read_benchmark(file: Path) -> tuple[str, ...]:
    """The texts of a file: `.json` as ToolBench's queries are, `.jsonl` a record or string a line, else a
    text a line.

    Raises `UsageError` when the file cannot be read or holds no text.
    """
    texts = tuple(text for text in _texts(file) if text.strip())
    if not texts:
        raise UsageError(
            f"benchmark file {file} holds no text",
            fix=f"records need one of the keys {', '.join(_KEYS)}; plain files have a text a line",
        )
    return texts


def _texts(file: Path) -> Iterator[str]:
    content = _content(file)
    if file.suffix == ".json":
        yield from _texts_in(_parsed(content, file, "file"))
    elif file.suffix in {".jsonl", ".ndjson"}:
        for number, line in enumerate(content.splitlines(), start=1):
            if line.strip():
                yield from _texts_in(_parsed(line, file, f"line {number}"))
    else:
        yield from content.splitlines()


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            f"benchmark file {file} cannot be read: {why}", fix="check the path in [instruct] decontaminate"
        ) from error


def _parsed(text: str, file: Path, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"benchmark file {file} is not JSON ({where}: {error})",
            fix="name a file .json, .jsonl, or otherwise when it has a text a line",
        ) from error


def _texts_in(value: Any) -> Iterator[str]:
    """The text of a record, or those of a list or mapping of records."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for record in value:
            yield from _texts_in(record)
    elif isinstance(value, dict):
        own = next((value[key] for key in _KEYS if isinstance(value.get(key), str)), None)
        if own is not None:
            yield own
        else:
            for record in value.values():
                if isinstance(record, list | dict):
                    yield from _texts_in(record)
