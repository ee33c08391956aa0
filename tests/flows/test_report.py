from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.outcome import Refreshed, Spent, StageRun
from flows.report import Voice, announce, say, speaking, summary, voice, voice_of
from warehouse import manifest
from warehouse.ref import Counts, StageOutput, Stop


def ran(stage: str, counts: Counts | None, *, cached: bool = False, stop: Stop | None = None) -> StageRun:
    output = None if counts is None else StageOutput(stage=stage, shards={}, tables={}, counts=counts)
    return StageRun(stage=stage, output=output, stop=stop, cached=cached, seconds=61.23, n_task_runs=1)


@pytest.mark.parametrize(
    ("stage_run", "line"),
    [
        (
            ran("crawl", Counts(unit="API", n_in=249, n_out=240, n_rejected=9)),
            "  crawl         249 APIs in,             240 out,       9 rejected     61.2 s",
        ),
        (
            ran(
                "propose",
                Counts(unit="instruction", n_in=126_486, n_out=126_000, n_rejected=486),
                cached=True,
            ),
            "  propose   126,486 instructions in, 126,000 out,     486 rejected     cached",
        ),
        (
            ran("annotate", Counts(unit="instruction", n_in=150, n_out=100, n_rejected=0, n_pending=50)),
            "  annotate      150 instructions in,     100 out,       0 rejected, 50 pending     61.2 s",
        ),
        (
            ran("probe", None, stop=Stop(kind="OverBudget", message="no money left")),
            "  probe     stopped: no money left",
        ),
    ],
)
def test_a_finished_stage_has_a_line(
    stage_run: StageRun, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(stage_run)

    assert capsys.readouterr().out == f"{line}\n"


@pytest.mark.parametrize(
    ("status", "which", "note"),
    [
        ("complete", "", []),
        (
            "partial",
            " --run run-2",
            ["            both of run-1, the last complete run; `--run run-2` shows this one"],
        ),
    ],
)
def test_a_partial_run_is_named_in_what_is_worth_trying(
    tmp_path: Path, build: ModuleType, status: str, which: str, note: list[str]
) -> None:
    manifest.commit(tmp_path, build.snapshot(tmp_path, run_id="run-1", status="complete"))
    manifest.commit(tmp_path, build.snapshot(tmp_path, run_id="run-2", status=status))
    refreshed = Refreshed(
        run_id="run-2", status=status, unchanged=False, data=tmp_path, stages=(), spent=Spent(), seconds=3
    )

    assert summary(refreshed).splitlines() == [
        "",
        f"Run run-2: {status} in 3 s.",
        "  model     0 requests, 0 tokens in, 0 out",
        f"  data      {tmp_path}",
        f"  database  {tmp_path}/toolloom.duckdb  (views; any DuckDB client opens it)",
        f"  report    {tmp_path}/report.html  (charts, searches; a browser opens it)",
        *note,
        "",
        "Worth trying:",
        *(f"  toolloom sql @{name}{which} --data {tmp_path}" for name in ("funnel", "rejects", "verdicts")),
    ]


def test_quiet_says_nothing_and_only_inside_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking(Voice.QUIET):
        say("inside")
    say("outside")

    assert capsys.readouterr().out == "outside\n"


@pytest.mark.parametrize(
    ("quiet", "verbose", "expected"),
    [(False, False, Voice.NORMAL), (True, False, Voice.QUIET), (False, True, Voice.VERBOSE)],
)
def test_options_choose_the_voice(quiet: bool, verbose: bool, expected: Voice) -> None:
    with speaking(voice_of(quiet=quiet, verbose=verbose)):
        assert voice() is expected


def test_quiet_and_verbose_together_are_refused() -> None:
    done = CliRunner().invoke(app, ["refresh", "--quiet", "--verbose"])

    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.endswith(
        "toolloom: --quiet and --verbose contradict each other\n  fix: give one of them\n"
    )
