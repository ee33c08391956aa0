"""Progress as a person sees it and as Prefect keeps it: real processes, a real terminal, a real server."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from commands import Sandbox
from prefect import flow
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from pydantic import BaseModel
from terminal import Screen, Terminal
from warm import WarmToolloom

from flows.text.progress import ProgressArtifact, shown
from tasks.calling.params import CallingParams
from tasks.errors import BrokenContract
from tasks.frame.progress import Progress, Snapshot
from tasks.frame.run import RunContext
from tasks.frame.running import run_shards, write_shard
from tasks.frame.services import Services, close_services, services_of
from tasks.frame.stage import Shard, Stage
from tasks.llm.params import LlmParams
from tasks.llm.spending import Spent
from warehouse.ref import Counts, ShardOutput
from warehouse.store import Store
from warehouse.tables import REJECTS
from warehouse.tables.accounts import Reject

pytestmark = pytest.mark.slow

CTRL_C = b"\x03"
# The slow APIs time out soon, but two at a time, and the model has a pace that leaves time to look.
HURRIED = [
    *("--set", "calling.timeout_s=1"),
    *("--set", "calling.concurrency=2"),
    *("--set", "probe.attempts=1"),
    *("--set", "compress.max_tokens=256"),
    *("--set", "llm.requests_per_minute=30"),
]
BAR = "[\u2501\u2578\u257a]+"


@dataclass(frozen=True)
class Seen:
    """A run in a terminal that Ctrl-C ended in its third stage."""

    code: int
    output: str


@pytest.fixture(scope="module")
def seen(prefect_api: str, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    data = tmp_path_factory.mktemp("seen") / "data"
    refresh = [sys.executable, "-m", "flows", "refresh", *sandbox.settings(), *HURRIED, "--data", str(data)]
    with Terminal(refresh, width=100, env={"PREFECT_API_URL": prefect_api, "NO_COLOR": ""}) as terminal:
        terminal.read_until(r"compress .*tokens", 120)
        terminal.press(CTRL_C)
        code = terminal.wait(30)
    return Seen(code, terminal.output)


def test_a_stage_under_way_has_a_line_that_moves(seen: Seen) -> None:
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", seen.output)

    probe = rf"  probe     {BAR} \d+/249 APIs, \d+ rejected, \d+ in flight"
    assert len(set(re.findall(probe, without_colours))) > 1
    assert re.search(rf"  compress  {BAR} \d+/\d+ APIs, \d+ in flight, \d+k tokens", without_colours)


def test_in_the_end_there_is_a_line_for_each_finished_stage_and_the_reason(seen: Seen) -> None:
    about_the_endpoint, *lines = Screen(seen.output).lines

    assert about_the_endpoint.startswith("model endpoint: toolloom-teacher at http://")
    assert [line[:41] for line in lines[:2]] == [
        "  crawl         249 APIs in,             ",
        "  probe         249 APIs in,             ",
    ]
    assert lines[2:] == ["toolloom: interrupted; finished work is kept, the same command goes on from it"]
    assert seen.code == 130


def test_ctrl_c_leaves_the_cursor_visible(seen: Seen) -> None:
    assert Screen(seen.output).cursor_visible


def test_quiet_says_nothing(toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path) -> None:
    done = toolloom("refresh", *sandbox.settings(), "--until", "crawl", "--quiet", "--data", tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def bars(prefect_api: str, key: str) -> list[dict[str, Any]]:
    """The progress artifacts with this key."""
    wanted = {"type": {"any_": ["progress"]}, "key": {"any_": [key]}}
    answer = requests.post(f"{prefect_api}/artifacts/filter", json={"artifacts": wanted}, timeout=10)
    found: list[dict[str, Any]] = answer.json()
    return found


def told(prefect_api: str, key: str) -> dict[str, float]:
    """What they say, and their percentages."""
    return {bar["description"]: bar["data"] for bar in bars(prefect_api, key)}


def delete(prefect_api: str, key: str) -> None:
    for bar in bars(prefect_api, key):
        requests.delete(f"{prefect_api}/artifacts/{bar['id']}", timeout=10).raise_for_status()


def test_prefect_has_a_bar_for_every_stage(seen: Seen, prefect_api: str) -> None:
    del seen

    assert told(prefect_api, "progress-crawl")["crawl: 52 of 52 tools, 0 rejected"] == 100
    # Other tests of the session report to the same server.
    probed = {
        (words.partition(",")[0], percent) for words, percent in told(prefect_api, "progress-probe").items()
    }
    assert ("probe: 249 of 249 APIs", 100) in probed


@pytest.fixture
def _prefect(prefect_api: str, tmp_path: Path) -> Iterator[None]:
    settings: dict[Any, Any] = {
        PREFECT_API_URL: prefect_api,
        PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results",
        PREFECT_LOGGING_TO_API_ENABLED: False,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    with temporary_settings(settings):
        yield


def half_rejected(services: Services, _params: BaseModel, shard: int, breaks: bool) -> ShardOutput:
    if breaks:
        raise BrokenContract(f"shard {shard} breaks")
    reject = Reject(stage="probe", row_id=f"row of {shard}", reason="timeout", detail="3 tries")
    return write_shard(services.store, {REJECTS: [reject]}, Counts(unit="API", n_in=2, n_out=1, n_rejected=1))


STAGE = Stage(name="half rejected", version=1, unit="API", writes=(REJECTS,), work=half_rejected)


def run(folder: Path, progress: Progress, *, breaking: int | None = None) -> list[ShardOutput]:
    progress.expect(6, "API")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    llm = LlmParams(base_url="http://none.invalid/v1", model="none")
    context = RunContext(
        data=folder, run_id="r", started_at=now, as_of={"crawl": now}, calling=CallingParams(), llm=llm
    )
    shards = [
        Shard(f"test-{folder.name}-{number}-{number == breaking}", {"breaks": number == breaking})
        for number in (1, 2, 3)
    ]
    try:
        return run_shards(STAGE, services_of(context), llm, shards, progress)
    finally:
        close_services()


def rejected(folder: Path, outputs: list[ShardOutput]) -> list[str]:
    return [reject.row_id for output in outputs for reject in Store(folder).read(REJECTS, output.tables)]


@pytest.mark.usefixtures("_prefect")
def test_the_bar_follows_and_a_server_that_refuses_it_harms_nobody(prefect_api: str) -> None:
    progress = Progress(Spent)
    progress.expect(4, "API")
    artifact = ProgressArtifact("refused", progress)
    seen: list[dict[str, float]] = []

    @flow
    def refused() -> None:
        for number in range(3):
            progress.settle(number, 1, number, carried=False)
            artifact.publish()
            seen.append(told(prefect_api, "progress-refused"))
            if number == 1:
                delete(prefect_api, "progress-refused")

    refused()

    assert seen == [
        {"refused: 1 of 4 APIs, 0 rejected": 25},
        {"refused: 2 of 4 APIs, 1 rejected": 50},
        {},
    ]


@pytest.mark.usefixtures("_prefect")
def test_a_stage_without_work_of_its_own_has_no_bar(prefect_api: str) -> None:
    progress = Progress(Spent)
    progress.expect(4, "API")
    progress.settle(0, 4, 0, carried=True)

    @flow
    def cached() -> None:
        with shown("cached", progress):
            pass

    cached()

    assert told(prefect_api, "progress-cached") == {}


@pytest.mark.usefixtures("_prefect")
def test_what_is_cached_is_carried_unless_its_file_is_gone(tmp_path: Path) -> None:
    progress = Progress(Spent)
    found: list[tuple[list[str], Snapshot]] = []

    @flow
    def three_times() -> None:
        for _ in range(3):
            outputs = run(tmp_path, progress)
            found.append((rejected(tmp_path, outputs), progress.snapshot()))
            if len(found) == 2:
                (tmp_path / outputs[1].tables[0].path).unlink()

    three_times()

    all_done = Snapshot(unit="API", total=6, done=6, rejected=3)
    assert found == [
        (["row of 1", "row of 2", "row of 3"], replace(all_done, carried=carried)) for carried in (0, 6, 4)
    ]


@pytest.mark.usefixtures("_prefect")
def test_one_shard_s_failure_does_not_abandon_the_others(tmp_path: Path) -> None:
    progress = Progress(Spent)

    @flow
    def breaking() -> None:
        run(tmp_path, progress, breaking=1)

    with pytest.raises(BrokenContract, match="shard 1 breaks"):
        breaking()

    assert progress.snapshot() == Snapshot(unit="API", total=6, done=4, rejected=2)
