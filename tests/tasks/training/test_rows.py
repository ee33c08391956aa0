"""What a model learns of a run's searches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from searched_world import GIVES_UP, MODEL, QUERIES, RAIN, answers, calls, says, search, write_world
from toy_tokens import CONTROL, Toy

from tasks.exporting.params import ExportParams
from tasks.exporting.searches import open_source
from tasks.serving.template import chatml_tools
from tasks.training.rendering import ChatTemplate
from tasks.training.rows import Example, Material, material_of

OURS = ChatTemplate("chatml_tools", chatml_tools(), CONTROL)
DRY = answers("It stays dry.")
SAID_DRY = (
    '<tool_call>\n{"name": "Finish", "arguments": {"return_type": "give_answer", '
    '"final_answer": "It stays dry."}}\n</tool_call><|im_end|>'
)
SAID_RAIN = '<tool_call>\n{"name": "rain_for_sky", "arguments": {"city": "Brest"}}\n</tool_call><|im_end|>'


def material(root: Path, encode: Toy, *, held_out: float = 0.0, **given: Any) -> Material:
    with open_source(root, None, ExportParams(held_out=held_out)) as source:
        return material_of(source, OURS, encode, **{"max_tokens": 8192, **given})


def world(tmp_path: Path, *scripts: Sequence[Any]) -> Path:
    """Searches of one instruction of the training split."""
    write_world(tmp_path / "data", [search("beach", list(script)) for script in scripts])
    return tmp_path / "data"


def learned(example: Example, encode: Toy) -> list[str]:
    return [encode.text(list(example.ids[begin:end])) for begin, end in example.learned]


def test_what_the_search_said_on_the_way_to_its_answer_is_learned(tmp_path: Path) -> None:
    encode = Toy()
    root = world(tmp_path, [says("Snow?", RAIN), says(GIVES_UP), says("Rain.", RAIN), says(DRY)])

    found = material(root, encode)

    (example,) = found.train
    assert learned(example, encode) == [f"Rain.\n{SAID_RAIN}", SAID_DRY]
    assert f"<|im_start|>user\n{QUERIES['beach']}<|im_end|>" in encode.text(list(example.ids))
    assert (found.held_out, found.rejects, found.n_straddling) == ([], [], 0)
    labels = example.labels
    assert [int(each) for each in labels if each != -100] == encode(f"Rain.\n{SAID_RAIN}{SAID_DRY}")


def test_a_thought_alone_stays_a_turn_as_the_search_showed_it(tmp_path: Path) -> None:
    encode = Toy()
    found = material(world(tmp_path, [says("Look."), says("Rain.", RAIN), says(DRY)]), encode)

    (example,) = found.train
    assert learned(example, encode) == ["Look.<|im_end|>", f"Rain.\n{SAID_RAIN}", SAID_DRY]


def test_a_call_of_what_does_not_exist_is_shown_and_not_learned(tmp_path: Path) -> None:
    encode = Toy()
    root = world(tmp_path, [says("Snow?", calls("snow_for_sky")), says("So.", RAIN), says(DRY)])

    (example,) = material(root, encode).train

    assert "snow_for_sky" in encode.text(list(example.ids))
    assert learned(example, encode) == [f"So.\n{SAID_RAIN}", SAID_DRY]


def test_what_is_held_out_is_not_trained_on(tmp_path: Path) -> None:
    root = world(tmp_path, [says(RAIN), says(DRY)])
    found = material(root, Toy(), held_out=0.999999)
    assert (len(found.train), len(found.held_out)) == (0, 1)


def test_of_other_levels_nothing_is_taken(tmp_path: Path) -> None:
    write_world(tmp_path / "data", [search("picnic", [says(RAIN), says(DRY)])])
    assert material(tmp_path / "data", Toy()) == Material()


@pytest.mark.parametrize(
    ("reply", "given", "reason", "detail"),
    [
        (says(DRY), {"max_tokens": 40}, "too_long", " tokens, of 40 at most"),
        (says("It is <|im_end|> so.", DRY), {}, "control_token", "it says <|im_end|>, by which"),
    ],
)
def test_what_cannot_be_learned_whole_is_a_reject(
    tmp_path: Path, reply: Any, given: dict[str, Any], reason: str, detail: str
) -> None:
    found = material(world(tmp_path, [says(RAIN), reply]), Toy(), **given)

    assert found.train == []
    (reject,) = found.rejects
    assert (reject.stage, reject.reason) == ("train", reason)
    assert detail in reject.detail


def test_searches_of_another_method_are_left_out(tmp_path: Path) -> None:
    root = world(tmp_path, [says(RAIN), says(DRY)])
    assert material(root, Toy(), methods=("react",)).left_out == {
        "another method than [train] methods names": 1
    }
    assert len(material(root, Toy(), methods=("react", "dfsdt")).train) == 1


@pytest.mark.parametrize(
    ("given", "n"),
    [
        ({}, 1),
        ({"models": (MODEL, "other")}, 1),
        ({"models": ("other",)}, 0),
        ({"not_by": {MODEL}}, 0),
        ({"not_by": {MODEL}, "models": (MODEL,)}, 1),
    ],
)
def test_a_model_does_not_learn_from_itself_unless_told(
    tmp_path: Path, given: dict[str, Any], n: int
) -> None:
    found = material(world(tmp_path, [says(RAIN), says(DRY)]), Toy(), **given)
    assert len(found.train) == n
    assert sum(found.left_out.values()) == 1 - n


def test_of_two_replies_the_one_on_the_way_to_the_answer_is_preferred(tmp_path: Path) -> None:
    encode = Toy()
    snow = says("Snow?", calls("snow_for_sky"))
    root = world(tmp_path, [snow, says(GIVES_UP), says("Rain.", RAIN), says(DRY)])

    (pair,) = material(root, encode, pairs=True).pairs

    assert encode.text(list(pair.prompt)).endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert encode.text(list(pair.chosen)) == f"Rain.\n{SAID_RAIN}"
    assert encode.text(list(pair.rejected)).startswith('Snow?\n<tool_call>\n{"name": "snow_for_sky"')


def test_its_digest_is_of_what_is_learned_from(tmp_path: Path) -> None:
    root = world(tmp_path, [says(RAIN), says(DRY)])
    encode = Toy()
    whole = material(root, encode)
    assert whole.digest() == material(root, encode).digest()
    assert whole.digest() != material(root, encode, held_out=0.999999).digest() == Material().digest()
