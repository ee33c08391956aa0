"""The page: what was collected, packed into one file that needs no network.

Every value of a table is untrusted.  The template escapes; the script makes text nodes only; and a policy
in the page lets no other script or style run than ours, known by their digests.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flows.reporting.collect import Browsed, Facts

TREES_PER_CHUNK = 50
NONE = "\N{EN DASH}"
_HERE = Path(__file__).parent
_SCRIPTS = ("dom.js", "charts.js", "sections.js", "browser.js")
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def page(run: Facts, charts: Facts, shown: Browsed) -> str:
    """The HTML text.  run: see `collect.run_figures`; charts: see `collect.charts`."""
    facts = {**charts, "run": run, "trees_per_chunk": TREES_PER_CHUNK}
    return _ENVIRONMENT.get_template("report.html.jinja").render(
        run=run,
        headline=_headline(run),
        lede=_lede(run),
        took=_duration(run["seconds"]),
        figures=_figures(run),
        browse_note=_browse_note(run, shown),
        facts=facts,
        index=_packed(_array(shown.rows)),
        trees=_all_packed([_array(chunk) for chunk in _chunks(shown.trees)]),
        style=Markup(_style()),  # noqa: S704 - a file of ours
        script=Markup(_script()),  # noqa: S704 - files of ours
        style_hash=policy_source(_style()),
        script_hash=policy_source(_script()),
    )


@cache
def _style() -> str:
    return (_HERE / "report.css").read_text(encoding="utf-8")


@cache
def _script() -> str:
    parts = [(_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return "\n".join(['(() => {\n"use strict";', *parts, "})();"])


def policy_source(text: str) -> Markup:
    """The only script, or style, that may run."""
    return Markup("'sha256-{}'").format(b64encode(sha256(text.encode()).digest()).decode())


def _all_packed(texts: Sequence[str]) -> list[str]:
    with ThreadPoolExecutor() as threads:  # zlib works without the interpreter's lock
        return list(threads.map(_packed, texts))


def _packed(text: str) -> str:
    return b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()


def _array(values: Sequence[str]) -> str:
    return f"[{','.join(values)}]"


def _chunks(trees: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(trees), TREES_PER_CHUNK):
        yield trees[start : start + TREES_PER_CHUNK]


def _headline(run: Facts) -> str:
    if run["n_instructions"]:
        answered = run["n_instructions_answered"]
        return f"{_count(run['n_instructions'], 'instruction')}, {answered:,} of them answered"
    return f"{_count(run['n_apis'], 'API')}, {run['n_kept']:,} of them kept"


def _lede(run: Facts) -> str:
    catalogue = (
        f"A catalogue of {_count(run['n_tools'], 'tool')} with {_count(run['n_apis'], 'API')} was called, "
        f"and {run['n_kept']:,} of the APIs proved good enough to teach."
    )
    if not run["n_searches"]:
        return catalogue
    searches, nodes = _count(run["n_searches"], "search"), _count(run["n_nodes"], "node")
    return f"{catalogue} {searches} for answers grew {nodes}."


def _figures(run: Facts) -> list[dict[str, str]]:
    figures = {
        "APIs kept": _share(run["n_kept"], run["n_apis"]),
        "instructions": f"{run['n_instructions']:,}",
        "searches answered": _share(run["n_answered"], run["n_searches"]),
        "instructions gone stale": f"{run['n_stale']:,}",
        "requests to the model": f"{run['n_requests'] or 0:,}",
        "spent": NONE if run["cost_usd"] is None else f"${run['cost_usd']:,.2f}",
    }
    return [{"name": name, "value": value} for name, value in figures.items()]


def _browse_note(run: Facts, shown: Browsed) -> str:
    if shown.n_instructions < run["n_instructions"]:
        return (
            f"{shown.n_instructions:,} of {run['n_instructions']:,} instructions, drawn evenly; "
            "`toolloom search` looks through all of them. Open one to see how its answer was found."
        )
    return "All of them. Open one to see how its answer was found: thoughts, calls, and what was abandoned."


def _count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else NONE


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
