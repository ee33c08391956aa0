"""How far judges and people agree, as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.errors import UsageError
from tasks.judging.labels import krippendorff_alpha
from warehouse.connect import open_database
from warehouse.sql import statement


def agreement_lines(data: Path, run: str | None = None) -> tuple[str, ...]:
    """A line for each two, a judge and a person or two people, who labelled the same answers; what all people
    come to; and whose figures are uncalibrated.  None where nobody labelled anything.  run: the newest unless
    named.
    """
    with open_database(data, run) as connection:
        pairs = connection.execute(statement("label_agreement")).fetchall()
        ratings = connection.execute(statement("label_ratings")).fetchall()
        judges = connection.execute("SELECT judge, n_answers, n_needed, mark FROM calibrations").fetchall()
    if not ratings:
        return ()
    lines = ["Agreement on the same answers:", *map(_pair, pairs)] if pairs else []
    if len({rater for rater, _, _ in ratings}) > 1:
        lines += [f"  all people: {_alpha(ratings)}"]
    return (*lines, *_uncalibrated(judges))


def _pair(row: tuple[str, str, int, float, float | None]) -> str:
    rater, other, n, agreed, kappa = row
    beyond = "no kappa, as each said one thing alone" if kappa is None else f"kappa {kappa:.2f}"
    return f"  {_plain(rater)} and {_plain(other)}: {agreed:.0%} of {n:,} the same, {beyond}"


def _alpha(ratings: list[tuple[str, str, str]]) -> str:
    try:
        alpha = krippendorff_alpha(ratings)
    except UsageError as missing:
        return f"Krippendorff's alpha is not told: {missing.message}; {missing.fix}"
    if alpha is None:
        return "no alpha, as no answer has labels of two, or all say the same"
    return f"Krippendorff's alpha {alpha:.2f}"


def _uncalibrated(judges: list[tuple[str, int, int, str]]) -> Iterator[str]:
    for judge, n, needed, mark in sorted(judges):
        if mark:
            yield f"  {_plain(judge)}: {mark}, {n:,} of {needed:,} answers labelled"


def _plain(name: str) -> str:
    """Whatever people and models are called, nothing of it controls the terminal."""
    return "".join(c if c.isprintable() else "?" for c in name)[:60]
