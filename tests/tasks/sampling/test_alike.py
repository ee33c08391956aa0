"""What is alike: APIs that are offered as well and not needed, and tools that are drawn together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from catalogue_rows import a_tool
from openapi_crawl import crawl, write
from openapi_crawl import document as described

from tasks.documents.shorten import document_of
from tasks.sampling.alike import partners_of, with_distractors
from tasks.sampling.draw import draw_samples
from tasks.sampling.params import SampleParams
from warehouse.tables.catalogue import Tool
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


def operation(summary: str, description: str) -> dict[str, object]:
    said = {"operationId": summary, "description": description, "responses": {"200": {"description": ""}}}
    return {"get": said}


PLACES = {
    "tides": {
        "/high": operation("High Tide", "When the tide is high in a harbour on a day."),
        "/low": operation("Low Tide", "When the tide is low in a harbour on a day."),
    },
    "berths": {"/berths": operation("Free Berths", "Which berths of a harbour are free on a day, by tide.")},
    "rhymes": {"/rhymes": operation("Rhymes", "Words that rhyme with a word.")},
}


@pytest.fixture
def harbours(tmp_path: Path) -> tuple[list[Tool], list[Document]]:
    """Three tools of OpenAPI files that name no category and no tag, as a model would be shown them."""
    files = {f"{name}.json": described(paths, info={"title": name}) for name, paths in PLACES.items()}
    _, crawled = crawl(write(tmp_path, files))
    tools = {found.tool.tool_id: replace(found.tool, split="train") for found in crawled if found.tool}
    rows = [
        Document(
            api_id=api.api_id,
            document=document_of(tools[api.tool_id], api, None),
            response_schema="{}",
            tokens_before=1,
            tokens_after=1,
            method="as-is",
        )
        for found in crawled
        for api in found.apis
    ]
    return list(tools.values()), rows


def test_tools_without_collections_have_those_like_them_for_partners(
    harbours: tuple[list[Tool], list[Document]],
) -> None:
    tools, rows = harbours
    params = SampleParams(partners="similarity", draws_per_tool=0, draws_per_tool_in_category=0)
    kept = [row.api_id for row in rows]

    partners = partners_of(rows, tools, params)
    drawn = draw_samples(tools, kept, params, partners)

    tides, berths = "Uncategorised/tides", "Uncategorised/berths"
    assert partners == {tides: (berths,), berths: (tides,)}
    assert partners_of(rows[::-1], tools[::-1], params) == partners
    assert {(each.scenario, each.group, each.tool_ids) for each in drawn.samples} <= {
        ("G3", f"like {centre}", (berths, tides)) for centre in partners
    }
    assert len(drawn.samples) + len(drawn.rejects) == 2
    assert drawn.samples
    assert draw_samples(tools, kept, params).n_draws == 0


def test_a_tool_of_a_collection_with_others_needs_no_partners(
    harbours: tuple[list[Tool], list[Document]],
) -> None:
    tools, rows = harbours
    together = [replace(tool, collections=("Sea",)) for tool in tools]
    assert partners_of(rows, together, SampleParams(partners="similarity")) == {}


def test_no_partner_is_of_another_split(harbours: tuple[list[Tool], list[Document]]) -> None:
    tools, rows = harbours
    apart = [replace(tool, split=f"of {tool.tool_id}") for tool in tools]
    assert partners_of(rows, apart, SampleParams(partners="similarity")) == {}


def test_the_tool_that_others_are_like_is_in_every_draw_of_its_group() -> None:
    ids = [f"Food/t{number}" for number in range(6)]
    params = SampleParams(
        draws_per_tool=0, draws_per_tool_in_category=0, draws_per_tool_in_collection=9, tools=(2, 3)
    )
    drawn = draw_samples(
        [a_tool(each) for each in ids], [f"{each}/x" for each in ids], params, {ids[4]: tuple(ids[:3])}
    )
    assert drawn.n_draws == 9
    assert {each.tool_ids[-1] for each in drawn.samples} == {ids[4]}
