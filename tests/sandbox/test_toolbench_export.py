"""The hub's catalogue as ToolBench's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox import catalogue
from sandbox.toolbench_folder import skeleton, standard_argument, standard_name, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toolbench")
    write_folder(folder)
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_tool_has_its_two_files(folder: Path) -> None:
    files = {f"{tool.category}/{standard_name(tool.name)}.json" for tool in catalogue.tools()}

    for part in ("tools", "response_examples"):
        found = {path.relative_to(folder / part).as_posix() for path in (folder / part).glob("*/*.json")}
        assert found == files


def test_an_api_is_described_in_the_published_format(folder: Path) -> None:
    tool = read(folder / "tools/Finance/currency_formats.json")
    facts = next(api for api in tool["api_list"] if api["name"] == "Currency Facts")

    assert facts == {
        "name": "Currency Facts",
        "url": "http://currency-formats.sandbox.test/currencies/{currency}",
        "description": "Returns name, plural name, symbol and number of decimals of a currency.",
        "method": "GET",
        "required_parameters": [
            {
                "name": "currency",
                "type": "STRING",
                "description": "Three-letter currency code",
                "default": "CHF",
            }
        ],
        "optional_parameters": [
            {"name": "language", "type": "STRING", "description": "Language of the names", "default": "en"}
        ],
        "code": facts["code"],
        "statuscode": 200,
        "body": facts["body"],
        "headers": "",
        "schema": "",
    }
    assert (tool["tool_name"], tool["host"]) == ("Currency Formats", "currency-formats.sandbox.test")


def test_response_examples_name_the_types(folder: Path) -> None:
    examples = read(folder / "response_examples/Finance/currency_formats.json")["api_list"]

    assert examples[0] == {
        "name": "Currency Facts",
        "schema": {"code": "str", "name": "str", "plural": "str", "symbol": "str", "decimals": "int"},
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": None, "b": True, "c": 1.5}, {"a": "NoneType", "b": "bool", "c": "float"}),
        ([{"a": 1}, {"b": 2}], [{"a": "int", "_list_length": 2}]),
        (["x", "y"], "list of str with length 2"),
        ([], "empty list"),
    ],
)
def test_skeletons(value: Any, expected: Any) -> None:
    assert skeleton(value) == expected


@pytest.mark.parametrize(
    ("name", "standard"), [("Currency Facts", "currency_facts"), ("3 Days!", "get_3_days"), ("--", "")]
)
def test_standard_names(name: str, standard: str) -> None:
    assert standard_name(name) == standard


def test_reserved_words_are_prefixed() -> None:
    assert [standard_argument(word) for word in ("From", "from_date")] == ["is_from", "from_date"]
