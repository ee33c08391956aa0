"""What was measured of a run, in short, for its report and its artifacts: what judges said of every method
and model, and how well retrievers find what instructions need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pandas as pd

from flows.text.compare import COLUMNS, DEFAULT_RULES, STRATA, calibration_of, judged_answers, judged_pairs
from tasks.judging.compare import DRAWS, rates

_MOST_DRAWN = 2_000 * DRAWS
"""Answers drawn for an interval: of many answers it is narrow, and needs fewer draws to be known."""
_RETRIEVER = re.compile(r"(?<=^retrieved)(@\d+):.*")
_DIGEST = re.compile(r"(?<![0-9a-z])([0-9a-f]{8})[0-9a-f]{8,}(?![0-9a-z])")


def evaluated(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """A row for each side of each judge, by our own rules: what passed, and what won against the side that
    most were compared with.

    Sides are looked at on the instructions that all of a judge's sides answered; where there are none, each
    on its own (`shared`).
    """
    answers = judged_answers(connection, DEFAULT_RULES)
    counted = answers[~answers["set_aside"]]
    rows = []
    for judge, of_judge in counted.groupby("judge"):
        pairs = judged_pairs(connection, DEFAULT_RULES, str(judge))
        rows += _rows_of(of_judge, pairs, str(judge), calibration_of(connection, str(judge)))
    return rows


def retrieved(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """NDCG@5 of each retriever that was measured, with its interval: on all instructions, and on those that
    are held out from training where both kinds were.
    """
    scores = connection.execute(
        "SELECT retriever, scenario, level, n_apis, ndcg FROM retrieval_scores "
        "WHERE k = 5 AND twins = 'apart' ORDER BY retriever, instruction_id"
    ).df()
    held_out = scores[scores["level"] != "train"]
    groups = [("all", scores)]
    if 0 < len(held_out) < len(scores):
        groups.append(("held out", held_out))
    rows = []
    for group, some in groups:
        for retriever, own in some.groupby("retriever"):
            strata = (own["scenario"] + "/" + own["level"]).tolist()
            draws = max(200, min(DRAWS, _MOST_DRAWN // len(own)))
            (rate,) = rates(own[["ndcg"]].to_numpy(float), strata, draws=draws)
            row = {"retriever": retriever, "instructions": group, "n": len(own)}
            n_apis = int(own["n_apis"].max())
            rows.append(row | {"n_apis": n_apis, "ndcg": rate.mean, "low": rate.low, "high": rate.high})
    return rows


def _rows_of(
    answers: pd.DataFrame, pairs: Mapping[tuple[str, str], float], judge: str, calibration: str
) -> list[dict[str, Any]]:
    differing = [name for name in COLUMNS if name == COLUMNS[0] or answers[name].nunique() > 1]
    told = {name: told_apart(map(str, answers[name].unique())) for name in differing}
    sides = {
        ", ".join(told[name][str(value)] for name, value in zip(differing, key, strict=True)): side.set_index(
            "instruction_id"
        )
        for key, side in answers.groupby(differing)
    }
    common = set.intersection(*(set(side.index) for side in sides.values()))
    if common:
        sides = {name: side.loc[sorted(common)] for name, side in sides.items()}
    against = _reference(sides, pairs)
    rows = []
    for name, side in sides.items():
        strata = ["/".join(row) for row in side[list(STRATA)].itertuples(index=False)]
        draws = max(200, min(DRAWS, _MOST_DRAWN // len(side)))
        (rate,) = rates(side[["passed"]].to_numpy(float), strata, draws=draws)
        row = {
            "judge": judge,
            "calibration": calibration,
            "side": name,
            "shared": bool(common),
            "n_answers": len(side),
            "pass_rate": rate.mean,
            "low": rate.low,
            "high": rate.high,
            "against": None,
        }
        if against is not None and name != against:
            row |= {"against": against, **_won(side, sides[against], pairs)}
        rows.append(row)
    return rows


def told_apart(values: Iterable[str]) -> dict[str, str]:
    """For people: models and offers without their digests, where that leaves them apart."""
    whole = list(values)
    short = [_DIGEST.sub(r"\1", _RETRIEVER.sub(r"\1", value)) for value in whole]
    return dict(zip(whole, short if len(set(short)) == len(whole) else whole, strict=True))


def _reference(sides: Mapping[str, pd.DataFrame], pairs: Mapping[tuple[str, str], float]) -> str | None:
    """The side that most others have judged pairs with; None where no pair was judged."""
    paired = {
        name: sum(bool(_scores(side, other, pairs)) for at, side in sides.items() if at != name)
        for name, other in sides.items()
    }
    best = max(paired, key=lambda name: paired[name], default=None)
    return best if best is not None and paired[best] else None


def _won(ours: pd.DataFrame, theirs: pd.DataFrame, pairs: Mapping[tuple[str, str], float]) -> dict[str, int]:
    scores = _scores(ours, theirs, pairs)
    return {
        "won": sum(score > 0.5 for score in scores),
        "tied": sum(score == 0.5 for score in scores),
        "lost": sum(score < 0.5 for score in scores),
    }


def _scores(ours: pd.DataFrame, theirs: pd.DataFrame, pairs: Mapping[tuple[str, str], float]) -> list[float]:
    both = ours[["annotation_id"]].join(theirs[["annotation_id"]], rsuffix="_against", how="inner")
    return [pairs[pair] for pair in both.itertuples(index=False, name=None) if pair in pairs]
