"""What retrievers read of an API."""

from __future__ import annotations

import pytest

from tasks.retrieval.documents import document_of, names_tool, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GetUserByID2", ["get", "user", "by", "id", "2"]),
        ("HTTPServer response", ["http", "server", "response"]),
        ("snake_case-and.dots/paths", ["snake", "case", "and", "dots", "paths"]),
        ("Größe in °C, 東京", ["größe", "in", "c", "東京"]),
        ("ÉTÉ élan", ["été", "élan"]),
        ("… !?", []),
    ],
)
def test_names_are_taken_apart_into_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("query", "tool", "named"),
    [
        ("Ask OpenWeather for Oslo", "Open Weather", True),
        ("Ask the open weather map", "openWeather", True),
        ("Is the weather open?", "Open Weather", False),
        ("Bring me a message", "age", False),
        ("Anything", "!!", False),
    ],
)
def test_a_query_names_a_tool_by_its_words_side_by_side(query: str, tool: str, named: bool) -> None:
    assert names_tool(query, tool) == named


@pytest.mark.parametrize(
    ("description", "names", "text"),
    [
        ("The  sky\nnow", ["city", "day"], "Sky: now. The sky now. (city, day)"),
        ("The sky now!", [], "Sky: now. The sky now!"),
        ("", [], "Sky: now."),
    ],
)
def test_a_document_is_names_description_and_parameters(
    description: str, names: list[str], text: str
) -> None:
    assert document_of("Sky", "now", "Weather/sky/now", description, names).text == text


def test_twins_say_the_same_of_themselves_whatever_their_tools() -> None:
    one = document_of("Sky", "get_now", "a/sky/now", "The sky, now.", ["city", "day"])
    other = document_of("Heaven", "GetNow", "b/heaven/now", "the sky now", ["day", "city"])
    third = document_of("Heaven", "GetNow", "b/heaven/then", "the sky now", ["day"])
    assert one.twin == other.twin != third.twin
