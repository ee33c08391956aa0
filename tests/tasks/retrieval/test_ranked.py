"""The rows that say where a retriever has what instructions need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from catalogue_rows import a_parameter, a_tool, an_api
from searched_world import instruction

from tasks.retrieval.documents import documents_of
from tasks.retrieval.lexical import Lexical
from tasks.retrieval.ranking import ranked
from warehouse.tables.instructions import Instruction, RelevantApi

TOOLS = [a_tool("Weather/sky", tool_name="Sky"), a_tool("Sea/sea", tool_name="Sea Watch")]
APIS = [
    an_api("Weather/sky/rain", api_name="rain", description="How much it rains in a city."),
    an_api("Weather/sky/wind", api_name="wind", description="How strong the wind is."),
    an_api(
        "Sea/sea/tide", api_name="tide", description="When water is high.", parameters=(a_parameter("port"),)
    ),
    an_api("Sea/sea/wind", api_name="Wind", description="how strong the wind is"),
]
DOCUMENTS = documents_of(TOOLS, APIS)


def asking(query: str, *needed: str) -> Instruction:
    apis = tuple(RelevantApi(tool_name="", api_name="", api_id=each) for each in needed)
    return replace(instruction("beach"), query=query, relevant_apis=apis)


@pytest.mark.parametrize(
    ("query", "needed", "ranks", "twin_ranks", "named"),
    [
        ("Does it rain in the city?", ("Weather/sky/rain",), (1,), (1,), False),
        ("How strong is the wind, Sea-Watch?", ("Sea/sea/wind",), (1,), (1,), True),
        ("How strong is the wind at sea?", ("Weather/sky/wind",), (2,), (1,), False),
        (
            "When is high water, and does it rain?",
            ("Weather/sky/rain", "Sea/sea/tide"),
            (1, 2),
            (1, 2),
            False,
        ),
    ],
)
def test_ranks_of_what_is_needed(
    query: str, needed: tuple[str, ...], ranks: tuple[int, ...], twin_ranks: tuple[int, ...], named: bool
) -> None:
    (row,) = ranked(Lexical(DOCUMENTS), DOCUMENTS, [asking(query, *needed)], lambda row: row.split)
    assert (row.ranks, row.twin_ranks, row.names_tool) == (ranks, twin_ranks, named)
    assert (row.retriever, row.n_apis, sorted(row.top)) == ("bm25", 4, sorted(api.api_id for api in APIS))
