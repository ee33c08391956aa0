"""The loop closed: a model learns from the data set, then searches beside its teacher (paper, table 4).

refresh -> retriever -> train -> serve -> annotate (teacher, base and tuned model) -> evaluate -> one table.
Each step is a flow and a run of its own; what was done before costs a look-up each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
from prefect import flow

from flows import DEFAULT_DATA
from flows.annotate_instructions import annotate_instructions
from flows.embed_apis import embed_apis
from flows.evaluate_annotations import evaluate_annotations
from flows.evaluate_retrievers import train_retriever
from flows.outcome import Looped, Outcome, Spent
from flows.params import Config, SandboxParams, Undescribed
from flows.prefect.artifacts import publish_comparison
from flows.refresh_dataset import refresh_dataset
from flows.report import as_part_of_a_whole, say
from flows.serve_model import serving
from flows.text.compare import compared, side_rows, text_of
from flows.train_model import train_model
from tasks.errors import UsageError
from tasks.llm.params import LlmParams
from tasks.model_folders import COMPARISON, model_folder
from tasks.retrieval.encoding import require_extra
from tasks.retrieval.params import BM25, ENDPOINT, NEWEST
from tasks.search.annotate import OFFER
from tasks.search.params import AnnotateParams
from tasks.serving.bases import folder_of_base
from warehouse.files import put

TEACHER, BASE, TUNED = "teacher", "base", "tuned"
GIVEN = "given"


@dataclass(frozen=True)
class Side:
    """Answers of one model by one method to one kind of offer; who: as the table names the model."""

    who: str
    model: str
    method: str
    offer: str

    @property
    def text(self) -> str:
        """As `toolloom compare` takes it."""
        offer = OFFER if self.offer == GIVEN else self.offer
        return f"method={self.method},model={self.model},offer={offer}"

    @property
    def name(self) -> str:
        return f"{self.who} {self.method} {self.offer}"


@flow(name="close-the-loop", flow_run_name="loop-{config.name}")
def close_the_loop(config: Undescribed[Config], data: Path = DEFAULT_DATA) -> Looped:
    """Every step in order; one that is stopped ends the loop, and the same command goes on from there."""
    with as_part_of_a_whole():
        return _closed(config, data)


def _closed(config: Config, data: Path) -> Looped:
    loop = config.loop
    done: list[Outcome] = [refresh_dataset(config, data)]
    if any(offer != GIVEN for offer in loop.offers):
        done += _retriever(config, data)
    folders = {}
    for method in dict.fromkeys((config.train.method, *loop.training)):
        learning = config.train.model_copy(update={"method": method, "models": (config.llm.model,)})
        trained = train_model(_with(config, train=learning), data)
        done.append(trained)
        who = TUNED if method == config.train.method else f"{TUNED} {method}"
        folders[who] = model_folder(data, trained.model)
    models = dict(folders)
    if loop.base:
        models = {BASE: folder_of_base(config.train.base, data / "bases"), **models}
    sides, ran = _searched(config, data, TEACHER, config.llm)
    done += ran
    for who, folder in models.items():
        with _endpoint(config, folder, data) as llm:
            own, ran = _searched(config, data, who, llm)
        sides, done = [*sides, *own], [*done, *ran]
    judging = config.evaluate.model_copy(update={"against": sides[0].text})
    done.append(evaluate_annotations(_with(config, evaluate=judging), data))
    comparison = compared(data, [side.text for side in sides], rules=loop.rules, against=sides[0].text)
    comparison = replace(comparison, sides=tuple(side.name for side in sides))
    say(text_of(comparison))
    publish_comparison(comparison)
    rows = side_rows(comparison).to_json(orient="records", force_ascii=False)
    for folder in folders.values():
        put(folder / COMPARISON, orjson.dumps(orjson.loads(rows), option=orjson.OPT_INDENT_2))
    return _outcome(done, rows)


def _with(config: Config, **sections: object) -> Config:
    return config.model_copy(update=sections)


def _retriever(config: Config, data: Path) -> list[Outcome]:
    """Trained where it can be; BM25 chooses where the extra is not installed, which is told."""
    model = config.retriever.model
    if model == BM25:
        return []
    asks_nobody = _with(config, sandbox=SandboxParams())
    if model != NEWEST:
        return [embed_apis(config if model == ENDPOINT else asks_nobody, data)]
    try:
        require_extra()
    except UsageError as missing:
        say(f"  BM25 chooses what is retrieved: {missing.message} ({missing.fix})")
        return []
    return [train_retriever(asks_nobody, data), embed_apis(asks_nobody, data)]


def _searched(config: Config, data: Path, who: str, llm: LlmParams) -> tuple[list[Side], list[Outcome]]:
    """Searches of the test levels by one model: each method, among each kind of offer."""
    loop, sides = config.loop, []
    ran: list[Outcome] = []
    for offer in loop.offers:
        for method in loop.methods:
            annotate = config.annotate.model_copy(
                update={
                    "method": method,
                    "offer": None if offer == GIVEN else offer,
                    "levels": loop.levels,
                    "limit": loop.limit,
                }
            )
            if who != TEACHER:  # as many as it answers at once: others would take its prompts' cache
                annotate = annotate.model_copy(update={"concurrency": loop.parallel})
            sides.append(Side(who, llm.model, method, offer))
            if who != TEACHER or not _holds(config.annotate, annotate):
                say(f"{who}, {method}, APIs {offer}:")
                ran.append(annotate_instructions(_with(config, llm=llm, annotate=annotate), data))
    return sides, ran


def _holds(refreshed: AnnotateParams, wanted: AnnotateParams) -> bool:
    """Whether a refresh by these settings has made the searches that are wanted, since it searched all."""
    is_all = refreshed.limit is None and not refreshed.levels
    return is_all and wanted.model_copy(update={"levels": refreshed.levels, "limit": None}) == refreshed


@contextmanager
def _endpoint(config: Config, folder: Path, data: Path) -> Iterator[LlmParams]:
    """The model of a folder, served; what it was found to be able to do is remembered by its name."""
    loop = config.loop
    with serving(folder, server=loop.server, parallel=loop.parallel, cache=data / "served") as served:
        yield LlmParams(
            base_url=served.base_url,
            model=served.model,
            endpoint_id=served.endpoint_id,
            concurrency=served.parallel,
            timeout_s=loop.timeout_s,
            max_tokens=loop.max_tokens,
            must_call=False,
            price_in=0,
            price_out=0,
        )


def _outcome(done: Sequence[Outcome], table: str) -> Looped:
    """Of all steps together; the run is that of the last, which shows all."""
    last = done[-1]
    prices = [step.spent.cost_usd for step in done]
    known = [price for price in prices if price is not None]
    return Looped(
        run_id=last.run_id,
        status=last.status,
        unchanged=all(step.unchanged for step in done),
        data=last.data,
        stages=tuple(stage for step in done for stage in step.stages),
        spent=Spent(
            requests=sum(step.spent.requests for step in done),
            tokens_in=sum(step.spent.tokens_in for step in done),
            tokens_out=sum(step.spent.tokens_out for step in done),
            cost_usd=sum(known) if len(known) == len(prices) else None,
        ),
        seconds=sum(step.seconds for step in done),
        n_commits=sum(step.n_commits for step in done),
        table=table,
    )
