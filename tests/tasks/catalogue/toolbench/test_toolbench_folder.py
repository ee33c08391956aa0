"""A `tools/` folder in ToolBench's format becomes rows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tasks.catalogue.params import ToolbenchParams
from tasks.catalogue.source import Crawled
from tasks.catalogue.toolbench.source import open_toolbench, toolbench_version
from tasks.errors import UsageError
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api, Parameter, SecurityScheme, Tool

Json = dict[str, Any]


def parameter(name: str, type_: str = "STRING", default: Any = "", description: str = "") -> Json:
    return {"name": name, "type": type_, "description": description, "default": default}


def api(name: str = "Current Weather", **said: Any) -> Json:
    return {
        "name": name,
        "url": "https://sky.p.rapidapi.com/current/{city}",
        "description": " The weather now. ",
        "method": "GET",
        "required_parameters": [parameter("city", default="Oslo")],
        "optional_parameters": [],
        "code": "import requests\n",
        "statuscode": 200,
        "body": {"degrees": 7},
        "headers": {},
        "schema": {"degrees": "int"},
    } | said


def tool(*apis: Any, **said: Any) -> Json:
    return {
        "product_id": "api_1",
        "tool_description": "Weather of the world.",
        "home_url": "https://rapidapi.com/x/sky",
        "name": "Sky 2",
        "title": "Sky 2",
        "pricing": "FREEMIUM",
        "tool_name": "Sky 2",
        "score": {"avgServiceLevel": 100},
        "host": "sky.p.rapidapi.com",
        "api_list": list(apis),
    } | said


def write(root: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return root


def crawl(location: Path) -> tuple[list[Crawled], list[Reject]]:
    """What every tool came to, and all rejects, those of the listing first."""
    with open_toolbench(ToolbenchParams(location=location)) as source:
        listing = source.listing()
        crawled = source.fetch(listing.entries)
    rejects = [rejected.row for rejected in listing.rejects]
    return crawled, rejects + [reject for found in crawled for reject in found.rejects]


def only_api(tmp_path: Path, raw: Json) -> Api:
    (crawled,), rejects = crawl(write(tmp_path / "data", {"tools/Weather/get_sky_2.json": tool(raw)}))
    assert rejects == []
    (row,) = crawled.apis
    return row


def test_a_tool_becomes_a_row(tmp_path: Path) -> None:
    (crawled,), _ = crawl(write(tmp_path / "data", {"tools/News, Media/sky_2.json": tool(api())}))
    assert crawled.tool is not None

    assert crawled.tool == Tool(
        tool_id="News_Media/sky_2",
        category="News_Media",
        tool_name="Sky 2",
        standardized_name="sky_2",
        description="Weather of the world.",
        host="sky.p.rapidapi.com",
        collections=(),
        source="toolbench",
        source_url="data/tools/News, Media/sky_2.json",
        licence=None,
        n_apis=1,
        split=crawled.tool.split,
        fingerprint=crawled.tool.fingerprint,
    )


def test_an_api_becomes_a_row(tmp_path: Path) -> None:
    row = only_api(tmp_path, api())

    assert row == Api(
        api_id="Weather/sky_2/current_weather",
        tool_id="Weather/sky_2",
        api_name="Current Weather",
        function_name="current_weather_for_sky_2",
        description="The weather now.",
        protocol="toolbench",
        method="GET",
        url="toolbench://Weather/get_sky_2/current_weather/https/sky.p.rapidapi.com/current/{city}",
        parameters=(
            Parameter(
                name="city",
                arg_name="city",
                location="path",
                type="string",
                required=True,
                description="",
                default='"Oslo"',
                schema=None,
            ),
        ),
        content_type=None,
        body_schema=None,
        security=(SecurityScheme(kind="api_key", location="header", name="X-RapidAPI-Key"),),
        read_only=True,
        response_schema='{"type":"object","properties":{"degrees":{"type":"integer"}}}',
        code_snippet="import requests\n",
        example_response='{"degrees":7}',
        fingerprint=row.fingerprint,
    )


def test_fields_go_into_the_body_of_a_post(tmp_path: Path) -> None:
    row = only_api(
        tmp_path,
        api(
            method="post",
            required_parameters=[parameter("city"), parameter("Days", "NUMBER", "3")],
            optional_parameters=[parameter("at", "TIME (24-hour HH:MM)", "09:00", "When.")],
        ),
    )

    assert [
        (found.name, found.location, found.type, found.required, found.default) for found in row.parameters
    ] == [
        ("city", "path", "string", True, None),
        ("Days", "body", "number", True, "3"),
        ("at", "body", "string", False, '"09:00"'),
    ]
    assert row.parameters[2].description == "When. (24-hour HH:MM)"
    assert (row.content_type, row.read_only) == ("application/json", False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        "/current",
        "ftp://sky.test/current",
        "https://sky.test/current?units=c",
        "https://user:word@sky.test/current",
        "https://sky.test:port/current",
        "https://sky.test/{city}/{day}",
        "https://sky.test/a b",
    ],
)
def test_what_is_no_whole_address_leaves_the_service(tmp_path: Path, url: Any) -> None:
    row = only_api(tmp_path, api(url=url))

    assert (row.url, row.security) == ("toolbench://Weather/get_sky_2/current_weather", ())
    assert [found.location for found in row.parameters] == ["query"]


def test_other_hosts_get_no_key_of_rapidapi(tmp_path: Path) -> None:
    row = only_api(tmp_path, api(url="https://notrapidapi.com/current"))

    assert row.security == ()


@pytest.mark.parametrize(
    ("host", "url", "expected"),
    [
        ("sky.p.rapidapi.com", "", "sky.p.rapidapi.com"),
        ("", "https://x.test:8080/a", "x.test"),
        ("https://sky.test", "https://x.test/a", "x.test"),
        ("two words", "", "toolbench"),
        (None, None, "toolbench"),
    ],
)
def test_a_tool_is_at_the_host_its_record_names(tmp_path: Path, host: Any, url: Any, expected: str) -> None:
    raw = tool(api(url=url, required_parameters=[]), host=host)
    (crawled,), _ = crawl(write(tmp_path / "data", {"tools/W/sky.json": raw}))

    assert crawled.tool is not None
    assert crawled.tool.host == expected


def test_parameters_of_one_service_name_are_one(tmp_path: Path) -> None:
    row = only_api(
        tmp_path,
        api(
            url="https://sky.test/{ID}",
            required_parameters=[parameter("id", "NUMBER", "1"), parameter("Day")],
            optional_parameters=[parameter("ID"), parameter("day"), parameter("file", "BINARY")],
        ),
    )

    assert [(found.name, found.arg_name, found.location, found.required) for found in row.parameters] == [
        ("ID", "is_id", "path", True),
        ("Day", "day", "query", True),
    ]


def test_reserved_words_are_prefixed_as_published(tmp_path: Path) -> None:
    row = only_api(tmp_path, api("From"))

    assert (row.api_id, row.function_name) == ("Weather/sky_2/is_from", "is_from_for_sky_2")
    assert row.url.startswith("toolbench://Weather/get_sky_2/is_from/")


@pytest.mark.parametrize(
    ("raw", "reason", "detail"),
    [
        ("no object", "unnamed", "an API must be an object with a name"),
        ({"method": "GET"}, "unnamed", "an API must be an object with a name"),
        (
            {"name": "X"},
            "malformed",
            "it is named here, and documented nowhere: use the tool files themselves as the source",
        ),
        (api("X", method=None), "malformed", "method: Input should be a valid string"),
        (
            api("X", required_parameters="city"),
            "malformed",
            "required_parameters: Input should be a valid list",
        ),
        (
            api("X", optional_parameters=[{"type": "STRING"}]),
            "malformed",
            "optional_parameters.0.name: Field required",
        ),
        (
            api("X", required_parameters=[parameter("photo", "BINARY")], url=""),
            "unsupported_parameter",
            "the required parameter 'photo' is a file (BINARY), which no JSON value is",
        ),
    ],
)
def test_an_unusable_api_is_told_with_file_place_and_reason(
    tmp_path: Path, raw: Any, reason: str, detail: str
) -> None:
    (crawled,), (reject,) = crawl(
        write(tmp_path / "data", {"tools/Weather/sky_2.json": tool(api("Fine"), raw)})
    )

    assert [row.api_name for row in crawled.apis] == ["Fine"]
    assert (reject.reason, reject.detail) == (reason, f"data/tools/Weather/sky_2.json api_list[1]: {detail}")


def test_an_unknown_method_is_told_too(tmp_path: Path) -> None:
    _, (reject,) = crawl(
        write(tmp_path / "data", {"tools/W/s.json": tool(api("Fine"), api("X", method="FETCH"))})
    )

    assert reject.row_id == "W/sky_2/x"
    assert reject.detail.startswith("data/tools/W/s.json api_list[1]: method: Input should be 'GET'")


MALFORMED_FILES = {
    "tools/Weather/broken.json": b'{"tool_name": "B", ',
    "tools/Weather/empty.json": b"",
    "tools/Weather/latin.json": '{"tool_name": "Größe"}'.encode("latin-1"),
    "tools/Weather/list.json": [tool(api())],
    "tools/Weather/nameless.json": {"api_list": []},
    "tools/Weather/deep.json": b"[" * 100_000,
    "tools/Weather/no_apis.json": tool(tool_name="No APIs"),
}


def test_a_bad_file_stops_nothing(tmp_path: Path) -> None:
    root = write(tmp_path / "data", {"tools/Weather/sky_2.json": tool(api()), **MALFORMED_FILES})
    (root / "tools/Weather/gone.json").symlink_to("nowhere")
    crawled, rejects = crawl(root)

    assert [(found.entry.tool_id, len(found.apis)) for found in crawled] == [
        ("Weather/no_apis", 0),
        ("Weather/sky_2", 1),
    ]
    assert {(reject.row_id.rpartition("/")[2], reject.reason) for reject in rejects} == {
        ("broken.json", "not_json"),
        ("empty.json", "not_json"),
        ("latin.json", "not_json"),
        ("list.json", "malformed"),
        ("nameless.json", "malformed"),
        ("deep.json", "not_json"),
        ("gone.json", "unreadable"),
        ("no_apis", "no_usable_api"),
    }
    assert str(tmp_path) not in repr(rejects)


def test_python_writes_json_that_is_none(tmp_path: Path) -> None:
    content = json.dumps(tool(api(body={"n": float("nan"), "half": "\ud83d"}))).encode()
    (crawled,), rejects = crawl(write(tmp_path / "data", {"tools/W/sky_2.json": b"\xef\xbb\xbf" + content}))

    assert rejects == []
    assert crawled.apis[0].example_response == '{"n":null,"half":"?"}'


def test_response_examples_lie_beside_the_tools(tmp_path: Path) -> None:
    files = {
        "toolenv/tools/W/sky_2.json": tool(api("A", schema=""), api("B")),
        "toolenv/response_examples/W/sky_2.json": {
            "api_list": [{"name": "A", "schema": {"x": "str"}}, {"name": "B", "schema": {"y": "str"}}, 5]
        },
        "toolenv/tools/W/other.json": tool(api("A", schema=""), tool_name="Other"),
        "toolenv/response_examples/W/other.json": b"",
    }
    (other, sky), rejects = crawl(write(tmp_path / "data", files))

    assert [row.response_schema for row in (*other.apis, *sky.apis)] == [
        None,
        '{"type":"object","properties":{"x":{"type":"string"}}}',
        '{"type":"object","properties":{"degrees":{"type":"integer"}}}',
    ]
    assert [(reject.row_id, reject.reason, reject.detail) for reject in rejects] == [
        ("response_examples/W/other.json", "not_json", "it is empty")
    ]


def test_tools_of_one_name_are_told_apart(tmp_path: Path) -> None:
    files = {"tools/W/sky.json": tool(api()), "tools/W/sky_b.json": tool(api(), tool_name="SKY-2")}
    crawled, _ = crawl(write(tmp_path / "data", files))
    urls = [row.url.partition("/current")[0] for found in crawled for row in found.apis]

    assert len({found.entry.tool_id for found in crawled}) == 2
    assert urls == ["toolbench://W/sky", "toolbench://W/sky_b"]


def test_rows_do_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    files = {"tools/W/sky.json": tool(api()), **MALFORMED_FILES}
    here, there = write(tmp_path / "here" / "data", files), write(tmp_path / "there" / "data", files)

    assert crawl(here) == crawl(there)
    assert toolbench_version(ToolbenchParams(location=here)) == toolbench_version(
        ToolbenchParams(location=there)
    )


@pytest.mark.parametrize("changed", ["tools/W/sky.json", "response_examples/W/sky.json"])
def test_a_changed_file_is_another_version(tmp_path: Path, changed: str) -> None:
    files = {"tools/W/sky.json": tool(api()), "response_examples/W/sky.json": {"api_list": []}}
    params = ToolbenchParams(location=write(tmp_path, files))
    before = toolbench_version(params)
    write(tmp_path, {changed: files[changed] | {"note": 1}})

    assert before is not None
    assert toolbench_version(params) not in {before, None}


def test_a_location_may_be_the_tools_folder_itself(tmp_path: Path) -> None:
    root = write(tmp_path / "data", {"tools/W/sky.json": tool(api())})

    (crawled,), _ = crawl(root / "tools")
    assert crawled.entry.source_url == "tools/W/sky.json"


def test_a_tool_that_has_gone_since_the_listing_is_rejected(tmp_path: Path) -> None:
    root = write(
        tmp_path / "d", {"tools/W/a.json": tool(api()), "tools/W/b.json": tool(api(), tool_name="B")}
    )
    with open_toolbench(ToolbenchParams(location=root)) as source:
        entries = source.listing().entries
        (root / "tools/W/a.json").unlink()
        found = source.fetch(entries)
    with open_toolbench(ToolbenchParams(location=root)) as source:
        again = source.fetch(entries)

    assert [crawled.rejects[0].reason for crawled in (found[0], again[0])] == ["unreadable", "not_found"]
    assert [len(crawled.apis) for crawled in (found[1], again[1])] == [1, 1]


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({}, "does not exist"),
        ({"source/notes.txt": b"x"}, "holds neither tool files .* nor query files"),
        ({"source/tools/W/readme.md": b"x"}, "holds neither tool files .* nor query files"),
        ({"source/a/openapi.json": {"openapi": "3.1.0"}}, "is of another kind: none of its 1 JSON files"),
        ({"source/openapi.json": {"openapi": "3.1.0"}}, "is of another kind: none of its 1 JSON files"),
        ({"source/queries.json": b"[]"}, "it is an empty list"),
        ({"source/tools/W/broken.json": b"{"}, "it is not JSON"),
    ],
)
def test_another_kind_of_source_is_found_at_once(tmp_path: Path, files: dict[str, Any], what: str) -> None:
    write(tmp_path, files)

    with pytest.raises(UsageError, match=what) as refused:
        open_toolbench(ToolbenchParams(location=tmp_path / "source"))
    assert "tools/<Category>/<tool>.json" in str(refused.value.fix)
    assert toolbench_version(ToolbenchParams(location=tmp_path / "nowhere")) is None


def test_something_that_is_no_file_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError, match="is neither a file nor a folder"):
        open_toolbench(ToolbenchParams(location=tmp_path / "pipe"))
