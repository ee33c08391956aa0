"""Query files as a catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.catalogue.params import ToolbenchParams
from tasks.catalogue.source import Crawled
from tasks.catalogue.toolbench.instructions import check_queries, read_instructions
from tasks.catalogue.toolbench.layout import find_layout
from tasks.catalogue.toolbench.source import open_toolbench, toolbench_version
from tasks.errors import UsageError
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Parameter

Json = dict[str, Any]


def mention(api_name: str = "IEX Short Interest List", **said: Any) -> Json:
    return {
        "category_name": "Finance",
        "tool_name": "Investors Exchange (IEX) Trading",
        "api_name": api_name,
        "api_description": "Short interest positions.",
        "required_parameters": [{"name": "symbol", "type": "STRING", "description": "", "default": "GOOG"}],
        "optional_parameters": [],
        "method": "GET",
        "template_response": {"symbol": "str"},
    } | said


def query(*apis: Any, **said: Any) -> Json:
    return {"query": "What is shorted?", "query_id": 7, "api_list": list(apis)} | said


def write(folder: Path, **files: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / f"{name}.json").write_bytes(raw)
    return folder


def crawl(location: Path) -> tuple[list[Crawled], list[Reject]]:
    with open_toolbench(ToolbenchParams(location=location)) as source:
        listing = source.listing()
        crawled = source.fetch(listing.entries)
    rejects = [rejected.row for rejected in listing.rejects]
    return crawled, rejects + [reject for found in crawled for reject in found.rejects]


def test_an_api_is_what_its_first_query_says(tmp_path: Path) -> None:
    folder = write(tmp_path / "queries", G1=[query(mention()), query(mention(), mention("Other"))])
    (crawled,), rejects = crawl(folder)
    row, other = crawled.apis

    assert rejects == []
    assert (row.api_id, row.url, row.function_name) == (
        "Finance/investors_exchange_iex_trading/iex_short_interest_list",
        "toolbench://Finance/investors_exchange_iex_trading/iex_short_interest_list",
        "iex_short_interest_list_for_investors_exchange_iex_trading",
    )
    assert row.parameters == (
        Parameter(
            name="symbol",
            arg_name="symbol",
            location="query",
            type="string",
            required=True,
            description="",
            default='"GOOG"',
            schema=None,
        ),
    )
    assert row.response_schema == '{"type":"object","properties":{"symbol":{"type":"string"}}}'
    assert other.api_name == "Other"
    assert crawled.tool is not None
    assert (crawled.tool.host, crawled.tool.source_url) == ("toolbench", "queries/G1.json")


def test_tools_of_several_files_and_categories_are_sorted(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "q",
        G2=[query(mention(tool_name="Zebra"), mention(tool_name="zebra "))],
        G1=[query(mention(category_name="Video, Images"))],
    )
    crawled, _ = crawl(folder)

    assert [(found.entry.tool_id, len(found.apis)) for found in crawled] == [
        ("Finance/zebra", 1),
        ("Video_Images/investors_exchange_iex_trading", 1),
    ]


NAMED_ONLY = {name: mention()[name] for name in ("category_name", "tool_name", "api_name")}


@pytest.mark.parametrize("order", [(NAMED_ONLY, mention()), (mention(), NAMED_ONLY)])
def test_a_mere_mention_takes_nothing_from_a_description(tmp_path: Path, order: tuple[Json, Json]) -> None:
    (crawled,), rejects = crawl(write(tmp_path, q=[query(*order)]))

    assert ([row.api_name for row in crawled.apis], rejects) == (["IEX Short Interest List"], [])


@pytest.mark.parametrize(
    ("content", "row_id", "reason", "detail"),
    [
        (b"{", "q/bad.json", "not_json", "it is not JSON"),
        ({"query": "one"}, "q/bad.json", "malformed", "it is no JSON list of queries"),
        ([1, 2], "q/bad.json", "malformed", "it is no JSON list of queries"),
        ([{"query": "x"}], "q/bad.json[0]", "malformed", "a query without an `api_list` names no API"),
        ([query(), 5], "q/bad.json[1]", "malformed", "a query without an `api_list` names no API"),
        (
            [query(mention(tool_name=""))],
            "q/bad.json[0].api_list[0]",
            "malformed",
            "tool_name: String should have at least 1 character",
        ),
        ([query("x")], "q/bad.json[0].api_list[0]", "malformed", "value: Input should be a valid dictionary"),
        (
            [query(mention("Second"), mention("Second", api_description="Otherwise."))],
            "q/bad.json[0].api_list[1]",
            "inconsistent",
            "it describes Investors Exchange (IEX) Trading: Second otherwise than q/bad.json[0].api_list[0]",
        ),
        (
            [query(NAMED_ONLY | {"api_name": "Named"})],
            "Finance/investors_exchange_iex_trading/named",
            "malformed",
            "q/bad.json[0].api_list[0]: it is named here, and documented nowhere",
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, content: Any, row_id: str, reason: str, detail: str
) -> None:
    crawled, rejects = crawl(write(tmp_path / "q", good=[query(mention())], bad=content))

    assert "IEX Short Interest List" in [row.api_name for found in crawled for row in found.apis]
    assert [(reject.row_id, reject.reason) for reject in rejects] == [(row_id, reason)]
    assert rejects[0].detail.startswith(detail)


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    folder = write(tmp_path, G1=[query(mention())], G2=[query(mention("Other"))])
    (crawled,), _ = crawl(folder / "G2.json")

    assert [row.api_name for row in crawled.apis] == ["Other"]
    assert crawled.entry.source_url == "G2.json"


def test_toolbenchs_own_folders_are_known(tmp_path: Path) -> None:
    write(tmp_path / "data" / "instruction", G1_query=[query(mention())])
    write(tmp_path / "data" / "answer" / "G1_answer", x={"tree": {}})

    (crawled,), _ = crawl(tmp_path / "data")
    assert crawled.entry.source_url == "data/instruction/G1_query.json"


def test_queries_without_any_api_are_a_source_with_nothing_in_it(tmp_path: Path) -> None:
    crawled, rejects = crawl(write(tmp_path, q=[{"query": "open domain", "query_id": 1}]))

    assert (crawled, [reject.reason for reject in rejects]) == ([], ["malformed"])


def test_a_tool_file_alone_is_no_query_file(tmp_path: Path) -> None:
    folder = write(tmp_path, sky={"tool_name": "Sky", "api_list": []})

    with pytest.raises(UsageError, match="none of its 1 JSON files is ToolBench's"):
        open_toolbench(ToolbenchParams(location=folder / "sky.json"))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    folder = write(tmp_path, q=[query(mention())])
    before, version = crawl(folder), toolbench_version(ToolbenchParams(location=folder))
    write(tmp_path, q=[query(mention("Another one"))])
    after = crawl(folder)

    assert [row.api_name for found in (*before[0], *after[0]) for row in found.apis] == [
        "IEX Short Interest List",
        "Another one",
    ]
    assert toolbench_version(ToolbenchParams(location=folder)) != version


def test_a_tool_that_no_query_names_any_more_is_rejected(tmp_path: Path) -> None:
    folder = write(tmp_path, q=[query(mention())])
    with open_toolbench(ToolbenchParams(location=folder)) as source:
        entries = source.listing().entries
    write(tmp_path, q=[query(mention(tool_name="New"))])
    with open_toolbench(ToolbenchParams(location=folder)) as source:
        (crawled,) = source.fetch(entries)

    assert [reject.reason for reject in crawled.rejects] == ["not_found"]


def test_queries_may_stand_on_lines(tmp_path: Path) -> None:
    folder = write(tmp_path / "queries", G1=[query(mention())])
    lines = "\n\n".join(json.dumps(query(mention(name))) for name in ("Other", "Third"))
    (folder / "more.jsonl").write_text(f"\ufeff{lines}\n", "utf-8")
    (folder / "torn.jsonl").write_text('{"query": "Cut?", "api_list": []}\n{"query"')

    (crawled,), rejects = crawl(folder)

    assert [api.api_name for api in crawled.apis] == ["IEX Short Interest List", "Other", "Third"]
    assert [(reject.row_id, reject.reason) for reject in rejects] == [("queries/torn.jsonl", "not_json")]
    assert rejects[0].detail.startswith("line 2: it is not JSON")


def test_what_a_row_says_otherwise_is_kept_as_published(tmp_path: Path) -> None:
    """Types and defaults are read; ToolBench's own functions and files show what stands in the record."""
    given: list[Json] = [
        {"name": "plain", "type": "STRING", "description": "", "default": "x"},
        {"name": "number", "type": "NUMBER", "description": "", "default": "34"},
        {"name": "lower", "type": "string", "description": "A word. ", "default": None},
        {"name": "day", "type": "DATE (YYYY-MM-DD)", "description": "", "default": ""},
    ]
    ((crawled,), _) = crawl(write(tmp_path / "q", G1=[query(mention(required_parameters=given))]))

    rows = crawled.apis[0].parameters
    assert [(row.type, row.default) for row in rows] == [
        ("string", '"x"'),
        ("number", "34"),
        ("string", None),
        ("string", None),
    ]
    assert [json.loads(row.schema or "{}").get("x-published") for row in rows] == [
        None,
        *({key: entry[key] for key in ("type", "default", "description")} for entry in given[1:]),
    ]


BARE = ["What is shorted?", {"query": "And where?"}, {"query": " "}, 7]


def test_queries_without_apis_are_instructions_where_a_retriever_chooses(tmp_path: Path) -> None:
    files = find_layout(write(tmp_path / "bare", texts=BARE)).queries
    loaded = read_instructions(files, [], [], bare=True)

    assert [(row.query, row.api_ids, row.relevant_apis) for row in loaded.instructions.values()] == [
        ("What is shorted?", (), ()),
        ("And where?", (), ()),
    ]
    assert [(row.row_id, row.reason) for row in loaded.rejects] == [
        ("bare/texts.json[2]", "no_query"),
        ("bare/texts.json[3]", "no_query"),
    ]


def test_queries_without_apis_are_refused_where_none_chooses(tmp_path: Path) -> None:
    files = find_layout(write(tmp_path / "bare", texts=BARE[1:2])).queries

    assert [row.reason for row in read_instructions(files, [], []).rejects] == ["no_api_list"]
    with pytest.raises(UsageError, match="holds no queries"):
        check_queries(write(tmp_path / "texts", texts=BARE[:1]))
    check_queries(tmp_path / "texts", bare=True)
