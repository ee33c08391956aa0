"""What code a stage runs, and a digest of it that only a change of code changes."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

import grimp

ROOT = Path(__file__).parents[2]
# They decide when, where and how fast a stage runs, not what its rows say.
INFRASTRUCTURE = ("tasks.errors", "tasks.frame")
NOT_FOLLOWED = (*INFRASTRUCTURE, "tasks.transport")
# What a stage is handed by the services instead of importing it, and which shapes its rows all the same.
SERVED = {"calls": "tasks.calling.call", "model": "tasks.llm.replies"}


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("tasks", cache_dir=None)


@dataclass(frozen=True)
class StageCode:
    """VERSION of `tasks/<stage>.py`, and the digest of each module it runs."""

    version: int
    modules: dict[str, str]


def stages() -> list[str]:
    """The modules of `tasks/` that have a version, by name."""
    modules = sorted(path.stem for path in (ROOT / "tasks").glob("*.py"))
    return [module for module in modules if _version(_parsed(f"tasks.{module}")) is not None]


def stage_code(stage: str) -> StageCode:
    version = _version(_parsed(f"tasks.{stage}"))
    assert version is not None, f"tasks/{stage}.py has no VERSION"
    return StageCode(version=version, modules={module: _digest(module) for module in _modules(stage)})


def _version(tree: ast.Module) -> int | None:
    values = [statement.value for statement in tree.body if _is_version(statement)]
    return ast.literal_eval(values[0]) if values else None


def _is_version(statement: ast.stmt) -> TypeGuard[ast.Assign]:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return isinstance(target, ast.Name) and target.id == "VERSION"


def _modules(stage: str) -> list[str]:
    """The stage's module, what it imports below `tasks`, directly or not, and what it is handed."""
    found: set[str] = set()
    ahead = {f"tasks.{stage}", *_handed(_parsed(f"tasks.{stage}"))}
    while ahead:
        module = ahead.pop()
        found.add(module)
        ahead |= {
            imported
            for imported in imports().find_modules_directly_imported_by(module)
            if imported not in found and not _is_infrastructure(imported)
        }
    return sorted(found)


def _handed(tree: ast.Module) -> set[str]:
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {
        SERVED[node.attr]
        for node in attributes
        if node.attr in SERVED and isinstance(node.value, ast.Name) and node.value.id == "services"
    }


def _is_infrastructure(module: str) -> bool:
    return any(module == other or module.startswith(f"{other}.") for other in NOT_FOLLOWED)


@cache
def _digest(module: str) -> str:
    return digest_of(_parsed(module))


@cache
def _parsed(module: str) -> ast.Module:
    path = ROOT / f"{module.replace('.', '/')}.py"
    return ast.parse((path if path.is_file() else path.with_suffix("") / "__init__.py").read_text("utf-8"))


def digest_of(tree: ast.Module) -> str:
    """Of what is executed: not of comments, docstrings, line breaks or VERSION itself."""
    return hashlib.blake2b(repr(list(_spoken(tree))).encode(), digest_size=8).hexdigest()


def _spoken(value: Any) -> Iterator[Any]:
    """The tree as values.  Empty fields are left out: which of them there are depends on Python's version."""
    if isinstance(value, list):
        yield [list(_spoken(item)) for item in value if not _is_unspoken(item)]
    elif isinstance(value, ast.Constant):
        yield (type(value.value).__name__, repr(value.value))
    elif isinstance(value, ast.AST):
        fields = ((name, field) for name, field in ast.iter_fields(value) if field not in (None, []))
        yield (type(value).__name__, [(name, list(_spoken(field))) for name, field in fields])
    else:
        yield repr(value)


def _is_unspoken(statement: Any) -> bool:
    """A docstring, or the version, which has its own place."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return isinstance(statement.value.value, str)
    return isinstance(statement, ast.stmt) and _is_version(statement)
