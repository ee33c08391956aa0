"""APIs that are offered as well: much like those of a sample, and not needed."""

from __future__ import annotations

import json

import pytest
from catalogue_rows import a_tool

from tasks.sampling.distract import with_distractors
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Sample

SPLITS = {"Sky/rain": "train", "Sky/storm": "train", "Money/bank": "train", "Sky/held": "test_tool"}
TOOLS = [a_tool(tool_id, split=split) for tool_id, split in SPLITS.items()]
SAYS = {
    "Sky/rain/hourly": ("Hourly", "How much rain falls in a city every hour.", "city"),
    "Sky/rain/daily": ("Daily", "How much rain falls in a city every day.", "city"),
    "Sky/storm/hourly": ("hourly", "how much rain falls in a city every hour", "city"),
    "Sky/storm/warnings": ("Warnings", "Warns of rain and storms in a city.", "city"),
    "Sky/held/rain": ("Rain", "How much rain fell in a city, hour by hour.", "city"),
    "Money/bank/rates": ("Rates", "Exchange rates of currencies.", "currency"),
    "Money/bank/city_rates": ("City Rates", "Exchange rates in the banks of a city.", "city"),
}


def document(api_id: str, name: str, description: str, parameter: str) -> Document:
    said = {
        "tool_name": api_id.split("/")[1],
        "api_name": name,
        "api_description": description,
        "parameters": [{"name": parameter}, "(1 more)"],
    }
    return Document(
        api_id=api_id,
        document=json.dumps(said),
        response_schema="{}",
        tokens_before=1,
        tokens_after=1,
        method="as-is",
    )


DOCUMENTS = [document(api_id, *says) for api_id, says in SAYS.items()]


def sample(*api_ids: str, split: str = "train") -> Sample:
    return Sample(sample_id="s", scenario="G1", group="g", draw=0, api_ids=api_ids, tool_ids=(), split=split)


def distractors(drawn: Sample, n: int, documents: list[Document] = DOCUMENTS) -> tuple[str, ...] | None:
    (found,) = with_distractors([drawn], documents, TOOLS, n)
    return found.distractors


@pytest.mark.parametrize(
    ("drawn", "n", "found"),
    [
        # Its twin, Sky/storm/hourly, could do what is asked.
        (("Sky/rain/hourly",), 1, ("Sky/rain/daily",)),
        (("Sky/rain/hourly",), 2, ("Sky/rain/daily", "Sky/storm/warnings")),
        # Rates of currencies share no word with it: there are no more.
        (("Sky/rain/hourly",), 9, ("Money/bank/city_rates", "Sky/rain/daily", "Sky/storm/warnings")),
        # Of two twins one is offered.
        (("Sky/rain/daily",), 1, ("Sky/rain/hourly",)),
        (("Sky/rain/daily",), 2, ("Sky/rain/hourly", "Sky/storm/warnings")),
        # The most like any of its own.
        (("Money/bank/rates", "Sky/rain/daily", "Sky/rain/hourly"), 1, ("Money/bank/city_rates",)),
    ],
)
def test_the_most_alike_of_its_split_are_offered_and_no_twin(
    drawn: tuple[str, ...], n: int, found: tuple[str, ...]
) -> None:
    assert distractors(sample(*drawn), n) == found


def test_what_is_alone_in_its_split_has_none() -> None:
    assert distractors(sample("Sky/held/rain", split="test_tool"), 3) == ()


def test_what_says_nearly_the_same_may_do_the_work_and_is_not_offered() -> None:
    again = document(
        "Sky/storm/again", "Hourly", "How much rain falls in a city every hour, exactly.", "city"
    )
    assert distractors(sample("Sky/rain/hourly"), 1, [*DOCUMENTS, again]) == ("Sky/rain/daily",)


def test_no_order_of_documents_matters() -> None:
    drawn = sample("Sky/rain/hourly")
    assert distractors(drawn, 2, DOCUMENTS[::-1]) == distractors(drawn, 2)
