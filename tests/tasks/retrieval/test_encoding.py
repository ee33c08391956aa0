"""Which folders are loaded as models, and what names them; nothing here needs torch."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.model_folders import model_digest, model_folder
from tasks.retrieval.encoding import folder_of, require_safe
from tasks.retrieval.in_use import model_in_use
from tasks.retrieval.models import ModelCard, card_of, make_newest, models_of
from tasks.retrieval.params import RetrieverParams

OWN = "sentence_transformers.models.Pooling"


def model(folder: Path, *files: str, module: str = OWN, path: str = "1_Pooling") -> Path:
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "path": path, "type": module}]))
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"weights")
    return folder


def test_weights_that_are_data_alone_are_safe(tmp_path: Path) -> None:
    require_safe(model(tmp_path / "own", "model.safetensors", "1_Pooling/config.json"))
    require_safe(model(tmp_path / "both", "model.safetensors", "pytorch_model.bin"))


@pytest.mark.parametrize(
    ("files", "module", "path", "said"),
    [
        (("pytorch_model.bin",), OWN, "", "may run code when it is read"),
        (("model.safetensors", "2_Dense/pytorch_model.bin"), OWN, "", "2_Dense/pytorch_model.bin may run"),
        (("model.safetensors",), "theirs.Module", "", "code of its own (theirs.Module)"),
        (("model.safetensors",), OWN, "../else", "wants a module from elsewhere (../else)"),
    ],
)
def test_what_could_run_code_is_refused(
    tmp_path: Path, files: tuple[str, ...], module: str, path: str, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        require_safe(model(tmp_path / "model", *files, module=module, path=path))
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [None, "{", "[1]", '[{"path": ""}]'])
def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "modules.json").write_text(content)
    with pytest.raises(UsageError, match=r"modules\.json"):
        require_safe(tmp_path)


@pytest.mark.parametrize(
    ("base", "said", "fix"),
    [
        ("package:none-such-model", "the package none-such-model, ", "pip install none-such-model"),
        ("package:pydantic", "holds no sentence-transformers model", "name another base"),
    ],
)
def test_a_package_that_is_not_there_or_holds_no_model(base: str, said: str, fix: str) -> None:
    with pytest.raises(UsageError) as refused:
        folder_of(base)
    assert said in refused.value.message
    assert refused.value.fix == fix


def test_a_digest_is_of_what_the_model_does(tmp_path: Path) -> None:
    one = model(tmp_path / "one", "model.safetensors")
    same = model(tmp_path / "same", "model.safetensors", "README.md", "card.json")
    other = model(tmp_path / "other", "model.safetensors", "vocab.txt")

    assert model_digest(one) == model_digest(same) != model_digest(other)
    assert len(model_digest(one)) == 32


def card(digest: str, hour: int) -> ModelCard:
    return ModelCard(
        digest=digest,
        base="package:base",
        base_digest="b" * 32,
        data_digest="d" * 32,
        parameters=RetrieverParams(base="package:base"),
        n_queries=3,
        n_pairs=4,
        n_held_back=1,
        n_documents=9,
        epochs=(0.5, 0.75),
        best_epoch=1,
        negatives=0,
        dimension=384,
        max_tokens=128,
        made_at=datetime(2026, 1, 1, hour, tzinfo=UTC),
        seconds=1.5,
    )


def test_models_are_listed_the_newest_first(tmp_path: Path) -> None:
    cards = [card("a" * 32, 1), card("c" * 32, 3), card("b" * 32, 2)]
    for each in cards:
        model_folder(tmp_path, each.digest).mkdir(parents=True)
        (model_folder(tmp_path, each.digest) / "card.json").write_text(each.model_dump_json())
    (tmp_path / "models" / "unfinished").mkdir()

    assert models_of(tmp_path) == [cards[1], cards[2], cards[0]]
    assert models_of(tmp_path / "none") == []
    assert card_of(tmp_path, "a" * 32) == cards[0]
    with pytest.raises(UsageError, match="there is no model e"):
        card_of(tmp_path, "e" * 32)


def test_a_model_that_training_came_to_again_is_the_newest(tmp_path: Path) -> None:
    for each in (card("a" * 32, 1), card("b" * 32, 2)):
        model_folder(tmp_path, each.digest).mkdir(parents=True)
        (model_folder(tmp_path, each.digest) / "card.json").write_text(each.model_dump_json())

    make_newest(tmp_path, "b" * 32)
    assert models_of(tmp_path)[0] == card("b" * 32, 2)
    make_newest(tmp_path, "a" * 32)
    first, _ = models_of(tmp_path)
    assert first.model_copy(update={"made_at": card("a" * 32, 1).made_at}) == card("a" * 32, 1)


@pytest.mark.parametrize("named", ["a" * 8, "a" * 32, "trained-aaaaaaaa"])
def test_a_model_that_was_trained_and_is_gone_is_looked_for_nowhere_else(tmp_path: Path, named: str) -> None:
    with pytest.raises(UsageError, match="no model that was trained in") as refused:
        model_in_use(RetrieverParams(model=named), tmp_path)
    assert refused.value.fix == "`toolloom models` lists them; `toolloom retriever train` makes one"


@pytest.mark.parametrize("content", ["", "{}", card("a" * 32, 1).model_dump_json()])
def test_a_damaged_card_is_told(tmp_path: Path, content: str) -> None:
    model_folder(tmp_path, "b" * 32).mkdir(parents=True)
    (model_folder(tmp_path, "b" * 32) / "card.json").write_text(content)
    with pytest.raises(UsageError, match=r"card\.json"):
        models_of(tmp_path)
