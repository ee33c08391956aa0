"""How well retrievers find what instructions need, and which models were trained, as text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pandas as pd

from flows.finding import FoundApis, retrievers_of
from flows.params import Config
from flows.report import say
from flows.text.ask import printed
from tasks.catalogue.params import ToolbenchParams
from tasks.catalogue.toolbench.instructions import check_queries, read_instructions
from tasks.catalogue.toolbench.layout import find_layout
from tasks.catalogue.toolbench.source import open_toolbench
from tasks.errors import UsageError
from tasks.judging.compare import rates
from tasks.model_folders import Card
from tasks.retrieval.documents import ApiDocument, documents_of
from tasks.retrieval.judged import holds_judged, read_judged
from tasks.retrieval.models import ModelCard, models_of
from tasks.retrieval.params import RetrieverParams
from tasks.retrieval.ranking import ranked
from tasks.training.models import ChatCard, chat_models_of
from warehouse import manifest
from warehouse.connect import open_database
from warehouse.sql import sql_files, statement
from warehouse.store import Store
from warehouse.table import to_columns
from warehouse.tables import CHAT_MODELS, MODELS, RETRIEVAL_RANKS
from warehouse.tables.instructions import Instruction

METRICS = ("ndcg", "recall", "complete", "reciprocal_rank")
STRATA = ("scenario", "level")
AT = 5


def scores_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Means with 95 % intervals, a row for each retriever, group of instructions and cut-off.

    scores: rows of the view `retrieval_scores`, in any order.
    """
    rows = []
    scores = scores.sort_values("instruction_id")  # what a bootstrap draws depends on the order
    for retriever, of_one in scores.groupby("retriever"):
        for group, twins, some in _groups(of_one):
            for k, at_k in some.groupby("k"):
                strata = ["/".join(row) for row in at_k[list(STRATA)].itertuples(index=False)]
                row: dict[str, object] = {"retriever": retriever, "instructions": group, "twins": twins}
                row |= {"k": k, "n": len(at_k), "n_apis": int(at_k["n_apis"].iloc[0])}
                for name, rate in zip(
                    METRICS, rates(at_k[list(METRICS)].to_numpy(float), strata), strict=True
                ):
                    row |= {name: rate.mean, f"{name}_low": rate.low, f"{name}_high": rate.high}
                rows.append(row)
    return pd.DataFrame(rows)


def _groups(scores: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Groups of instructions: all, those held out, by scenario, by level, those that name no tool."""
    apart = scores[scores["twins"] == "apart"]
    held_out = apart["level"] != "train"
    yield "all", "apart", apart
    yield "all", "as one", scores[scores["twins"] == "as one"]
    if held_out.any() and not held_out.all():
        yield "held out", "apart", apart[held_out]
    for column in STRATA:
        if apart[column].nunique() > 1:
            for value, some in apart.groupby(column):
                yield str(value), "apart", some
    if apart["names_tool"].nunique() > 1:
        yield "naming no tool", "apart", apart[~apart["names_tool"]]


def scores_text(scores: pd.DataFrame, output: str) -> str:
    """As JSON or CSV all figures, as a table the ones that are read first."""
    table = scores_table(scores)
    if output != "table":
        return printed(table, output)
    first = scores.drop_duplicates("instruction_id")
    n_apis = int(first["n_apis"].max())
    heading = f"{len(first):,} instructions, each ranking {n_apis:,} APIs; in % with 95 % intervals"
    return "\n".join([heading, "", printed(_shown(table), output)])


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    by_k = {k: rows.reset_index(drop=True) for k, rows in table.groupby("k")}
    at = by_k[AT]
    named = at["instructions"].where(at["twins"] == "apart", at["instructions"] + ", twins as one")
    shown = {"retriever": at["retriever"], "instructions": named, "n": at["n"]}
    shown["NDCG@1"] = by_k[1]["ndcg"].map(_percent)
    shown[f"NDCG@{AT}"] = at.apply(
        lambda row: f"{_percent(row['ndcg'])} ({_percent(row['ndcg_low'])} to {_percent(row['ndcg_high'])})",
        axis=1,
    )
    shown |= {f"recall@{AT}": at["recall"].map(_percent), f"complete@{AT}": at["complete"].map(_percent)}
    shown |= {"recall@10": by_k[10]["recall"].map(_percent), "MRR": at["reciprocal_rank"].map(_percent)}
    return pd.DataFrame(shown)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def scores_of_run(data: Path) -> pd.DataFrame:
    """Of the snapshot shown."""
    with open_database(data) as connection:
        ((n_incomplete,),) = connection.execute(statement("incomplete_queries")).fetchall()
        if n_incomplete:
            say(
                f"warning: queries that need an API which is not on offer with them: {n_incomplete:,}; "
                "measured by what else they need, they look easier than they are (`toolloom sql @rejects`)"
            )
        return connection.execute("FROM retrieval_scores").df()


def scores_of_files(location: Path, data: Path, settings: Config | RetrieverParams | None) -> pd.DataFrame:
    """Of BM25 and of the model in use over the APIs that query files describe, or over a corpus with judged
    queries.  data: where models were trained.

    Raises `UsageError` where there is no query of which it is known what it needs.
    """
    if holds_judged(location):
        judged = read_judged(location)
        documents, asked, n_queries = judged.documents, judged.instructions, judged.n_queries
        why = "of which nothing is judged to be needed"
    else:
        documents, asked, n_queries = query_files(location)
        why = "which cannot be read, or need no API, or one that they do not describe"
    if len(asked) < n_queries:
        say(f"left out: {n_queries - len(asked):,} of {n_queries:,} queries, {why}")
    with ExitStack() as opened:
        retrievers = retrievers_of(documents, data, settings, opened)
        rows = [row for each in retrievers for row in ranked(each, documents, asked, lambda row: row.split)]
    with duckdb.connect() as connection:
        connection.register(RETRIEVAL_RANKS.name, to_columns(rows, RETRIEVAL_RANKS.schema))
        return connection.execute(sql_files("views")["retrieval_scores"].text).df()


def query_files(location: Path) -> tuple[list[ApiDocument], list[Instruction], int]:
    """The APIs they describe, the queries that need some of them and no others, and how many there are."""
    check_queries(location)
    with open_toolbench(ToolbenchParams(kind="toolbench", location=location)) as source:
        crawled = source.fetch(source.listing().entries)
    tools = [each.tool for each in crawled if each.tool is not None]
    apis = [api for each in crawled for api in each.apis]
    loaded = read_instructions(find_layout(location).queries, apis, tools)
    asked = [
        row
        for row in loaded.instructions.values()
        if row.relevant_apis and row.instruction_id not in loaded.incomplete
    ]
    if not asked:
        raise UsageError(
            f"no query in {location} names APIs that it needs, all of them described",
            fix='each query lists them as "relevant APIs": [[tool_name, api_name], ...]',
        )
    return documents_of(tools, apis), asked, loaded.n_queries


def found_text(found: FoundApis, output: str) -> str:
    """As JSON or CSV rows alone, and what there is to say of them on the standard error."""
    if output != "table":
        for line in found.notes:
            print(line, file=sys.stderr)  # noqa: T201 - rows are for programs
        return printed(found.rows, output)
    heading = f"by {found.retriever}, among {found.n_apis:,} APIs"
    return "\n".join([*found.notes, heading, "", printed(found.rows.drop(columns="retriever"), output)])


def models_text(data: Path, output: str) -> str:
    """The models of a data folder; as JSON or CSV all that their cards say.  in use: the snapshot's."""
    shown = manifest.newest(data)
    tables = {} if shown is None else shown.tables
    refs = [ref for table in (MODELS, CHAT_MODELS) for ref in tables.get(table.name, ())]
    used = {digest for ref in refs for (digest,) in Store(data).select([ref], "model_digest")}
    cards: list[Card] = [*models_of(data), *chat_models_of(data)]
    cards.sort(key=lambda card: (card.made_at, card.digest), reverse=True)
    if output != "table":
        rows = [{"in_use": card.digest in used, **card.model_dump(mode="json")} for card in cards]
        return printed(pd.DataFrame(rows), output)
    if not cards:
        return "no model was trained here yet; `toolloom retriever train` or `toolloom train` makes one"
    return printed(pd.DataFrame([_shown_model(card, used) for card in cards]), output)


def _shown_model(card: Card, used: set[str]) -> dict[str, str]:
    learned, measure, before, after = "", "", "", ""
    if isinstance(card, ModelCard):
        learned, measure = f"{card.n_pairs:,} pairs", "NDCG@5"
        before, after = (f"{100 * each:.1f}" for each in (card.epochs[0], max(card.epochs)))
    if isinstance(card, ChatCard):
        learned, measure = f"{card.n_conversations:,} conversations", "loss"
        if card.n_pairs:
            learned += f", {card.n_pairs:,} preferences"
        measured = [card.evaluation(at) if card.n_held_out else card.loss(at) for at in ("first", "last")]
        before, after = ("" if each is None else f"{each:.3f}" for each in measured)
    return {
        "model": card.digest,
        "kind": card.kind,
        "in use": "yes" if card.digest in used else "",
        "base": card.base,
        "learned from": learned,
        "measured by": measure,
        "before": before,
        "after": after,
        "made": card.made_at.isoformat()[:16],
    }
