"""Every module stands on a floor, so that `lint-imports` sees what it imports."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
CONTRACTS = {contract["name"]: contract for contract in SETTINGS["importlinter"]["contracts"]}
FLOORS: list[str] = CONTRACTS["Floors: imports point down only"]["layers"]
ANNEXE = "sandbox"  # beside the floors, under two contracts of its own


def modules_on(floors: list[str]) -> list[str]:
    return [module.strip() for floor in floors for module in floor.split("|")]


def modules_in(folder: Path) -> set[str]:
    """Modules and packages right below a folder."""
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}


def test_every_package_is_on_a_floor() -> None:
    top = {module.split(".")[0] for module in modules_on(FLOORS)} | {ANNEXE}

    assert modules_in(ROOT) == top == set(SETTINGS["importlinter"]["root_packages"])


def test_every_module_of_tasks_is_on_one_floor() -> None:
    listed = [module for module in modules_on(FLOORS) if module.startswith("tasks.")]

    frame = {f"tasks.frame.{module}" for module in modules_in(ROOT / "tasks" / "frame")}
    there = {f"tasks.{module}" for module in modules_in(ROOT / "tasks") - {"frame"}}
    assert sorted(listed) == sorted(there | frame)


def test_prefect_is_forbidden_below_the_stages() -> None:
    (highest,) = (at for at, floor in enumerate(FLOORS) if "tasks.frame.policies" in floor)
    below = {*modules_on(FLOORS[highest + 1 :]), ANNEXE} - {"tasks.errors"}  # the ground: it imports nothing

    assert set(CONTRACTS["Prefect stays above the domain"]["source_modules"]) >= below


def test_the_sandbox_is_forbidden_everything_else() -> None:
    others = set(SETTINGS["importlinter"]["root_packages"]) - {ANNEXE}

    assert set(CONTRACTS["The sandbox knows none of ours"]["forbidden_modules"]) == others


def test_the_contracts_hold() -> None:
    run = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", run, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contracts_are_part_of_the_check() -> None:
    _, _, rest = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")

    assert "lint-imports" in rest.split("\n\n")[0]


def test_a_commit_is_checked_as_make_does() -> None:
    _, _, rest = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")
    tools = re.findall(r"^\t\$\(BIN\)/(.+)$", rest.split("\n\n")[0], re.MULTILINE)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")

    assert [tool for tool in tools if f"entry: .venv/bin/{tool.removesuffix(' .')}" not in hooks] == []
