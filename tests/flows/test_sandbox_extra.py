"""Without the extra `sandbox`: one's own APIs work, and the sandbox says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from commands import command_with

import sandbox

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Libraries of the sandbox that others of ours bring along are there without the extra.
COME_ANYWAY = {"dateutil", "humanize", "jsonschema", "packaging"}
HIDDEN = [library for library in sandbox.LIBRARIES if library not in COME_ANYWAY]
HIDING = f"""
import sys
class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(HIDDEN)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hiding())
"""
PETS = """
openapi: 3.1.0
info: {title: Pets, version: "1", description: All about pets.}
servers: [{url: "https://pets.example.com"}]
paths:
  /pets:
    get:
      operationId: listPets
      summary: Lists all pets of a kind.
      parameters: [{name: kind, in: query, required: true, example: cat, schema: {type: string}}]
      responses: {"200": {description: They are listed.}}
"""


@pytest.fixture
def without_libraries(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python, children included, finds none of them."""
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding" / "sitecustomize.py").write_text(HIDING)
    return {"PYTHONPATH": str(tmp_path / "hiding")}


def test_the_extra_is_what_the_sandbox_imports() -> None:
    names = {"python-dateutil": "dateutil"}
    extra = PYPROJECT["project"]["optional-dependencies"]["sandbox"]

    assert sorted(names.get(name, name.replace("-", "_")) for name in extra) == list(sandbox.LIBRARIES)


def test_nobody_else_may_import_them() -> None:
    contracts = {each["name"]: each for each in PYPROJECT["tool"]["importlinter"]["contracts"]}
    contract = contracts["Only the sandbox needs the libraries of the extra `sandbox`"]

    assert contract["forbidden_modules"] == list(sandbox.LIBRARIES)
    assert {*contract["source_modules"], "sandbox"} == set(PYPROJECT["tool"]["importlinter"]["root_packages"])


@pytest.mark.parametrize("command", ["sandbox", "refresh", "serve"])
def test_the_sandbox_says_what_to_install(
    tmp_path: Path, without_libraries: dict[str, str], command: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows", command],
        env={**os.environ, **without_libraries, "TOOLLOOM_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"toolloom: the sandbox needs libraries that are not installed: {', '.join(HIDDEN)}\n"
        "  fix: install them, in a checkout of toolloom: pip install '.[sandbox]'; for APIs of your own "
        "none is needed: name a configuration with --config (flows/profiles/ has examples)\n",
    )


def test_its_servers_say_so_on_their_own(without_libraries: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.serve"],
        env={**os.environ, **without_libraries},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "libraries that are not installed: airportsdata, " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_apis_of_ones_own_need_none_of_them(
    prefect_api: str, tmp_path: Path, without_libraries: dict[str, str]
) -> None:
    toolloom = command_with(prefect_api)
    env = {**without_libraries, "TOOLLOOM_DATA": str(tmp_path / "data")}
    (tmp_path / "pets.yaml").write_text(PETS)
    (tmp_path / "own.toml").write_text(
        f'[catalogue]\nsources = [{{kind = "openapi", location = "{tmp_path}/pets.yaml"}}]\n'
    )

    done = toolloom("refresh", "--until", "crawl", "--config", tmp_path / "own.toml", env=env)
    rows = toolloom("sql", "SELECT count(*) AS n FROM apis", "--format", "csv", env=env)

    assert (done.returncode, done.stderr, rows.stdout.split()) == (0, "", ["n", "1"])
