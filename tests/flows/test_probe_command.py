"""`toolloom probe`: the catalogue of the last run is called again, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from commands import Sandbox, refused
from llm_server import ApplicationThread
from warm import WarmToolloom

pytestmark = pytest.mark.slow

TRANSIENT_FAILURES = """
    SELECT api_id FROM verdicts
    WHERE reason IN ('timeout', 'connection_error', 'server_error', 'rate_limited', 'slow')
"""
QUICKLY = ["--set", "probe.attempts=2"]


def rows(toolloom: WarmToolloom, data: Path, sql: str) -> list[dict[str, Any]]:
    done = toolloom("sql", sql, "--format", "json", "--data", data)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def verdicts(toolloom: WarmToolloom, data: Path) -> dict[str, tuple[bool, str]]:
    found = rows(toolloom, data, "SELECT api_id, kept, probed_at::VARCHAR AS at FROM verdicts")
    return {row["api_id"]: (row["kept"], row["at"]) for row in found}


def n_runs(data: Path) -> int:
    return len(list((data / "runs").glob("2*.json")))


@pytest.fixture(scope="module")
def willing() -> Iterator[list[str]]:
    """Settings that lead every call to a server that answers whatever it is asked."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"asked": request.path})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    with ApplicationThread(app) as url:
        yield ["--set", f'calling.resolve={{"*.sandbox.test" = "{url}"}}']


@pytest.fixture(scope="module")
def probed(toolloom: WarmToolloom, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue that was crawled and probed."""
    data = tmp_path_factory.mktemp("probed") / "data"
    done = toolloom("refresh", "--until", "probe", *QUICKLY, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    return data


def test_only_what_is_stale_is_tried_again(
    toolloom: WarmToolloom, sandbox: Sandbox, probed: Path, willing: list[str]
) -> None:
    before = verdicts(toolloom, probed)
    stale = {row["api_id"] for row in rows(toolloom, probed, TRANSIENT_FAILURES)}
    settings = [*QUICKLY, *sandbox.settings(), *willing, "--data", str(probed)]

    done = toolloom("probe", "--only-stale", *settings)

    assert done.returncode == 0, done.stdout + done.stderr
    after = verdicts(toolloom, probed)
    assert {api_id for api_id in before if after[api_id] != before[api_id]} == stale
    assert all(after[api_id][0] for api_id in stale)
    assert f"{len(stale)} of {len(before)} APIs probed" in done.stdout
    assert f"{len(stale)} are back, 0 are lost" in done.stdout
    assert rows(toolloom, probed, "SELECT kind FROM runs ORDER BY started_at") == [
        {"kind": "refresh"},
        {"kind": "probe"},
    ]
    healthy = rows(
        toolloom,
        probed,
        "SELECT api_id, n_probes, failing_since FROM api_health WHERE n_probes > 2 ORDER BY api_id",
    )
    assert healthy == [{"api_id": api_id, "n_probes": 4, "failing_since": None} for api_id in sorted(stale)]

    again = toolloom("probe", "--only-stale", *settings)

    assert (again.returncode, n_runs(probed)) == (0, 2), again.stdout + again.stderr
    assert "Nothing is stale" in again.stdout


def test_the_next_refresh_starts_from_the_newest_verdicts(
    toolloom: WarmToolloom, sandbox: Sandbox, probed: Path, willing: list[str]
) -> None:
    settings = [*QUICKLY, *sandbox.settings()]
    asked = sandbox.stats["requests"]
    done = toolloom("probe", *settings, *willing, "--data", probed)
    assert done.returncode == 0, done.stdout + done.stderr
    after = verdicts(toolloom, probed)
    # That others answer now is drift, and found without the model.
    assert sandbox.stats["requests"] == asked
    (found,) = rows(toolloom, probed, "SELECT count(*) AS n FROM api_drift WHERE drifted")
    assert found["n"] > 0
    assert {api_id for api_id, (kept, _) in after.items() if not kept} == {
        row["api_id"] for row in rows(toolloom, probed, "SELECT api_id FROM apis WHERE method = 'DELETE'")
    }

    done = toolloom("refresh", "--until", "compress", *settings, "--data", probed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "cached" in next(line for line in done.stdout.splitlines() if " probe " in line)
    assert verdicts(toolloom, probed) == after
    (documented,) = rows(toolloom, probed, "SELECT count(*) AS n FROM documents")
    assert documented["n"] == sum(kept for kept, _ in after.values())


def test_a_network_that_is_down_loses_no_api(toolloom: WarmToolloom, sandbox: Sandbox, probed: Path) -> None:
    before, runs_before = verdicts(toolloom, probed), n_runs(probed)
    nowhere = ["--set", 'calling.resolve={"*.sandbox.test" = "http://127.0.0.1:1"}']

    done = toolloom("probe", *QUICKLY, *sandbox.settings(), *nowhere, "--data", probed)

    code, text = refused(done)
    assert (code, "APIs could be reached" in text) == (1, True)
    assert (verdicts(toolloom, probed), n_runs(probed)) == (before, runs_before)
