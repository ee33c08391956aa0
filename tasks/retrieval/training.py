"""Training an encoder on pairs (sentence-transformers); needs the extra `retriever`.

Imported where training begins, since it imports torch.  The loss is that of multiple negatives (Henderson et
al., arXiv 1705.00652), of large batches with gradients cached (arXiv 2101.06983), at several lengths of the
vectors at once (Matryoshka, arXiv 2205.13147).
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)
from transformers import PrinterCallback, TrainerCallback

from tasks.retrieval.dense import Dense
from tasks.retrieval.documents import ApiDocument
from tasks.retrieval.encoding import SentenceEncoder, loaded, require_safe
from tasks.retrieval.pairs import Pair, Query, batches, ndcg, rivals
from tasks.retrieval.params import RetrieverParams
from warehouse.files import put

_TEXTS_AT_ONCE = 32
_EPOCHS = "epochs.json"


@dataclass(frozen=True)
class Told:
    """How far training is.  steps: done, of n_steps; loss: of the last step; epochs: see `Fit`."""

    steps: int
    n_steps: int
    loss: float
    epochs: tuple[float, ...]


@dataclass(frozen=True)
class Fit:
    """What training came to.  folder: of the best epoch's model; epochs: NDCG@5 on the queries held back,
    the untrained model's first.
    """

    folder: Path
    epochs: tuple[float, ...]
    best: int
    dimension: int
    max_tokens: int


@dataclass(frozen=True)
class Examples:
    """pairs: to train on.  held_back: queries that choose the epoch."""

    pairs: Sequence[Pair]
    held_back: Sequence[Query]
    documents: Sequence[ApiDocument]

    def columns(self) -> dict[str, list[str]]:
        """As the loss reads them."""
        text = [document.text for document in self.documents]
        columns = {
            "anchor": [pair.query.text for pair in self.pairs],
            "positive": [text[pair.document] for pair in self.pairs],
        }
        for at in range(min(len(pair.negatives) for pair in self.pairs)):
            columns[f"negative_{at}"] = [text[pair.negatives[at]] for pair in self.pairs]
        return columns


def fit(
    base: Path, folder: Path, examples: Examples, params: RetrieverParams, told: Callable[[Told], None]
) -> Fit:
    """Trains the model in `base`, and keeps the best epoch's in `folder`; goes on where it was killed.

    The same base, examples, parameters and machine give the same weights, killed in between or not.
    """
    torch.manual_seed(params.seed)
    model = loaded(base)
    model.max_seq_length = min(params.max_tokens, model.max_seq_length or params.max_tokens)
    n_batches = max(1, len(examples.pairs) // params.batch_size)
    watch = _Watch(model, folder, examples, told)
    width = model.get_embedding_dimension()
    inner = (
        MultipleNegativesRankingLoss(model)
        if params.batch_size <= _TEXTS_AT_ONCE  # one part: what is cached would be computed twice
        else _Loss(model, mini_batch_size=_TEXTS_AT_ONCE)
    )
    loss = MatryoshkaLoss(
        model,
        inner,
        [each for each in params.dimensions if each < width] + [width],
    )
    trainer = _Trainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(folder),
            num_train_epochs=params.epochs,
            per_device_train_batch_size=params.batch_size,
            learning_rate=params.learning_rate,
            warmup_steps=max(1, n_batches * params.epochs // 10),
            save_strategy="epoch",
            save_total_limit=1,
            logging_steps=1,
            report_to=[],
            disable_tqdm=True,
            seed=params.seed,
            dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_dict(examples.columns()),
        loss=loss,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.make_batches = lambda **given: _Batches(examples, params, n_batches, **given)
    watch.look_at_base()
    saved = _checkpoints(folder)
    trainer.train(resume_from_checkpoint=str(saved[-1]) if saved else None)
    return Fit(watch.place(watch.best), tuple(watch.epochs), watch.best, width, model.max_seq_length)


class _Loss(CachedMultipleNegativesRankingLoss):  # type: ignore[misc] # no types where the extra is not
    """Cuts the padding of each part of a batch: to have it computed, too, costs twice the time."""

    def embed_minibatch(self, sentence_feature: Mapping[str, Any], begin: int, end: int, **given: Any) -> Any:
        mask = sentence_feature["attention_mask"][begin:end]
        width = int(mask.sum(dim=1).max())
        cut = dict(sentence_feature)
        if not mask[:, width:].any():  # a model that pads in front is left alone
            whole = sentence_feature["attention_mask"].shape
            for name, value in sentence_feature.items():
                if isinstance(value, torch.Tensor) and value.shape == whole:
                    cut[name] = value[:, :width]
        return super().embed_minibatch(cut, begin, end, **given)


class _Trainer(SentenceTransformerTrainer):  # type: ignore[misc]
    """Takes batches of ours; as an argument they would have to be pickled with each checkpoint."""

    make_batches: Callable[..., DefaultBatchSampler]

    def add_model_card_callback(self, *_: Any) -> None:
        """None: it encodes examples for a card that is not ours."""

    def get_batch_sampler(self, dataset: Any, batch_size: int, drop_last: bool, **_: Any) -> Any:
        return self.make_batches(dataset=dataset, batch_size=batch_size, drop_last=drop_last)


class _Batches(DefaultBatchSampler):  # type: ignore[misc]
    """As many an epoch as its pairs fill; the few that find no place differ from epoch to epoch."""

    def __init__(self, examples: Examples, params: RetrieverParams, n_batches: int, **given: Any) -> None:
        super().__init__(**given)
        self._examples, self._params, self._n = examples, params, n_batches
        self._twins = [document.twin for document in examples.documents]

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[list[int]]:
        order = random.Random(f"{self._params.seed}/{self.epoch}")  # noqa: S311 - an order, no secret
        pairs, documents = self._examples.pairs, self._examples.documents
        for made in batches(pairs, self._twins, self._params.batch_size, order)[: self._n]:
            # Texts of one length are computed together.
            yield sorted(made, key=lambda at: len(documents[pairs[at].document].text))


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Tells the steps, and keeps the model of the best epoch."""

    def __init__(
        self,
        model: SentenceTransformer,
        folder: Path,
        examples: Examples,
        told: Callable[[Told], None],
    ) -> None:
        self._model, self._folder, self._told = model, folder, told
        self._texts, self._asked = rivals(examples.held_back, examples.documents)
        path = folder / _EPOCHS
        self.epochs: list[float] = json.loads(path.read_bytes()) if path.is_file() else []

    def look_at_base(self) -> None:
        """Unless an earlier start has."""
        if not self.epochs:
            self._keep()

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Mapping[str, float], **_: Any) -> None:
        if "loss" in logs:
            self._told(Told(state.global_step, state.max_steps, float(logs["loss"]), tuple(self.epochs)))

    def on_epoch_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        del self.epochs[round(state.epoch) :]  # a run that was killed had come further than what it saved
        self._keep()

    def on_save(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
        """From here on nothing goes back behind this epoch."""
        for place in self._folder.glob("best-*"):
            if place != self.place(self.best):
                shutil.rmtree(place)

    @property
    def best(self) -> int:
        """The last of those that are equally good: what was trained is preferred to what was not."""
        return max(range(len(self.epochs)), key=lambda at: (self.epochs[at], at))

    def place(self, epoch: int) -> Path:
        return self._folder / f"best-{epoch}"

    def _keep(self) -> None:
        self.epochs.append(self._ndcg())
        number = len(self.epochs) - 1
        if self.best == number:
            made = self._folder / "unfinished"
            shutil.rmtree(made, ignore_errors=True)
            self._model.save(str(made), create_model_card=False)
            shutil.rmtree(self.place(number), ignore_errors=True)
            made.rename(self.place(number))
        put(self._folder / _EPOCHS, json.dumps(self.epochs).encode())

    def _ndcg(self) -> float:
        training = self._model.training
        encoder = SentenceEncoder(self._model)
        dense = Dense("", encoder.encode(self._texts), encoder)
        scores = dense.scores([query.text for query in self._asked])
        self._model.train(training)
        return ndcg(scores, self._asked)


def _checkpoints(folder: Path) -> list[Path]:
    """Those that were saved whole, in their order: the state is what the trainer writes last."""
    found = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    for each in found:
        require_safe(each)
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))
