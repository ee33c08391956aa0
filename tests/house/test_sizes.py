"""Functions and files stay short enough to be read at one go."""

from __future__ import annotations

import ast
import statistics
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("toolloom", "flows", "tasks", "warehouse", "sandbox", "prompts", "seeds")

USUAL_FUNCTION = 13
LONGEST_FUNCTION = 60
LONGEST_FILE = 450


@cache
def sources() -> dict[str, str]:
    """Text by path, of everything but the tests."""
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


@cache
def functions() -> dict[str, int]:
    """The lines of each function: signature, docstring and body, without decorators."""
    return {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, text in sources().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_the_usual_function_is_short() -> None:
    assert len(functions()) > 500
    assert statistics.median(functions().values()) <= USUAL_FUNCTION


def test_no_function_is_long() -> None:
    assert {name: lines for name, lines in functions().items() if lines > LONGEST_FUNCTION} == {}


def test_no_file_is_long() -> None:
    lines = {path: text.count("\n") for path, text in sources().items()}

    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}
