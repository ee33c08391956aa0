"""Functions and files stay short enough to be read at one go, and files are topics.

A cap from above alone makes dust: a file of few lines that one other uses is read with that one, and belongs
into it.
"""

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
SHORT_FILE = 60

SHORT_ALL_THE_SAME = {
    "flows/text/stores.py": "what a command shows is apart from its options, as of all commands",
    "tasks/exporting/beir.py": "a format, beside the others",
    "tasks/export.py": "a verb, beside those of all stages",
    "tasks/transport/mcp/guardian.py": "is run as a program of its own",
}
"""Short files with one user that are no part of it, and why."""


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


@cache
def users() -> dict[str, set[str]]:
    """The files that import each file."""
    modules = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in sources()
    }
    found: dict[str, set[str]] = {path: set() for path in sources()}
    for user, text in sources().items():
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                if name in modules and modules[name] != user:
                    found[modules[name]].add(user)
    return found


def test_what_is_short_and_has_one_user_is_part_of_it() -> None:
    lone = {
        path: f"{len(text.splitlines())} lines, used by {', '.join(users()[path])} alone"
        for path, text in sources().items()
        if text.count("\n") < SHORT_FILE and len(users()[path]) == 1 and not path.endswith("__init__.py")
    }

    assert {path: why for path, why in lone.items() if path not in SHORT_ALL_THE_SAME} == {}
    assert set(SHORT_ALL_THE_SAME) <= lone.keys(), "no exception any more"
