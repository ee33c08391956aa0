"""What a person reads: a line per stage while the run lasts, the account at its end."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path

from flows import DEFAULT_DATA
from flows.outcome import (
    Annotated,
    Embedded,
    Evaluated,
    Found,
    Imported,
    Labelled,
    Outcome,
    Ranked,
    Reprobed,
    Spent,
    StageRun,
    Trained,
    Tuned,
    Unusable,
)
from tasks.errors import UsageError
from warehouse import manifest

UNUSABLE_SHOWN = 3


class Voice(StrEnum):
    """How much is said.  QUIET: nothing but errors.  VERBOSE: logs too, so nothing that moves."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


# No parameter of a flow: a deployment's form has no use for it, and it must not be part of a run.
_voice: ContextVar[Voice] = ContextVar("voice", default=Voice.NORMAL)
_is_part: ContextVar[bool] = ContextVar("is_part", default=False)


@contextmanager
def speaking(voice: Voice) -> Iterator[None]:
    """Everything inside the block, flows and stages too, speaks like this."""
    before = _voice.set(voice)
    try:
        yield
    finally:
        _voice.reset(before)


@contextmanager
def as_part_of_a_whole() -> Iterator[None]:
    """Runs inside the block end with a line each: what to try next is said when all is done."""
    token = _is_part.set(True)
    try:
        yield
    finally:
        _is_part.reset(token)


def voice() -> Voice:
    return _voice.get()


def voice_of(*, quiet: bool, verbose: bool) -> Voice:
    """The voice that these options ask for.  Raises `UsageError`."""
    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other", fix="give one of them")
    return Voice.QUIET if quiet else Voice.VERBOSE if verbose else Voice.NORMAL


def say(line: str = "") -> None:
    if voice() is not Voice.QUIET:
        print(line, flush=True)  # noqa: T201 - this module is the program's voice


def announce(stage_run: StageRun, *, again: bool = False) -> None:
    """One line when a stage is done; `again`: for a further round of draws, its account that of all."""
    say(_stage_line(stage_run) + ("  (further draws)" if again else ""))


def _stage_line(stage_run: StageRun) -> str:
    if stage_run.output is None:
        return f"  {stage_run.stage:<9} stopped: {stage_run.stop.message if stage_run.stop else ''}"
    counts = stage_run.output.counts
    unit = f"{counts.unit}s in,"
    account = f"{counts.n_in:>7,} {unit:<16} {counts.n_out:>7,} out, {counts.n_rejected:>7,} rejected"
    if counts.n_pending:
        account += f", {counts.n_pending:,} pending"
    took = "cached" if stage_run.cached else f"{stage_run.seconds:.1f} s"
    return f"  {stage_run.stage:<9} {account} {took:>10}"


def summary(outcome: Outcome) -> str:
    """The end of a run: what it came to, what it cost, where the data is, what to try next."""
    if _is_part.get() or (isinstance(outcome, Reprobed) and outcome.unchanged):
        return _headline(outcome)
    return "\n".join(
        [
            *(_unusable(outcome, "queries") if isinstance(outcome, Annotated) else ()),
            *(_unusable(outcome, "files") if isinstance(outcome, Imported) else ()),
            "",
            _headline(outcome),
            f"  model     {_spent(outcome.spent)}",
            f"  data      {outcome.data}",
            f"  database  {outcome.data / 'toolloom.duckdb'}  (views; any DuckDB client opens it)",
            f"  report    {outcome.data / 'report.html'}  (charts, searches; a browser opens it)",
            *_last_complete(outcome),
            *_agreement(outcome),
            "",
            "Worth trying:",
            *(_worth(outcome, words) for words in _worth_trying(outcome)),
        ]
    )


def _agreement(outcome: Outcome) -> Iterator[str]:
    """How far judges and people agree, after a run that had either say something."""
    if isinstance(outcome, Evaluated):
        from flows.text.agreement import agreement_lines  # noqa: PLC0415 - it asks the database

        lines = agreement_lines(outcome.data, outcome.run_id)
        yield from ("", *lines) if lines else ()


def _last_complete(outcome: Outcome) -> Iterator[str]:
    shown = _shown_instead(outcome)
    if shown is not None:
        yield f"            both of {shown}, the last complete run; `--run {outcome.run_id}` shows this one"


def _headline(outcome: Outcome) -> str:
    run = f"Run {outcome.run_id}:"
    if isinstance(outcome, Reprobed):
        if outcome.unchanged:
            return f"Nothing is stale: the verdicts on {outcome.n_apis:,} APIs stand, nothing was written."
        return (
            f"{run} {outcome.n_probed:,} of {outcome.n_apis:,} APIs probed in {outcome.seconds:.0f} s; "
            f"{outcome.n_back:,} are back, {outcome.n_lost:,} are lost."
        )
    if isinstance(outcome, Imported):
        (stage,) = outcome.stages
        n = 0 if stage.output is None else stage.output.counts.n_out
        if outcome.unchanged:
            return f"All {n:,} answers are there already: run {outcome.run_id} stands, nothing was written."
        return f"{run} {n:,} answers to {outcome.n_instructions:,} instructions in {outcome.seconds:.0f} s."
    if outcome.unchanged:
        return f"Up to date: run {outcome.run_id} stands, nothing was asked or written."
    return f"{run} {_what(outcome)} in {outcome.seconds:.0f} s."


def _what(outcome: Outcome) -> str:
    """What a run made."""
    if isinstance(outcome, Labelled):
        people = "one person" if outcome.n_people == 1 else f"{outcome.n_people:,} people"
        return f"{outcome.n_labels:,} labels of {people}"
    if isinstance(outcome, Trained):
        before, after = (100 * each for each in (outcome.epochs[0], max(outcome.epochs)))
        return f"model {outcome.model}, NDCG@5 on what was held back {before:.1f} before, {after:.1f} after,"
    if isinstance(outcome, Tuned):
        return _tuned(outcome)
    if isinstance(outcome, Annotated):
        return _found(outcome.found)
    return outcome.status


def _tuned(outcome: Tuned) -> str:
    made = f"model {outcome.model} of {outcome.n_conversations:,} conversations"
    if outcome.n_refused:
        made += f" ({outcome.n_refused:,} more were refused)"
    if outcome.before is None or outcome.after is None:
        return made if outcome.loss is None else f"{made}, loss {outcome.loss:.3f} in the end,"
    return f"{made}, loss on what was held out {outcome.before:.3f} before, {outcome.after:.3f} after,"


def _found(found: Found | None) -> str:
    if found is None:
        return "no search"
    return f"{found.n_searches:,} searches, {found.n_won:,} answered, {found.n_gave_up:,} gave up"


def _spent(spent: Spent) -> str:
    cost = "" if spent.cost_usd is None else f", {spent.cost_usd:.2f} USD"
    return f"{spent.requests:,} requests, {spent.tokens_in:,} tokens in, {spent.tokens_out:,} out{cost}"


_WORTH_TRYING: Mapping[type[Outcome], Sequence[str]] = {
    Reprobed: ("sql @health", "sql @drift", "sql @stale"),
    Evaluated: ('sql "FROM pass_rates"', 'sql "FROM judge_health"', "sql @rejects"),
    Labelled: ('sql "FROM label_confusion"', 'sql "FROM judge_health"', "sql @rejects"),
    Embedded: ("find weather in Oslo", "retriever evaluate", "sql @nearest_apis"),
    Ranked: ('sql "FROM retrieval_scores LIMIT 10"', "find weather in Oslo", "sql @rejects"),
    Tuned: ("models", 'sql "FROM trainings"', "sql @rejects"),
    Trained: ("models", "retriever evaluate", "find weather in Oslo"),
    Annotated: ("show", "sql @search_effort", "sql @rejects"),
    Imported: ("show", "evaluate", "sql @rejects"),
}


def _worth_trying(outcome: Outcome) -> Sequence[str]:
    if type(outcome) in _WORTH_TRYING:
        return _WORTH_TRYING[type(outcome)]
    if any(run.stage == "evaluate" for run in outcome.stages):
        return _WORTH_TRYING[Evaluated]
    if any(run.stage == "annotate" and run.output is not None for run in outcome.stages):
        return ("sql @funnel", "sql @sample_answers", "sql @longest_searches")
    return ("sql @funnel", "sql @rejects", "sql @verdicts")


def _worth(outcome: Outcome, words: str) -> str:
    which = "" if _shown_instead(outcome) is None else f" --run {outcome.run_id}"
    return f"  {command(outcome.data, words + which)}"


def command(data: Path, words: str) -> str:
    """A command that can be pasted: it asks that data folder."""
    usual = Path(os.environ.get("TOOLLOOM_DATA", DEFAULT_DATA)).resolve()
    place = "" if data == usual else f" --data {shlex.quote(str(data))}"
    return f"{_program()} {words}{place}"


def _shown_instead(outcome: Outcome) -> str | None:
    """The run that is shown where none is named, if that is another one: this one is partial."""
    shown = manifest.newest(outcome.data)
    return None if shown is None or shown.run_id == outcome.run_id else shown.run_id


def _program() -> str:
    """How this program was called."""
    called = Path(sys.argv[0])
    if called.name != "toolloom" or not called.is_absolute():
        return str(called) if called.name == "toolloom" else "toolloom"
    relative = os.path.relpath(called)
    return "toolloom" if relative.startswith("..") else relative


def _unusable(outcome: Annotated | Imported, within: str) -> Iterator[str]:
    """A line for each reason with what it is about, and the first of them.

    Whatever a file is called or says, nothing in it controls the terminal.
    """
    by_reason: dict[str, list[Unusable]] = {}
    for each in outcome.unusable:
        by_reason.setdefault(each.reason, []).append(each)
    for reason, cases in by_reason.items():
        places = {each.place.partition("]" if within == "queries" else "[")[0] for each in cases}
        kept = "" if outcome.unchanged else ", each in `rejects`"
        yield f"  {reason}: {len(cases):,} in {len(places):,} {within}{kept}; the first:"
        yield from (printable(f"    {each.place}  {each.detail}") for each in cases[:UNUSABLE_SHOWN])


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def markdown(outcome: Outcome) -> str:
    """The report of a run as an artifact in the Prefect UI."""
    return "\n".join(
        [
            f"# {_headline(outcome)}",
            "",
            "| stage | unit | in | out | rejected | pending | |",
            "|---|---|--:|--:|--:|--:|--:|",
            *_markdown_rows(outcome.stages),
            "",
            f"Model endpoint: {_spent(outcome.spent)}.",
            "",
            f"Data: `{outcome.data}`",
        ]
    )


def _markdown_rows(stages: Sequence[StageRun]) -> list[str]:
    return [
        f"| {run.stage} | {counts.unit} | {counts.n_in} | {counts.n_out} | {counts.n_rejected} "
        f"| {counts.n_pending} | {'cached' if run.cached else f'{run.seconds:.1f} s'} |"
        for run in stages
        if run.output is not None
        for counts in [run.output.counts]
    ]
