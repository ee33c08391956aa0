"""Sides of a comparison, beside each other: what passes, what wins, at what price, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from flows.text.ask import printed
from tasks.errors import UsageError
from tasks.judging.compare import Rate, difference, rates
from warehouse.connect import open_database
from warehouse.sql import sql_files

COLUMNS = ("method", "model", "rules", "offer")
STRATA = ("scenario", "split")
DEFAULT_RULES = "toolloom"


def compare(
    data: Path,
    sides: Sequence[str],
    *,
    rules: str = DEFAULT_RULES,
    judge: str | None = None,
    output: str = "table",
) -> str:
    """The comparison as text: rows as JSON or CSV, or a table with what there is to know of it.

    sides: a method or a model each, or `method=react,model=gpt-4o,run=...`; the last is what the others are
    compared with.  Raises `UsageError` for sides that name no or several answers to an instruction, and where
    nothing is judged or common.
    """
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
    aligned = [answers[counted] for answers in aligned]
    if not counted.any():
        raise UsageError(
            f"of none of the {len(common):,} common instructions it is certain that it can be solved",
            fix="compare with --rules stable, which looks at the answers alone",
        )
    table = _table(data, sides, aligned, rules)
    if output != "table":
        return printed(table, output)
    return "\n".join([*_heading(sides, found, aligned, common, rules), printed(_shown(table), output)])


def _answers(data: Path, side: str, rules: str, judge: str | None) -> pd.DataFrame:
    """A side's answers by instruction."""
    first, *further = side.split(",")
    parts = [first if "=" in first else f"={first}", *further]
    if any("=" not in part for part in parts):
        raise UsageError(
            f"{side!r} is no side of a comparison",
            fix="name a method or a model, or method=react,model=...,run=...",
        )
    wanted = dict(part.split("=", 1) for part in parts)
    run = wanted.pop("run", None)
    with open_database(data, run) as connection:
        names = [name for (name,) in connection.execute("SELECT rules FROM rules").fetchall()]
        if rules not in names:
            raise UsageError(f"there are no rules {rules!r}", fix=f"there are: {'; '.join(names)}")
        statement = sql_files("statements")["compared_answers"].text
        rows = connection.execute(statement, [rules]).df()
    if rows.empty:
        raise UsageError("no answer has been judged", fix="run `toolloom evaluate` first")
    judges = sorted(rows["judge"].unique())
    if judge is None and len(judges) > 1:
        raise UsageError(f"{' and '.join(judges)} have judged", fix="name one of them with --judge")
    if judge is not None and judge not in judges:
        raise UsageError(f"{judge!r} has judged nothing", fix=f"--judge is one of {', '.join(judges)}")
    rows = rows[rows["judge"] == (judge or judges[0])]
    for column, value in wanted.items():
        if column and column not in COLUMNS:
            raise UsageError(f"a side has no {column!r}", fix=f"name {', '.join(COLUMNS)} or run")
        columns = [column] if column else [name for name in COLUMNS[:2] if value in set(rows[name])]
        if not columns or value not in set(rows[columns[0]]):
            looked_in = [column] if column else COLUMNS[:2]
            there = sorted({str(each) for name in looked_in for each in rows[name]})
            near = get_close_matches(value, there, n=1)
            raise UsageError(
                f"no judged answer is of {value!r}",
                fix=f"did you mean {near[0]!r}?" if near else f"there are {', '.join(there)}",
            )
        rows = rows[rows[columns[0]] == value]
    if rows["instruction_id"].duplicated().any():
        several = [name for name in COLUMNS if rows[name].nunique() > 1]
        values = ", ".join(f"{name}={value}" for name in several for value in sorted(rows[name].unique()))
        raise UsageError(
            f"{side!r} has several answers to an instruction", fix=f"say which: {side},... with {values}"
        )
    return rows.assign(run=run or "").set_index("instruction_id")


def _table(data: Path, sides: Sequence[str], answers: Sequence[pd.DataFrame], rules: str) -> pd.DataFrame:
    strata = ["/".join(row) for row in answers[0][list(STRATA)].itertuples(index=False)]
    passed = np.column_stack([each["passed"].to_numpy(float) for each in answers])
    won = [_won(data, each, answers[-1], rules) for each in answers[:-1]]
    rows = []
    for at, (side, rate) in enumerate(zip(sides, rates(passed, strata), strict=True)):
        row: dict[str, object] = {"side": side, "n": len(passed), **_columns("passed", rate)}
        if at < len(sides) - 1:
            apart = difference(passed[:, at], passed[:, -1], strata)
            row |= {**_columns("difference", apart.rate), "p": apart.p, "smallest_shown": apart.smallest}
            row |= _win_columns(won[at], strata)
        answered = answers[at]
        by_scenario = answered.groupby("scenario")["passed"].mean()
        row |= {f"passed_{scenario}": float(share) for scenario, share in by_scenario.items()}
        row |= {name: float(answered[name].mean()) for name in ("n_calls", "tokens", "cost_usd")}
        solved = float(answered["passed"].sum())
        row["usd_per_passed"] = (
            float(answered["cost_usd"].sum(skipna=False)) / solved if solved else float("nan")
        )
        rows.append(row)
    return pd.DataFrame(rows)


def _columns(name: str, rate: Rate) -> dict[str, float]:
    return {name: rate.mean, f"{name}_low": rate.low, f"{name}_high": rate.high}


def _won(data: Path, ours: pd.DataFrame, theirs: pd.DataFrame, rules: str) -> pd.Series:
    """What each answer won against the other side's, by instruction; NaN where the pair was not judged."""
    runs = {ours["run"].iloc[0], theirs["run"].iloc[0]}
    if len(runs) > 1:  # the same search has the same id in each run, whatever it answered
        return pd.Series(np.nan, index=ours.index, dtype=float)
    with open_database(data, runs.pop() or None) as connection:
        statement = sql_files("statements")["compared_pairs"].text
        pairs = connection.execute(statement, [rules, ours["judge"].iloc[0]]).fetchall()
    score = {(annotation_id, against_id): won for annotation_id, against_id, won in pairs}
    ids = zip(ours["annotation_id"], theirs["annotation_id"], strict=True)
    return pd.Series([score.get(pair, np.nan) for pair in ids], index=ours.index, dtype=float)


def _win_columns(won: pd.Series, strata: Sequence[str]) -> dict[str, float]:
    judged = won.notna().to_numpy()
    if not judged.any():
        return {}
    values = won.to_numpy(float)[judged]
    kinds = [stratum for stratum, counts in zip(strata, judged, strict=True) if counts]
    return {
        "n_pairs": len(values),
        "won": int((values > 0.5).sum()),
        "tied": int((values == 0.5).sum()),
        "lost": int((values < 0.5).sum()),
        **_columns("win_rate", rates(values[:, None], kinds)[0]),
    }


def _heading(
    sides: Sequence[str],
    found: Sequence[pd.DataFrame],
    counted: Sequence[pd.DataFrame],
    common: set[str],
    rules: str,
) -> list[str]:
    n, judge = len(counted[0]), found[0]["judge"].iloc[0]
    lines = [f"{n:,} instructions, judged by {judge} and counted by the rules of {rules}."]
    if len(common) > n:
        lines.append(f"Set aside, since it is not certain that they can be solved: {len(common) - n:,}.")
    every = set().union(*(set(answers.index) for answers in found))
    lines += [
        f"{side} has no judged answer to {len(every) - len(answers):,}, which are left out of all sides."
        for side, answers in zip(sides, found, strict=True)
        if len(answers) < len(every)
    ]
    return [*lines, ""]


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """For people: percent, and intervals in one column with what they are of."""
    shown = pd.DataFrame({"side": table["side"]})
    for name in ("passed", "difference", "win_rate"):
        if name in table:
            shown[f"{name} (95 %)"] = [
                "" if np.isnan(mean) else f"{mean:.1%} ({low:.1%} to {high:.1%})"
                for mean, low, high in table[[name, f"{name}_low", f"{name}_high"]].itertuples(index=False)
            ]
        if name == "difference" and name in table:
            shown["p"] = ["" if np.isnan(p) else "<0.001" if p < 0.0005 else f"{p:.3f}" for p in table["p"]]
            shown["smallest shown"] = ["" if np.isnan(p) else f"{p:.1%}" for p in table["smallest_shown"]]
        if name == "win_rate" and name in table:
            counts = table[["won", "tied", "lost"]]
            shown["won/tied/lost"] = [
                "" if row.isna().any() else "/".join(f"{n:.0f}" for n in row) for _, row in counts.iterrows()
            ]
    scenarios = [name for name in map(str, table) if name.startswith("passed_G")]
    for name in scenarios if len(scenarios) > 1 else ():
        shown[name.removeprefix("passed_")] = [f"{share:.1%}" for share in table[name]]
    shown["calls"] = [f"{n:.1f}" for n in table["n_calls"]]
    shown["tokens"] = [f"{n:,.0f}" for n in table["tokens"]]
    if table["cost_usd"].notna().any():
        shown["USD"] = [f"{usd:.4f}" for usd in table["cost_usd"]]
        shown["USD per passed"] = [f"{usd:.4f}" for usd in table["usd_per_passed"]]
    return shown
