"""What a refresh of the paper's size asks the model when one tool in a hundred has changed.

    python benchmarks/bench_incremental.py [--scale 1.0] [--share 0.01] [--accepted N] [--near-duplicates]
                                           [--every-kind] [--no-sandbox]

3,451 tools with 16,464 APIs in 49 categories and 500 collections, and the paper's mix of scenarios (87,413,
84,815 and 25,251 instructions of G1, G2 and G3, ten a draw), before and after a share of the tools has
changed.

Measured, with the functions that the stages call: the draws, the requests for instructions (each is rendered,
and one whose text was asked before is answered from the store), the selection, the rounds of further draws,
and which instructions are searched for anew: new ones, and those with an API whose fingerprint or document
has changed.  The model is a function in this process: its replies are made of the request's digest, so that
a request that differs at all is answered quite differently.

Derived: the requests of a search, which are taken to be SEARCH_REQUESTS each, in the full run as in the
refresh; whatever they are, the share of requests is between those of draws and of searches.
Left out: probes and documents, which concern the changed APIs alone.  Unless --near-duplicates is given, the
screen for near duplicates is off, which takes minutes at this size.

Beside it, unless --no-sandbox is given, everything is done in earnest at the sandbox's size: `toolloom
refresh` before and after one tool's description has changed, with all requests counted by the endpoint, a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from bench_refresh import Figure, pointing_at, refresh, requests_at, sandbox
from changing_catalogue import KINDS, Catalogue, catalogue, paper_mix, some
from refresh_at_size import SEARCH_REQUESTS, Pipeline, Refreshed, Writer

from tasks.instructions.params import InstructParams
from warehouse.tables.instructions import Instruction, Sample

GREATEST_SHARE = 0.035
MOST_BEYOND_NEED = 1.2


@dataclass(frozen=True)
class Touched:
    """What a change concerns, and what was asked for it: draws, and searches of instructions."""

    draws: int
    draws_asked: int
    instructions: int
    searches: int


def touched(world: Catalogue, full: Refreshed, now: Catalogue, again: Refreshed) -> Touched:
    """Of draws: those there were with an API that changed or died, and those there are with a new one.

    Of instructions: those that cannot stay, since an API changed or died or a new one came into their draw;
    or those of draws with a new API, when they are more.  What changes only because rounds of further draws
    or the selection turn out differently is not touched.
    """
    was = {api.api_id: api.fingerprint for api in world.every_api}
    now_is = {api.api_id: api.fingerprint for api in now.every_api}
    gone = {api_id for api_id, fingerprint in was.items() if now_is.get(api_id) != fingerprint}
    new = now_is.keys() - was.keys()
    drawn_still = {sample.sample_id for sample in again.samples}
    displaced = {
        sample.sample_id
        for sample in full.samples
        if sample.round_no == 0 and sample.sample_id not in drawn_still
    }
    n_gone = sum(row.sample_id in displaced or not gone.isdisjoint(row.api_ids) for row in full.instructions)
    return Touched(
        draws=_with_any(gone, full.samples) + _with_any(new, again.samples),
        draws_asked=again.asked,
        instructions=max(n_gone, _with_any(new, again.instructions)),
        searches=sum(full.searches.get(key) != rests_on for key, rests_on in again.searches.items()),
    )


def _with_any(api_ids: Set[str], rows: Iterable[Sample | Instruction]) -> int:
    return sum(not api_ids.isdisjoint(row.api_ids) for row in rows)


def figures_of(name: str, full: Refreshed, found: Touched) -> list[Figure]:
    requests = found.draws_asked + SEARCH_REQUESTS * found.searches
    print(
        f"{name}: {found.draws:,} draws touched, {found.draws_asked:,} asked "
        f"({found.draws_asked / full.asked:.2%} of all); {found.instructions:,} instructions touched, "
        f"{found.searches:,} searched ({found.searches / len(full.instructions):.2%}); "
        f"so {requests:,} requests of {full.requests:,}"
    )
    return [
        Figure(f"{name}: share of requests", requests / full.requests, greatest=GREATEST_SHARE),
        *beyond_need(name, found),
    ]


def beyond_need(name: str, found: Touched) -> list[Figure]:
    return [
        Figure(f"{name}: draws asked/touched", found.draws_asked / found.draws, greatest=MOST_BEYOND_NEED),
        Figure(f"{name}: searches/touched", found.searches / found.instructions, greatest=MOST_BEYOND_NEED),
    ]


def at_paper_size(options: argparse.Namespace) -> list[Figure]:
    world = catalogue(options.scale)
    screens = {} if options.near_duplicates else {"near_duplicate": False}
    writing = InstructParams(screens=screens, accepted=options.accepted)
    pipeline = Pipeline(paper_mix(world, options.scale), writing, Writer())
    full = pipeline.refresh(world)
    print(
        f"{len(world.tools):,} tools, {len(world.every_api):,} APIs, {len(full.samples):,} draws, "
        f"{len(full.instructions):,} instructions, {full.rounds} rounds of further draws; "
        f"of the tools {options.share:.1%} change:"
    )
    figures = [Figure("nothing changed: requests", pipeline.refresh(world, full).asked, greatest=0)]
    for name in KINDS if options.every_kind else [next(iter(KINDS))]:
        changed = KINDS[name](world, some(world, options.share))
        again = replace(pipeline, model=pipeline.model.copy()).refresh(changed, full)
        figures += figures_of(name, full, touched(world, full, changed, again))
    return figures


def at_sandbox_size() -> list[Figure]:
    """Everything in earnest: the command, real calls, and an endpoint that counts what reaches it."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        refresh(data)
        changes = Path(folder) / "changes.json"
        changes.write_text(json.dumps(SANDBOX_CHANGES))
        with sandbox(Path(folder), "--changes", str(changes)) as addresses:
            settings = {**pointing_at(addresses), "catalogue.max_age": "PT0S"}
            refresh(data, [part for item in settings.items() for part in ("--set", "=".join(item))])
            arrived = requests_at(addresses)
        query = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
        with duckdb.connect(str(data / "toolloom.duckdb"), read_only=True) as connection:
            (row,) = connection.sql(query).df().to_dict("records")
    first = row.pop("first")
    print(f"sandbox, in earnest: {arrived:,} requests reached the endpoint; {first:,} in the first refresh")
    return beyond_need("sandbox", Touched(**row))


SANDBOX_CHANGES = [{"change": "describe", "tool": "Science/physical-constants"}]


def main() -> int:
    parser = argparse.ArgumentParser(description="Requests of a refresh after a few tools have changed.")
    parser.add_argument("--scale", type=float, default=1.0, help="of the paper's size")
    parser.add_argument("--share", type=float, default=0.01, help="of the tools that changes")
    parser.add_argument("--accepted", type=int, help="[instruct] accepted; without it all fit ones are taken")
    parser.add_argument("--near-duplicates", action="store_true", help="with that screen, which takes longer")
    parser.add_argument("--every-kind", action="store_true", help="of change by itself, too")
    parser.add_argument("--no-sandbox", action="store_true", help="without the refreshes of the sandbox")
    options = parser.parse_args()
    figures = at_paper_size(options) + ([] if options.no_sandbox else at_sandbox_size())
    print("", *figures, sep="\n")
    return 0 if all(figure.passed for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
