"""The retriever in use: BM25 alone, or mixed with a model whose vectors are there."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tasks.errors import BrokenContract, RequestRefused, UsageError
from tasks.exact_json import digest_of
from tasks.identity import NotInKey
from tasks.llm.budget import Ledger
from tasks.llm.chat import ReplyStore
from tasks.llm.embeddings import Embedder, EmbeddingClient
from tasks.llm.endpoint import Endpoint
from tasks.llm.params import BudgetParams, EmbeddingParams
from tasks.model_folders import model_digest, model_folder
from tasks.retrieval.dense import BySentence, Dense, Encoder, Fused, Mixed
from tasks.retrieval.documents import ApiDocument
from tasks.retrieval.encoding import PACKAGE, SentenceEncoder, folder_of, require_extra
from tasks.retrieval.lexical import Lexical
from tasks.retrieval.models import models_of
from tasks.retrieval.params import BM25, ENDPOINT, NEWEST, RetrieverParams
from tasks.retrieval.ranking import Retriever, Scores
from tasks.transport.kvstore import DurableMap
from tasks.transport.runtime import Runtime

EMBED = "`toolloom retriever embed`, with the same [retriever] model, makes what is missing"
_TRAINED = "trained-"
_SHOWN_OF_DIGEST = 8
_DIGEST = re.compile(rf"{_TRAINED}\w*|[0-9a-f]{{8,32}}")


class ModelInUse(BaseModel):
    """A model of vectors.

    name: for people, and in tables.  digest: of its files, or of how an endpoint is asked for it.  folder:
    where its weights are.  endpoint: what is asked instead.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str
    folder: Annotated[Path | None, NotInKey("place")] = None
    endpoint: Annotated[EmbeddingParams | None, NotInKey("place")] = None


def model_in_use(params: RetrieverParams, data: Path) -> ModelInUse | None:
    """The model that `[retriever] model` names; None: BM25 alone.

    Raises `UsageError` where there is no such model, or where it cannot be used here.
    """
    if params.model == BM25:
        return None
    if params.model == ENDPOINT:
        return _of_endpoint(params.endpoint)
    trained = [card.digest for card in models_of(data)]
    if params.model == NEWEST:
        digest = next(iter(trained), None)
    else:
        named = params.model.removeprefix(_TRAINED)
        is_whole = len(named) >= _SHOWN_OF_DIGEST
        digest = next((each for each in trained if is_whole and each.startswith(named)), None)
    if digest is not None:
        found = ModelInUse(
            name=f"{_TRAINED}{digest[:_SHOWN_OF_DIGEST]}", digest=digest, folder=model_folder(data, digest)
        )
    elif params.model == NEWEST:
        return None
    elif _DIGEST.fullmatch(params.model) and not Path(params.model).is_dir():
        raise UsageError(
            f"no model that was trained in {data} has the digest {params.model}",
            fix="`toolloom models` lists them; `toolloom retriever train` makes one",
        )
    else:
        folder = folder_of(params.model)
        name = params.model if params.model.startswith(PACKAGE) else Path(params.model).name
        found = ModelInUse(name=name, digest=model_digest(folder), folder=folder)
    require_extra()
    return found


def _of_endpoint(params: EmbeddingParams | None) -> ModelInUse:
    if params is None:
        raise UsageError(
            "[retriever] model is the endpoint's, and no endpoint is named",
            fix="name one in [retriever.endpoint], with base_url and model",
        )
    digest = digest_of([ENDPOINT, params.model, params.dimensions, params.body])
    return ModelInUse(name=params.model, digest=digest, endpoint=params)


class EndpointEncoder:
    """Texts as vectors of length 1, of an endpoint; zeros where it refuses a text."""

    def __init__(self, embedder: Embedder, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        """run: awaits in the embedder's event loop."""
        self._embedder = embedder
        self._run = run

    def encode(self, texts: Sequence[str], told: Callable[[int], None] = lambda _: None) -> Scores:
        found = self._run(self._embedder.embed(texts, told))
        vectors = [np.frombuffer(each, dtype="<f4") for each in found if not isinstance(each, RequestRefused)]
        dimensions = {len(vector) for vector in vectors} or {0}
        if len(dimensions) > 1:
            raise BrokenContract(
                f"the endpoint's vectors have {' and '.join(map(str, sorted(dimensions)))} numbers",
                fix="one model makes vectors of one length: set [retriever.endpoint] dimensions, or name "
                "another model",
            )
        filled = iter(vectors)
        nothing = np.zeros(dimensions.pop(), dtype=np.float32)
        rows = [nothing if isinstance(each, RequestRefused) else next(filled) for each in found]
        return unit_length(np.array(rows, dtype=np.float32).reshape(len(texts), len(nothing)))


def unit_length(vectors: Scores) -> Scores:
    """Each row with length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Scores = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled


class OneAtATime:
    """An encoder whose model is asked by one thread at a time: it takes all cores by itself."""

    def __init__(self, inner: SentenceEncoder) -> None:
        self._inner = inner
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], told: Callable[[int], None] = lambda _: None) -> Scores:
        with self._lock:
            return self._inner.encode(texts, told)


class CountingEncoder(Encoder, Protocol):
    """told: how many more texts are done, now and then."""

    def encode(self, texts: Sequence[str], told: Callable[[int], None] = ...) -> Scores: ...


@contextmanager
def open_encoder(model: ModelInUse, data: Path) -> Iterator[Encoder]:
    """Outside of a run; replies of an endpoint are those of the data folder all the same."""
    if model.endpoint is None:
        assert model.folder is not None, "a model is an endpoint's, or has weights"
        yield SentenceEncoder(model.folder)
        return
    ledger = Ledger(BudgetParams(), model.endpoint)
    with Runtime() as runtime, DurableMap(data / "store" / "replies.sqlite") as replies:
        endpoint = runtime.enter(Endpoint(model.endpoint, ledger=ledger, client=EmbeddingClient))
        yield EndpointEncoder(Embedder(endpoint, ReplyStore(replies), ledger), runtime.run)


def vectors_of(
    rows: pa.Table, documents: Sequence[ApiDocument], model: ModelInUse, without: Set[str] = frozenset()
) -> Scores:
    """The vectors of the documents, a row each.  rows: of `embeddings`.

    without: APIs of which the model makes none; their vectors are zeros.  Raises `UsageError` where others
    have none of this model.
    """
    place = {
        document: at
        for at, (document, by) in enumerate(
            zip(rows["document"].to_pylist(), rows["model"].to_pylist(), strict=True)
        )
        if by == model.digest
    }
    at = [place.get(document.digest, -1) for document in documents]
    missing = [
        each.api_id for each, own in zip(documents, at, strict=True) if own < 0 and each.api_id not in without
    ]
    if missing:
        lacking = f"{len(missing):,} of {len(documents):,} APIs have" if place else "the APIs have"
        raise UsageError(f"{lacking} no current vector of the model {model.name}", fix=EMBED)
    vectors = matrix_of(rows)
    found: Scores = np.where(np.array(at)[:, None] >= 0, vectors[at], np.float32(0))
    return found


def matrix_of(rows: pa.Table) -> Scores:
    """The column of vectors as a matrix.  Raises `UsageError` where they are not of one length."""
    column = rows["vector"].combine_chunks()
    numbers = column.flatten().to_numpy(zero_copy_only=False)
    if len(numbers) % max(1, len(column)) or len(set(column.value_lengths().to_pylist())) > 1:
        raise UsageError("the vectors are of different lengths", fix=EMBED)
    matrix: Scores = numbers.reshape(len(column), -1)
    return matrix


def retrievers_over(
    documents: Sequence[ApiDocument], params: Blend, dense: Dense | None = None
) -> list[Retriever]:
    """BM25, and where there are vectors the model alone and the mix of both; the last is the one in use.

    BM25 alone is what publications call so; in the mix it goes by sentences, too, as the model does.
    """
    lexical = Lexical(documents)
    if dense is None:
        return [lexical]
    mixed = Fused if params.fusion == "ranks" else Mixed
    return [lexical, dense, mixed(BySentence(lexical), dense, params.mix)]


class Blend(Protocol):
    """How BM25 and a model are mixed."""

    @property
    def mix(self) -> float: ...

    @property
    def fusion(self) -> str: ...


def best(scores: Scores, k: int) -> Iterable[int]:
    """The k best of a row of scores; those that score the same in the order of their ids."""
    there = np.arange(len(scores))
    if k < len(scores):  # to sort them all takes longer than to find them
        there = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
    return map(int, there[np.argsort(-scores[there], kind="stable")][:k])
