"""`tasks/errors.py` draws the errors that are raised on purpose, wherever they are defined."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tasks import errors

ROOT = Path(__file__).parents[2]
FOLDERS = ("toolloom", "flows", "tasks", "warehouse", "prompts", "seeds")


def test_the_tree_of_errors_is_whole() -> None:
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    roots = {"ToolloomError", "Transient", "BadRow", "StopRun", "UsageError"}
    drawn = set(re.findall(r"\w+", errors.__doc__ or ""))

    assert {name for name, of in bases.items() if of & roots} - drawn == set()
