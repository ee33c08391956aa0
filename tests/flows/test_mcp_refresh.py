"""A refresh over MCP servers: one that is published, and one of our own."""

from __future__ import annotations

import sys
from pathlib import Path

import mcp_facts
import pytest
from commands import Sandbox, refused
from snapshots import rows
from warm import WarmToolloom

pytestmark = pytest.mark.slow

SERVED = 'category="Reference", collections=["Everyday"]'
TIME = f'{{kind="mcp", name="time", command=["mcp-server-time", "--local-timezone", "UTC"], {SERVED}}}'
FACTS = f'{{kind="mcp", name="facts", command=["{sys.executable}", "{mcp_facts.__file__}"], {SERVED}}}'
FEW = ["--set", "instruct.accepted=6", "--set", "instruct.per_sample=4", "--set", "probe.spacing_s=0.0"]


def sources(*listed: str) -> list[str]:
    return ["--set", f"catalogue.sources=[{', '.join(listed)}]"]


@pytest.fixture(scope="module")
def refreshed(toolloom: WarmToolloom, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("mcp") / "data"
    done = toolloom("refresh", *sandbox.settings(), *sources(TIME, FACTS), *FEW, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return data


def test_every_stage_is_accounted_for(refreshed: Path) -> None:
    funnel = rows(refreshed, "SELECT stage, n_in, n_out, n_rejected FROM funnel")

    assert [row["stage"] for row in funnel][::6] == ["crawl", "annotate"]
    assert all(row["n_in"] == row["n_out"] + row["n_rejected"] for row in funnel)
    assert (funnel[0]["n_out"], funnel[-2]["n_out"]) == (7, 6)


def test_tools_that_read_are_kept(refreshed: Path) -> None:
    kept = rows(refreshed, "SELECT api_id FROM verdicts WHERE kept AND api_id LIKE '%facts%'")

    names = ("capital", "metals", "moons", "weight")
    assert sorted(row["api_id"] for row in kept) == [f"Reference/facts/{name}" for name in names]


def test_a_tool_that_may_change_something_is_skipped_with_what_would_allow_it(refreshed: Path) -> None:
    (skipped,) = rows(refreshed, "SELECT row_id, reason, detail FROM rejects WHERE reason = 'unsafe_skipped'")

    assert (skipped["row_id"], skipped["reason"]) == ("Reference/facts/forget", "unsafe_skipped")
    assert 'name it in `allow_tools` of the mcp source "facts"' in skipped["detail"]


def test_searches_really_call_the_servers(refreshed: Path) -> None:
    called = rows(
        refreshed,
        "SELECT outcome, origin, http_status, count(*) AS n FROM calls JOIN apis USING (api_id) "
        "WHERE protocol = 'mcp' AND outcome = 'ok' GROUP BY ALL",
    )

    assert [(row["origin"], row["http_status"], row["n"] > 0) for row in called] == [("real", None, True)]


def starts(data: Path) -> int:
    return (data / "logs" / "mcp-facts.log").read_text().count("facts: started")


def test_a_run_starts_a_server_once_and_a_repeat_not_at_all(
    toolloom: WarmToolloom, sandbox: Sandbox, refreshed: Path
) -> None:
    assert starts(refreshed) == 1

    done = toolloom("refresh", *sandbox.settings(), *sources(TIME, FACTS), *FEW, "--data", refreshed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Up to date" in done.stdout
    assert starts(refreshed) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            '{kind="mcp", name="x", command=["no-such-server"]}',
            "is started by `no-such-server`, and",
        ),
        ('{kind="mcp", name="x", command=["false"]}', "could not be opened: it ended before it had answered"),
        ('{kind="mcp", name="x"}', "needs exactly one of `command` and `url`"),
        (
            '{kind="mcp", name="x", url="http://x.test", headers={A="NOT_SET"}}',
            "takes A from NOT_SET, which",
        ),
    ],
)
def test_a_source_that_is_no_server_is_bad_usage(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path, source: str, message: str
) -> None:
    code, text = refused(toolloom("refresh", *sandbox.settings(), *sources(source), "--data", tmp_path))

    assert code == 2
    assert message in text
