"""What README and docs show is what a user gets: the sandbox's data set, made by the default command.

`UPDATE_GOLDEN=1 pytest tests/docs` renews what they show.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Command
from console_blocks import Shown, renewed, shown_in
from snapshots import snapshot_of
from typer.testing import CliRunner

from flows.cli import app
from flows.configure import load_config
from sandbox.teacher.documents import of_document
from sandbox.teacher.prompts import Instruct, recognise
from sandbox.teacher.writing import EARLIER, draft
from tasks.exact_json import digest_of
from tasks.instructions.names import names_of
from tasks.instructions.propose import chosen_seeds, propose_request
from tasks.search.arguments import read_arguments
from warehouse.connect import open_database
from warehouse.query import list_queries, query

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/costs.md", "docs/questions.md", "docs/journey.md", "docs/exports.md"]
WIDTH = "100"


@pytest.fixture(scope="module")
def data(toolloom: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of `toolloom refresh` as the README starts it."""
    folder = tmp_path_factory.mktemp("default-run") / "data"
    done = toolloom("refresh", "--data", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader is: documented commands may write files beside them."""
    return tmp_path_factory.mktemp("somewhere")


def looked(words: list[str], folder: Path) -> str:
    """What a line of Python says of files written before."""
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def printed(data: Path, words: list[str], folder: Path) -> str:
    if words[0] == "python3":
        return looked(words, folder)
    assert words[0] == ".venv/bin/toolloom", f"a documented command must be found where it is typed: {words}"
    environment = {"TOOLLOOM_DATA": str(data), "COLUMNS": WIDTH}
    with contextlib.chdir(folder):
        result = CliRunner().invoke(app, words[1:], env=environment)
    assert result.exit_code == 0, (words, result.output)
    return result.output


@pytest.mark.parametrize("page", PAGES)
def test_commands_print_what_the_page_shows(data: Path, somewhere: Path, page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    now = renewed(text, lambda words: printed(data, words, somewhere))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(now, encoding="utf-8")
    assert shown_in(path.read_text(encoding="utf-8")) == shown_in(now)


@pytest.mark.parametrize("page", PAGES)
def test_every_question_shown_has_an_answer(page: str) -> None:
    shown = shown_in((ROOT / page).read_text(encoding="utf-8"))
    assert [each.command for each in shown if each.output[-1:] == ("0 rows",)] == []


def test_the_python_page_runs_and_prints_what_it_shows(
    data: Path, somewhere: Path, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "python.md"
    text = page.read_text(encoding="utf-8")
    monkeypatch.setenv("TOOLLOOM_DATA", str(data))
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    monkeypatch.chdir(somewhere)
    names: dict[str, object] = {}

    def renewed_block(block: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block[1], names)  # noqa: S102 - the page's own lines
        shown = f"\n```text\n{printed.getvalue()}```\n" if block[2] else ""
        return f"```python\n{block[1]}```\n{shown}"

    now = re.sub(r"```python\n(.*?)```\n(\n```text\n.*?```\n)?", renewed_block, text, flags=re.DOTALL)
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(now, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == now


def test_apis_are_called_with_the_values_that_instructions_were_made_from(data: Path) -> None:
    """Of 60 answered instructions drawn by hash.  The teacher's drafts say which values it stated."""
    made = snapshot_of(data)
    documents = {row.api_id: row for row in made.rows("documents")}
    samples = {row.sample_id: row for row in made.rows("samples")}
    instructions = {row.instruction_id: row for row in made.rows("instructions")}
    names = names_of(made.rows("tools"), made.rows("apis"))
    params = load_config().instruct
    calls: dict[str, list[dict[str, object]]] = {}
    for node in made.rows("nodes"):
        if node.outcome == "ok" and node.function != "Finish":
            calls.setdefault(node.annotation_id, []).append(
                json.loads(read_arguments(node.arguments, repair=True).text)
            )
    answered = [row for row in made.rows("annotations") if row.win]

    drawn = sorted(answered, key=lambda row: digest_of(row.annotation_id))[:60]
    right = []
    for row in drawn:
        instruction = instructions[row.instruction_id]
        sample = samples[instruction.sample_id]
        request = propose_request(sample, documents, names, chosen_seeds(sample, params), params)
        task = recognise({"messages": [message.wire() for message in request.transcript]})
        assert isinstance(task, Instruct)
        apis = [of_document(document) for document in task.documents]
        drafts = {one.query: one for one in (draft(task, apis, number) for number in range(task.n))}
        right.append(
            instruction.query in drafts
            and all(
                any(
                    all(call.get(name) == value for name, value in stated.items() if value != EARLIER)
                    for call in calls[row.annotation_id]
                )
                for stated in drafts[instruction.query].values
            )
        )

    assert (len(right), sum(right)) >= (60, 58)


@pytest.mark.slow
def test_make_compare_prints_what_the_readme_shows(
    data: Path, toolloom: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    compared = tmp_path_factory.mktemp("compared") / "data"
    shutil.copytree(data, compared)
    recipe = re.search(r"^compare:.*\n((?:\t.*\n)+)", _makefile(), re.MULTILINE)
    assert recipe is not None
    *commands, last = (line.split()[1:] for line in recipe[1].splitlines())
    for words in commands:
        done = toolloom(*words, "--data", compared)
        assert done.returncode == 0, done.stderr
    now = printed(compared, [".venv/bin/toolloom", *last], compared)
    page = ROOT / "README.md"
    block = re.compile(r"(?<=`make compare`)([^`]*?```text\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
    lines = "".join(f"{line.rstrip()}\n" for line in now.splitlines())
    renewed_page = block.sub(lambda found: found[1] + lines, page.read_text("utf-8"))
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(renewed_page, encoding="utf-8")
    assert page.read_text("utf-8") == renewed_page
    assert lines in renewed_page


def test_every_named_query_runs(data: Path) -> None:
    """Over a whole run, in one connection; that commands ask the same way is seen on the pages."""
    with open_database(data) as connection:
        columns = {name: len(query(connection, f"@{name}").columns) for name in list_queries()}
    assert min(columns.values()) > 0


@pytest.mark.parametrize(
    ("target", "command"), [("refresh", ".venv/bin/toolloom refresh"), ("test", ".venv/bin/pytest")]
)
def test_make_runs_what_the_readme_says(target: str, command: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--assume-old", ".venv/.installed", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert command in done.stdout


def test_the_pages_install_as_make_does() -> None:
    """The lines for those without make are the recipes' own."""
    pages = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/training.md"))
    for line in re.findall(r"^\t\$\(BIN\)/python -m pip (install .*)$", _makefile(), re.MULTILINE):
        needed = line.replace("--quiet ", "").replace("--disable-pip-version-check ", "")
        assert needed in pages


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    missing = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert missing == []


def test_a_block_is_read_as_it_is_written() -> None:
    page = 'x\n```console\n$ a "b\nc"\nout 1\nout 2\n$ d\n```\ny'
    assert shown_in(page) == [Shown('a "b\nc"', ("out 1", "out 2")), Shown("d", ())]
    assert renewed(page, lambda words: f"{words}  \n") == (
        "x\n```console\n$ a \"b\nc\"\n['a', 'b\\nc']\n$ d\n['d']\n```\ny"
    )


def _makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")
