"""Models of both kinds in one data folder, and what is said where there is nothing to learn from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.model_folders import Card, cards_of, keep_model, model_digest
from tasks.retrieval.models import ModelCard, card_of, models_of
from tasks.retrieval.params import RetrieverParams
from tasks.training.making import require_rows
from tasks.training.models import ChatCard, StepNote, chat_card_of, chat_models_of
from tasks.training.params import TrainParams
from tasks.training.rows import Material
from warehouse.tables.accounts import Reject

MADE = datetime(2026, 3, 1, tzinfo=UTC)


def step(number: int, loss: float | None, evaluation: float | None = None) -> StepNote:
    return StepNote(
        phase="sft",
        step=number,
        epoch=0.5,
        loss=loss,
        evaluation=evaluation,
        margin=None,
        learning_rate=None,
        tokens=10,
    )


def kept(data: Path, kind: type[Card]) -> Card:
    """A model of that kind, moved to its place."""
    made = data / "made"
    made.mkdir(parents=True)
    (made / "model.safetensors").write_text(kind.__name__)
    of_all = {
        "digest": model_digest(made),
        "base": "a-base",
        "base_digest": "b",
        "data_digest": "d",
        "made_at": MADE,
        "seconds": 1.5,
    }
    card: Card
    if kind is ChatCard:
        card = ChatCard(
            **of_all,
            parameters=TrainParams(),
            n_conversations=2,
            n_held_out=1,
            n_pairs=0,
            left_out={},
            n_straddling=0,
            longest=9,
            template="chatml_tools",
            steps=(step(0, None, 2.0), step(1, 1.5), step(2, 1.0, 0.5)),
        )
    else:
        card = ModelCard(
            **of_all,
            parameters=RetrieverParams(),
            n_queries=1,
            n_pairs=1,
            n_held_back=1,
            n_documents=1,
            epochs=(0.1, 0.2),
            best_epoch=1,
            negatives=0,
            dimension=2,
            max_tokens=3,
        )
    keep_model(data, made, card)
    return card


def test_neither_kind_is_taken_for_the_other(tmp_path: Path) -> None:
    finds, calls = kept(tmp_path, ModelCard), kept(tmp_path, ChatCard)

    assert models_of(tmp_path) == [finds]
    assert chat_models_of(tmp_path) == [calls]
    assert chat_card_of(tmp_path, calls.digest) == calls
    with pytest.raises(UsageError, match="is of another kind"):
        card_of(tmp_path, calls.digest)
    with pytest.raises(UsageError, match="is of another kind"):
        chat_card_of(tmp_path, finds.digest)
    assert not (tmp_path / "made").exists()


def test_a_card_tells_its_losses(tmp_path: Path) -> None:
    kept(tmp_path, ChatCard)
    (card,) = cards_of(tmp_path, ChatCard)
    assert [card.loss("first"), card.loss("last")] == [1.5, 1.0]
    assert [card.evaluation("first"), card.evaluation("last")] == [2.0, 0.5]


def reject(reason: str, detail: str) -> Reject:
    return Reject(stage="train", row_id="a", reason=reason, detail=detail)


@pytest.mark.parametrize(
    ("material", "said"),
    [
        (Material(), "there is no conversation to train on"),
        (
            Material(rejects=[reject("too_long", "9,000 tokens, of 8,192 at most")]),
            "all 1 conversations are longer than [train] max_tokens = 8,192 (or than the base can read); the "
            "first has 9,000 tokens, of 8,192 at most",
        ),
        (
            Material(rejects=[reject("too_long", "x"), reject("not_json", "y"), reject("not_json", "z")]),
            "there is no conversation to train on (left out: not_json: 2; too_long: 1)",
        ),
    ],
)
def test_where_there_is_nothing_to_learn_from_a_line_says_why(material: Material, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        require_rows(material, TrainParams())
    assert str(raised.value).splitlines()[0] == said
