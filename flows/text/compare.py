"""Sides of a comparison, beside each other: what passes, what wins, at what price, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from flows.text.ask import as_table, printed
from tasks.errors import UsageError
from tasks.judging.compare import Rate, difference, rates
from warehouse.connect import open_database
from warehouse.sql import statement

COLUMNS = ("method", "model", "rules", "offer")
STRATA = ("scenario", "split")
MEANS = (
    *("n_calls", "tokens", "cost_usd", "n_failed", "n_repeated", "recovered"),
    *("selection_precision", "selection_recall", "selection_f1"),
)
DEFAULT_RULES = "toolloom"
LEVELS = {
    "train": "instruction",
    "test_instruction": "instruction",
    "test_tool": "tool",
    "test_category": "category",
}
"""What is new to who was trained on the training split: the instruction, its tools, their category."""
PAPER_SETS = {
    "I1-Inst.": ("G1", "instruction"),
    "I1-Tool": ("G1", "tool"),
    "I1-Cat.": ("G1", "category"),
    "I2-Inst.": ("G2", "instruction"),
    "I2-Cat.": ("G2", "category"),
    "I3-Inst.": ("G3", "instruction"),
}
"""The columns of table 4 of arXiv 2307.16789, by scenario and level."""
AVERAGE = "Average"
IDS_SHOWN = 3
LENGTH_OF_ID = 12


class By(StrEnum):
    """What rows of a comparison are told apart by, besides sides."""

    SCENARIO = "scenario"
    LEVEL = "level"
    SET = "set"

    @property
    def columns(self) -> list[str]:
        return ["scenario", "level"] if self is By.SET else [self.value]


@dataclass(frozen=True)
class Comparison:
    """Sides on the instructions that all of them answered, and of which the rules set none aside.

    answers: of each side, by instruction.  won: of each side, what its answers won against the reference's,
    by instruction; NaN where the pair was not judged.  lacking: of each side, the instructions it has no
    answer to and others have.  n_aside: common instructions that the rules set aside.
    """

    sides: tuple[str, ...]
    reference: int
    rules: str
    judge: str
    calibration: str
    answers: tuple[pd.DataFrame, ...]
    won: tuple[pd.Series, ...]
    lacking: tuple[Sequence[str], ...]
    n_aside: int


def text_of(
    comparison: Comparison, *, by: By | None = None, as_paper: bool = False, output: str = "table"
) -> str:
    """Rows as JSON or CSV, or a table with what there is to know of it."""
    rows = paper_rows(comparison) if as_paper else side_rows(comparison, by)
    if output != "table":
        return printed(rows, output)
    further = _paper_heading(comparison) if as_paper else ["Intervals, in brackets, are of 95 %."]
    above = [*heading(comparison), *further, ""]
    shown = [_paper_shown(rows)] if as_paper else _shown(rows)
    return "\n".join(above) + "\n" + "\n\n".join(as_table(each).rpartition("\n")[0] for each in shown)


def compared(
    data: Path,
    sides: Sequence[str],
    *,
    rules: str = DEFAULT_RULES,
    judge: str | None = None,
    against: str | None = None,
) -> Comparison:
    """sides: a method or a model each, or `method=react,model=gpt-4o,run=...`; against: the one of them that
    the others are compared with, the last unless named.

    Raises `UsageError` for sides that name no or several answers to an instruction, and where nothing is
    judged or common.
    """
    if against is not None and against not in sides:
        raise UsageError(f"{against!r} is none of the sides", fix=f"--against is one of {', '.join(sides)}")
    reference = len(sides) - 1 if against is None else list(sides).index(against)
    found = [_answers(data, side, rules, judge) for side in sides]
    judges = {answers["judge"].iloc[0] for answers in found}
    if len(judges) > 1:
        raise UsageError(
            f"the sides were judged by {' and '.join(sorted(judges))}",
            fix="have one judge look at both: `toolloom evaluate`, then --judge",
        )
    common = set.intersection(*(set(answers.index) for answers in found))
    if not common:
        counts = ", ".join(f"{side} has {len(answers):,}" for side, answers in zip(sides, found, strict=True))
        raise UsageError(
            f"the sides have no judged instruction in common: {counts}",
            fix="search the same instructions with `toolloom annotate --method`, then `toolloom evaluate`",
        )
    aligned = [answers.loc[sorted(common)] for answers in found]
    counted = ~np.logical_or.reduce([answers["set_aside"].to_numpy() for answers in aligned])
    if not counted.any():
        raise UsageError(
            f"of none of the {len(common):,} common instructions it is certain that it can be solved",
            fix="compare with --rules stable, which looks at the answers alone",
        )
    answers = tuple(each[counted] for each in aligned)
    every = set().union(*(set(each.index) for each in found))
    return Comparison(
        sides=tuple(sides),
        reference=reference,
        rules=rules,
        judge=judges.pop(),
        calibration=found[0]["calibration"].iloc[0],
        answers=answers,
        won=tuple(_won(data, each, answers[reference], rules) for each in answers),
        lacking=tuple(sorted(every - set(each.index)) for each in found),
        n_aside=len(common) - int(counted.sum()),
    )


def _answers(data: Path, side: str, rules: str, judge: str | None) -> pd.DataFrame:
    """A side's answers by instruction."""
    wanted = _wanted(side)
    with open_database(data, wanted.pop("run", None)) as connection:
        ((run,),) = connection.execute(statement("shown_run")).fetchall()
        names = [name for (name,) in connection.execute("SELECT rules FROM rules").fetchall()]
        if rules not in names:
            raise UsageError(f"there are no rules {rules!r}", fix=f"there are: {'; '.join(names)}")
        rows = judged_answers(connection, rules)
        words = {each: calibration_of(connection, each) for each in rows["judge"].unique()}
    if rows.empty:
        raise UsageError("no answer has been judged", fix="run `toolloom evaluate` first")
    judges = sorted(rows["judge"].unique())
    if judge is None and len(judges) > 1:
        raise UsageError(f"{' and '.join(judges)} have judged", fix="name one of them with --judge")
    if judge is not None and judge not in judges:
        raise UsageError(f"{judge!r} has judged nothing", fix=f"--judge is one of {', '.join(judges)}")
    judge = judge or judges[0]
    for column, value in wanted.items():
        if column and column not in COLUMNS:
            raise UsageError(f"a side has no {column!r}", fix=f"name {', '.join(COLUMNS)} or run")
        columns = [column] if column else [name for name in COLUMNS[:2] if value in set(rows[name])]
        matching = _said(rows, columns[0], value) if columns else None
        if matching is None or not matching.any():
            looked_in = [column] if column else COLUMNS[:2]
            there = sorted({str(each) for name in looked_in for each in rows[name]})
            near = get_close_matches(value, there, n=1)
            raise UsageError(
                f"no judged answer is of {value!r}",
                fix=f"did you mean {near[0]!r}?" if near else f"there are {', '.join(there)}",
            )
        rows = rows[matching]
    judged = rows[rows["judge"] == judge]
    if judged.empty:
        others = ", ".join(sorted(rows["judge"].unique()))
        raise UsageError(
            f"{judge} has judged no answer of {side!r}",
            fix=f"have it judge them with `toolloom evaluate`, or name who did with --judge: {others}",
        )
    rows = judged
    if rows["instruction_id"].duplicated().any():
        several = [name for name in COLUMNS if rows[name].nunique() > 1]
        values = ", ".join(f"{name}={value}" for name in several for value in sorted(rows[name].unique()))
        raise UsageError(
            f"{side!r} has several answers to an instruction", fix=f"say which: {side},... with {values}"
        )
    return rows.assign(run=run, calibration=rows["judge"].map(words)).set_index("instruction_id")


def _said(rows: pd.DataFrame, column: str, value: str) -> pd.Series[bool]:
    """The rows of which that is said; of offers, `retrieved@5` is enough where one chose so many."""
    exact = rows[column] == value
    return exact | rows[column].str.startswith(f"{value}:") if column == "offer" else exact


def _wanted(side: str) -> dict[str, str]:
    """What a side says, by column; what it names alone is under no name."""
    first, *further = side.split(",")
    parts = [first if "=" in first else f"={first}", *further]
    if any("=" not in part for part in parts):
        raise UsageError(
            f"{side!r} is no side of a comparison",
            fix="name a method or a model, or method=react,model=...,run=...",
        )
    wanted = dict(part.split("=", 1) for part in parts)
    if len(wanted) < len(parts):
        raise UsageError(
            f"{side!r} says twice what a side is", fix="a side is one of each; put a space between two sides"
        )
    return wanted


def calibration_of(connection: duckdb.DuckDBPyConnection, judge: str) -> str:
    """The word that figures of a judge carry; empty once enough of its answers have people's labels."""
    found = connection.execute("SELECT mark FROM calibrations WHERE judge = ?", [judge]).fetchall()
    return found[0][0] or "" if found else "uncalibrated"


def judged_answers(connection: duckdb.DuckDBPyConnection, rules: str) -> pd.DataFrame:
    """Every answer that was judged, a row for each judge, with its level."""
    rows = connection.execute(statement("compared_answers"), [rules]).df()
    for name in MEANS:  # what is nullable is NaN where it is null, whatever the others of a group are
        rows[name] = rows[name].to_numpy(dtype=float, na_value=np.nan)
    return rows.assign(level=rows["split"].map(LEVELS).fillna(rows["split"]))


def _won(data: Path, ours: pd.DataFrame, theirs: pd.DataFrame, rules: str) -> pd.Series:
    """What each answer won against the other side's, by instruction; NaN where the pair was not judged."""
    runs = {ours["run"].iloc[0], theirs["run"].iloc[0]}
    if len(runs) > 1:  # the same search has the same id in each run, whatever it answered
        return pd.Series(np.nan, index=ours.index, dtype=float)
    with open_database(data, runs.pop()) as connection:
        pairs = judged_pairs(connection, rules, ours["judge"].iloc[0])
    ids = zip(ours["annotation_id"], theirs["annotation_id"], strict=True)
    return pd.Series([pairs.get(pair, np.nan) for pair in ids], index=ours.index, dtype=float)


def judged_pairs(
    connection: duckdb.DuckDBPyConnection, rules: str, judge: str
) -> Mapping[tuple[str, str], float]:
    """What an answer won against another, by the ids of both."""
    pairs = connection.execute(statement("compared_pairs"), [rules, judge]).fetchall()
    return {(annotation_id, against_id): won for annotation_id, against_id, won in pairs}


def side_rows(comparison: Comparison, by: By | None = None) -> pd.DataFrame:
    """A row for each side, or for each side in each group: rates with intervals, pairs, effort and cost."""
    first = comparison.answers[0]
    if by is None:
        return pd.DataFrame(_rows_of(comparison, np.full(len(first), fill_value=True)))
    rows = []
    for values, _ in first.groupby(by.columns):
        at = np.logical_and.reduce(
            [first[name].to_numpy() == value for name, value in zip(by.columns, values, strict=True)]
        )
        group = dict(zip(by.columns, values, strict=True))
        rows += [{**group, **row} for row in _rows_of(comparison, at)]
    return pd.DataFrame(rows)


def _rows_of(comparison: Comparison, at: np.ndarray) -> list[dict[str, object]]:
    """at: which of the instructions."""
    answers = [each[at] for each in comparison.answers]
    strata = ["/".join(row) for row in answers[0][list(STRATA)].itertuples(index=False)]
    passed = np.column_stack([each["passed"].to_numpy(float) for each in answers])
    rows = []
    for number, (side, rate) in enumerate(zip(comparison.sides, rates(passed, strata), strict=True)):
        answered = answers[number]
        row: dict[str, object] = {"side": side, "n": len(passed), **_columns("passed", rate)}
        if number != comparison.reference:
            apart = difference(passed[:, number], passed[:, comparison.reference], strata)
            row |= {**_columns("difference", apart.rate), "p": apart.p, "smallest_shown": apart.smallest}
            row |= _win_columns(comparison.won[number][at], strata)
        by_scenario = answered.groupby("scenario")["passed"].mean()
        row |= {f"passed_{scenario}": float(share) for scenario, share in by_scenario.items()}
        row |= {name: float(answered[name].mean()) for name in MEANS}
        solved = float(answered["passed"].sum())
        spent = float(answered["cost_usd"].sum(skipna=False))
        row["usd_per_passed"] = spent / solved if solved else float("nan")
        rows.append({**row, "judge": comparison.judge, "calibration": comparison.calibration})
    return rows


def _columns(name: str, rate: Rate) -> dict[str, float]:
    return {name: rate.mean, f"{name}_low": rate.low, f"{name}_high": rate.high}


def _win_columns(won: pd.Series, strata: Sequence[str]) -> dict[str, float]:
    judged = won.notna().to_numpy()
    if not judged.any():
        return {}
    values = won.to_numpy(float)[judged]
    kinds = [stratum for stratum, counts in zip(strata, judged, strict=True) if counts]
    ahead = difference(values, 1 - values, kinds).rate  # all ties are as uncertain as no difference is
    return {
        "n_pairs": len(values),
        "won": int((values > 0.5).sum()),
        "tied": int((values == 0.5).sum()),
        "lost": int((values < 0.5).sum()),
        **_columns("win_rate", Rate(*((1 + each) / 2 for each in (ahead.mean, ahead.low, ahead.high)))),
    }


def paper_rows(comparison: Comparison) -> pd.DataFrame:
    """Pass and win in percent for each test set of the paper that the data has, and their averages.

    A tie counts half.  The reference wins against nobody; a set without a judged pair leaves no average.
    """
    rows = []
    for number, side in enumerate(comparison.sides):
        answers, won = comparison.answers[number], comparison.won[number]
        row: dict[str, object] = {"method": side}
        shares: dict[str, list[float]] = {"pass": [], "win": []}
        for name, at in _paper_sets(answers).items():
            wins = float("nan") if number == comparison.reference else 100 * float(won[at].mean())
            for what, share in (("pass", 100 * float(answers["passed"][at].mean())), ("win", wins)):
                row[f"{name} {what}"] = share
                shares[what].append(share)
        row |= {f"{AVERAGE} {what}": float(np.mean(each)) for what, each in shares.items()}
        rows.append({**row, "judge": comparison.judge, "calibration": comparison.calibration})
    return pd.DataFrame(rows)


def _paper_sets(answers: pd.DataFrame) -> dict[str, pd.Series]:
    """Which instructions are of which set; of those alone that have some.  Raises `UsageError`."""
    sets = {
        name: (answers["scenario"] == scenario) & (answers["level"] == level)
        for name, (scenario, level) in PAPER_SETS.items()
    }
    found = {name: at for name, at in sets.items() if at.any()}
    if not found:
        raise UsageError(
            "none of these instructions is of a test set of the paper", fix="compare without --as paper"
        )
    return found


def heading(comparison: Comparison) -> list[str]:
    """What the figures are of, what was left out, and what is missing, in sentences."""
    n = len(comparison.answers[0])
    judge = comparison.judge + (f" ({comparison.calibration})" if comparison.calibration else "")
    lines = [f"{n:,} instructions, judged by {judge} and counted by the rules of {comparison.rules}."]
    if comparison.n_aside:
        lines.append(f"Set aside, since it is not certain that they can be solved: {comparison.n_aside:,}.")
    alike: dict[tuple[str, ...], list[str]] = {}
    for side, lacking in zip(comparison.sides, comparison.lacking, strict=True):
        alike.setdefault(tuple(lacking), []).append(side)
    for lacking, sides in alike.items():
        if lacking:
            who = (
                f"{sides[0]} has"
                if len(sides) == 1
                else f"{len(sides)} of {len(comparison.sides)} sides have"
            )
            ids = ", ".join(each[:LENGTH_OF_ID] for each in lacking[:IDS_SHOWN])
            more = ", ..." if len(lacking) > IDS_SHOWN else ""
            n_lacking = f"{len(lacking):,}, which are left out of all sides"
            lines.append(f"{who} no judged answer to {n_lacking}: {ids}{more}")
    reference = comparison.sides[comparison.reference]
    unpaired = [
        side
        for number, (side, won) in enumerate(zip(comparison.sides, comparison.won, strict=True))
        if number != comparison.reference and not won.notna().any()
    ]
    if unpaired:
        method = comparison.answers[comparison.reference]["method"].iloc[0]
        lines.append(
            f"No pair of {' or '.join(unpaired)} with {reference} was judged: `toolloom evaluate --against "
            f"{method}` has them judged; --against here names another side to compare with."
        )
    return lines


def _paper_heading(comparison: Comparison) -> list[str]:
    answers = comparison.answers[0]
    sets = _paper_sets(answers)
    counts = ", ".join(f"{name} {int(at.sum()):,}" for name, at in sets.items())
    lines = [
        f"Pass and win in percent, against {comparison.sides[comparison.reference]}, a tie counting half; "
        f"instructions: {counts}."
    ]
    others = len(answers) - sum(int(at.sum()) for at in sets.values())
    if others:
        lines.append(f"In none of the paper's sets: {others:,}.")
    return lines


def _paper_shown(rows: pd.DataFrame) -> pd.DataFrame:
    """For people: pass and win of a set in one column."""
    shown = pd.DataFrame({"method": rows["method"]})
    for name in [name.removesuffix(" pass") for name in map(str, rows) if name.endswith(" pass")]:
        shown[name] = [
            f"{share:.1f}" + ("" if np.isnan(wins) else f" / {wins:.1f}")
            for share, wins in rows[[f"{name} pass", f"{name} win"]].itertuples(index=False)
        ]
    return shown


def _shown(table: pd.DataFrame) -> list[pd.DataFrame]:
    """For people, in two tables that a terminal has room for: what passed, and what was won at what price."""
    names = [name for name in ("scenario", "level", "side") if name in table]
    passed, effort = table[names].copy(), table[names].copy()
    if len(names) > 1:
        passed["n"] = table["n"]
    for name in ("passed", "difference"):
        if name in table:
            passed[f"{name} %"] = _with_intervals(table, name)
    if "p" in table:
        passed["p"] = [None if np.isnan(p) else "<0.001" if p < 0.0005 else f"{p:.3f}" for p in table["p"]]
        passed["smallest shown"] = _numbers(100 * table["smallest_shown"], ".1f")
    scenarios = [name for name in map(str, table) if name.startswith("passed_G")]
    for name in scenarios if len(scenarios) > 1 and len(names) == 1 else ():
        passed[name.removeprefix("passed_")] = [f"{100 * share:.1f}" for share in table[name]]
    if "win_rate" in table:
        effort["won %"] = _with_intervals(table, "win_rate")
        effort["won/tied/lost"] = [
            None if row.isna().any() else "/".join(f"{n:.0f}" for n in row)
            for _, row in table[["won", "tied", "lost"]].iterrows()
        ]
    effort["calls"] = [f"{n:.1f}" for n in table["n_calls"]]
    effort["tokens"] = _numbers(table["tokens"], ",.0f")
    if table["cost_usd"].notna().any():
        effort["USD"] = _numbers(table["cost_usd"], ".4f")
        effort["USD per passed"] = _numbers(table["usd_per_passed"], ".4f")
    return [passed, effort]


def _numbers(column: pd.Series, form: str) -> list[str | None]:
    return [None if np.isnan(number) else format(number, form) for number in column]


def _with_intervals(table: pd.DataFrame, name: str) -> list[str | None]:
    return [
        None if np.isnan(mean) else f"{100 * mean:.1f} ({100 * low:.1f}\N{EN DASH}{100 * high:.1f})"
        for mean, low, high in table[[name, f"{name}_low", f"{name}_high"]].itertuples(index=False)
    ]
