"""A ToolBench catalogue, executed by a ToolBench service, as far as instructions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import requests
from commands import Sandbox, refused
from snapshots import rows
from warm import WarmToolloom

from sandbox import catalogue
from sandbox.toolbench_folder import write_folder

pytestmark = pytest.mark.slow

SERVICE = ["--set", "calling.executor=toolbench"]
SERVICE += ["--set", "calling.toolbench_url=http://toolbench.sandbox.test/virtual"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Part of the sandbox's catalogue in ToolBench's format, with a file that is broken."""
    folder = tmp_path_factory.mktemp("toolbench")
    write_folder(folder, [tool for tool in catalogue.tools() if tool.category == "Finance"])
    (folder / "tools" / "Finance" / "broken.json").write_text('{"tool_name": ')
    return folder


def from_folder(folder: Path) -> list[str]:
    return ["--set", f'catalogue.sources=[{{kind="toolbench", location="{folder}"}}]']


def executed(sandbox: Sandbox) -> int:
    counted: int = requests.get(f"{sandbox.hub}/stats", timeout=10).json()["by_outcome"].get("toolbench", 0)
    return counted


def refresh(
    toolloom: WarmToolloom, sandbox: Sandbox, data: Path, settings: Sequence[str], *, until: str
) -> None:
    done = toolloom("refresh", *sandbox.settings(), *settings, "--until", until, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def refreshed(
    toolloom: WarmToolloom, sandbox: Sandbox, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    data = tmp_path_factory.mktemp("refreshed") / "data"
    few = ["--set", "instruct.accepted=4", "--set", "instruct.per_sample=4"]
    settings = [*from_folder(folder), *SERVICE, *few]
    before = executed(sandbox)
    refresh(toolloom, sandbox, data, settings, until="select")
    assert executed(sandbox) > before
    return data


def test_every_stage_has_something_to_go_on(refreshed: Path) -> None:
    funnel = rows(refreshed, "SELECT stage, n_in, n_out, n_rejected FROM funnel")

    assert [row["stage"] for row in funnel] == ["crawl", "probe", "compress", "sample", "propose", "select"]
    assert all(row["n_in"] == row["n_out"] + row["n_rejected"] for row in funnel)
    assert funnel[-1]["n_out"] == 4


def test_sound_apis_are_kept_and_the_others_have_reasons(refreshed: Path) -> None:
    found = rows(
        refreshed,
        "SELECT count(*) FILTER (kept) AS kept, count(*) AS apis, "
        "count(*) FILTER (verdicts.reason = 'ok' AND verdicts.example_response IS NULL) AS without_example, "
        "count(DISTINCT protocol) AS protocols, any_value(protocol) AS protocol "
        "FROM verdicts JOIN apis USING (api_id)",
    )
    (counted,) = found

    assert counted["kept"] >= 0.6 * counted["apis"]
    assert (counted["without_example"], counted["protocols"], counted["protocol"]) == (0, 1, "toolbench")


def test_a_broken_file_is_told_and_stops_nothing(refreshed: Path, folder: Path) -> None:
    rejects = rows(refreshed, "SELECT row_id, reason FROM rejects WHERE stage = 'crawl'")

    assert rejects == [{"row_id": f"{folder.name}/tools/Finance/broken.json", "reason": "not_json"}]


def test_the_catalogue_does_not_depend_on_who_executes_it(
    toolloom: WarmToolloom, sandbox: Sandbox, refreshed: Path, folder: Path, tmp_path: Path
) -> None:
    refresh(toolloom, sandbox, tmp_path, from_folder(folder), until="crawl")

    apis = "SELECT * FROM apis ORDER BY api_id"
    assert rows(tmp_path, apis) == rows(refreshed, apis)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (from_folder(Path("/nowhere")), "the toolbench source '/nowhere' does not exist"),
        (["--set", "calling.executor=toolbench"], "needs toolbench_url"),
        (
            [*SERVICE, "--set", "calling.toolbench_key_env=NO_SUCH_KEY"],
            "the environment variable NO_SUCH_KEY, which is not set",
        ),
    ],
)
def test_what_is_missing_is_found_before_anything_is_asked(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path, settings: list[str], message: str
) -> None:
    asked = sandbox.stats["requests"]
    code, text = refused(toolloom("refresh", *sandbox.settings(), *settings, "--data", tmp_path / "data"))

    assert code == 2
    assert message in text
    assert sandbox.stats["requests"] == asked
