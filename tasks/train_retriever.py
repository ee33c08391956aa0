"""Train a retriever: an encoder learns from the instructions of the training split which APIs they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tasks.exporting.searches import TRAIN, level_of_instruction
from tasks.frame.progress import Progress, ShardProgress
from tasks.frame.running import write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.model_folders import model_digest
from tasks.retrieval.documents import kept_documents, refused
from tasks.retrieval.encoding import folder_of
from tasks.retrieval.model_making import make_model
from tasks.retrieval.models import ModelCard
from tasks.retrieval.pairs import queries_of
from tasks.retrieval.params import RetrieverParams
from warehouse.ref import Counts, ShardOutput, StageOutput
from warehouse.tables import APIS, DOCUMENTS, INSTRUCTIONS, MODELS, REJECTS, TOOLS
from warehouse.tables.retrieval import Model

if TYPE_CHECKING:
    from tasks.retrieval.training import Told

VERSION = 2


def train_retriever(
    services: Services,
    params: RetrieverParams,
    crawled: StageOutput,
    compressed: StageOutput | None,
    selected: StageOutput,
    held_out: float,
    anew: str | None = None,  # noqa: ARG001 - counts in the key
) -> Sequence[ShardOutput]:
    """The model is moved into the folder of models whole; until then nothing there is of it.

    compressed: what it documents are the kept APIs; None: all that query files came with.  held_out: the
    share of the training split's instructions that exports hold out, and so does this.  anew: the run that
    found the model of a cached output gone.  Raises `UsageError` where there is nothing to learn from.
    """
    store = services.store
    shown = None if compressed is None else compressed.tables[DOCUMENTS.name]
    documents = kept_documents(store, crawled.tables[TOOLS.name], crawled.tables[APIS.name], shown)
    number = {document.api_id: at for at, document in enumerate(documents)}
    instructions = store.read(INSTRUCTIONS, selected.tables[INSTRUCTIONS.name])
    training = [row for row in instructions if level_of_instruction(row, held_out) == TRAIN]
    rejects = [reject for row in training if (reject := refused(row, number, STAGE.name)) is not None]
    left_out = {reject.row_id for reject in rejects}
    asked = [
        (row.query, [number[needed.api_id] for needed in row.relevant_apis])
        for row in training
        if row.instruction_id not in left_out
    ]
    told = _counted(services.progress(STAGE.name))
    card = make_model(services.run.data, params, queries_of(asked), documents, told)
    counts = Counts(unit=STAGE.unit, n_in=len(training), n_out=len(asked), n_rejected=len(rejects))
    return [write_shard(store, {MODELS: [_row(card)], REJECTS: rejects}, counts)]


def _counted(progress: Progress) -> Callable[[Told], None]:
    """Steps as the stage's progress, with the loss and how good the epochs were."""
    begun: list[ShardProgress] = []

    def told(at: Told) -> None:
        if not begun or at.steps < begun[0].done:  # the first step of this start, or of another training
            progress.expect(at.n_steps, "step")
            begun[:] = [progress.shard(1)]
            begun[0].carried = at.steps - 1
        begun[0].done = at.steps
        ndcg = ", ".join(f"{100 * each:.1f}" for each in at.epochs)
        progress.tell(f"loss {at.loss:.3f}, NDCG@5 {ndcg}")

    return told


def _row(card: ModelCard) -> Model:
    return Model(
        model_digest=card.digest,
        base=card.base,
        base_digest=card.base_digest,
        data_digest=card.data_digest,
        n_queries=card.n_queries,
        n_pairs=card.n_pairs,
        n_held_back=card.n_held_back,
        n_documents=card.n_documents,
        negatives=card.negatives,
        epochs=card.epochs,
        best_epoch=card.best_epoch,
        dimension=card.dimension,
        max_tokens=card.max_tokens,
        licence=card.licence,
        made_at=card.made_at,
        seconds=card.seconds,
    )


def _base_digest(params: RetrieverParams) -> str:
    return model_digest(folder_of(params.base))


STAGE = Stage(
    name="train_retriever",
    version=VERSION,
    unit="instruction",
    section="retriever",
    reads={"crawl": (TOOLS, APIS), "compress": (DOCUMENTS,), "select": (INSTRUCTIONS,)},
    writes=(MODELS, REJECTS),
    arguments=("held_out", "anew"),
    contents=_base_digest,
    whole=train_retriever,
)
