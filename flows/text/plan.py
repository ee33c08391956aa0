"""An estimate as text: for people, and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from flows.estimates import Forecast
from flows.params import Config
from flows.text.ask import as_table
from flows.text.progress_text import amount, duration
from tasks.planning.estimate import Amount, Estimate, total

_HOUR_S = 3600.0


def estimate_text(estimate: Estimate, config: Config, before: Forecast | None = None) -> str:
    """A table with what it rests on, and how far off the last one was."""
    everything = total(estimate.stages)
    rows = [_row(each) for each in (*estimate.stages, everything)]
    lines = [as_table(pd.DataFrame(rows)).rpartition("\n")[0], ""]
    lines += [f"all: {words}" for words in estimate.assumptions]
    lines += [f"{stage.stage}: {words}" for stage in estimate.stages for words in stage.assumptions]
    unpriced = [config.endpoint_of(stage.stage).section for stage in estimate.stages if stage.usd is None]
    if unpriced:
        sections = " and ".join(dict.fromkeys(unpriced))
        lines.append(f"dollars: unknown while {sections} price_in and price_out are not set")
    if before is not None:
        lines += ["", accuracy_text(before)]
    return "\n".join(lines)


def _row(each: Amount) -> dict[str, str]:
    return {
        "stage": each.stage,
        "requests": f"{each.requests:,}",
        "tokens_in": f"{each.tokens_in:,}",
        "tokens_out": f"{each.tokens_out:,}",
        "usd": "unknown" if each.usd is None else f"{each.usd:,.2f}",
        "time": duration(each.hours * _HOUR_S),
    }


def estimate_line(estimate: Estimate) -> str:
    """What a refresh says first."""
    everything = total(estimate.stages)
    if not everything.requests:
        return f"Plan: no request to the model ({'; '.join(estimate.assumptions)})"
    of_stages = ", ".join(f"{stage.stage} {stage.requests:,}" for stage in estimate.stages if stage.requests)
    return f"Plan: about {_describe(everything)} ({of_stages})"


def _describe(each: Amount) -> str:
    cost = "at unknown prices" if each.usd is None else f"{each.usd:,.2f} USD"
    tokens = f"{amount(each.tokens_in)} tokens in, {amount(each.tokens_out)} out"
    return f"{each.requests:,} requests, {tokens}, {cost}, {duration(each.hours * _HOUR_S)}"


def accuracy_text(forecast: Forecast) -> str:
    """How far off an estimate was."""
    assert forecast.compared is not None, "only such forecasts are looked at"
    expected, took = forecast.compared
    return (
        f"The estimate for run {forecast.run_id} was {_off(expected.requests, took.requests)}:\n"
        f"  expected  {_describe(expected)}\n"
        f"  took      {_describe(took)}"
    )


def _off(expected: float, took: float) -> str:
    if not expected:
        return "right: no request" if not took else f"too low by {took:,.0f} requests"
    off = (took - expected) / expected
    if not round(off, 2):
        return "right in requests"
    way, number = ("low", "more") if off > 0 else ("high", "fewer")
    return f"too {way}: it took {abs(off):.0%} {number} requests"


def estimate_json(estimate: Estimate, before: Forecast | None) -> str:
    found: dict[str, Any] = {
        "total": total(estimate.stages).model_dump(mode="json", exclude={"stage"}),
        **estimate.model_dump(mode="json"),
        "last": None,
    }
    if before is not None and before.compared is not None:
        expected, took = (each.model_dump(mode="json", exclude={"stage"}) for each in before.compared)
        found["last"] = {"run_id": before.run_id, "expected": expected, "took": took}
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def no_catalogue_text(data: Path) -> str:
    return (
        f"No catalogue was crawled into {data} yet, so there is nothing to count.\n"
        "  toolloom plan --crawl            crawls and calls the APIs first; no request to the model\n"
        "                                   unless [probe] model_arguments says so\n"
        "  toolloom refresh --until probe   the same; then `toolloom plan` counts"
    )
