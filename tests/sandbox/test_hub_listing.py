"""What the marketplace says."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
import requests
from rs_bpe.bpe import openai

from sandbox import catalogue
from sandbox.arguments import arguments_of
from sandbox.declare import Api, Tool
from sandbox.faults import Fault
from sandbox.listing import tool_id

TOOLS = catalogue.tools()
APIS = [(tool, api) for tool in TOOLS for api in tool.apis]
PARAMETER_KEYS = {
    "name", "in", "type", "required", "description",
    "default", "example", "enum", "minimum", "maximum", "items", "properties",
}  # fmt: skip
THIRD_PARTY = {
    "airportsdata", "astral", "babel", "cronsim", "dateutil", "ephem", "geographiclib", "holidays",
    "humanize", "inflection", "jellyfish", "jsonschema", "numpy", "numpy-financial", "packaging",
    "periodictable", "phonenumbers", "pint", "segno", "snowballstemmer", "webcolors", "zxcvbn",
}  # fmt: skip
TYPES = {"string", "number", "integer", "boolean", "array", "object"}


def get(url: str) -> Any:
    response = requests.get(url, timeout=30)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json"), (
        response.text
    )
    return response.json()


def detail(hub: str, tool: Tool) -> Any:
    return get(f"{hub}/tools/{tool_id(tool)}")


def test_categories_count_the_tools(hub: str) -> None:
    counts = Counter(tool.category for tool in TOOLS)

    assert get(f"{hub}/categories") == {
        "categories": [{"name": name, "n_tools": count} for name, count in sorted(counts.items())]
    }


def test_pages_hold_every_tool_once_in_order(hub: str) -> None:
    pages = [get(f"{hub}/tools?page={number}&page_size=7") for number in range(1, -(-len(TOOLS) // 7) + 1)]

    assert [page["page"] for page in pages] == list(range(1, pages[0]["pages"] + 1))
    assert {page["total"] for page in pages} == {len(TOOLS)}
    assert [entry["id"] for page in pages for entry in page["tools"]] == sorted(map(tool_id, TOOLS))


def test_a_page_past_the_end_is_empty(hub: str) -> None:
    assert get(f"{hub}/tools?page=1000")["tools"] == []


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=-1", "page_size=1.5"])
def test_a_bad_page_is_refused(hub: str, query: str) -> None:
    assert requests.get(f"{hub}/tools?{query}", timeout=5).status_code == 400


def test_an_unknown_tool_is_not_found(hub: str) -> None:
    response = requests.get(f"{hub}/tools/Science/perpetual-motion", timeout=5)

    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_the_listing_is_only_read(hub: str) -> None:
    assert requests.post(f"{hub}/tools", timeout=5).status_code == 405


def test_collections_name_tools_of_the_catalogue(hub: str) -> None:
    groups = get(f"{hub}/collections")["collections"]

    assert {key for group in groups for key in group} == {"name", "description", "tools"}
    assert {name for group in groups for name in group["tools"]} <= set(map(tool_id, TOOLS))
    assert [group["name"] for group in groups if len(set(group["tools"])) < 2] == []


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.slug)
def test_a_tool_is_described_completely(hub: str, tool: Tool) -> None:
    found = detail(hub, tool)

    assert hub.rpartition(":")[2] not in re.findall(r":(\d+)", str(found))
    assert set(found) == {
        "id", "category", "name", "description", "host", "provider", "licence", "collections",
        "popularity", "apis",
    }  # fmt: skip
    assert set(found["popularity"]) == {"score", "success_rate", "average_latency_ms", "subscribers"}
    assert found["host"] == f"http://{tool.slug}.sandbox.test"
    member_of = [group.name for group in catalogue.COLLECTIONS if tool_id(tool) in group.tools]
    assert found["collections"] == member_of
    for api in found["apis"]:
        check_api(api)


def check_api(api: dict[str, Any]) -> None:
    assert set(api) == {
        "name", "description", "method", "path", "parameters", "body", "security", "read_only",
        "code_snippets", "example_response",
    }  # fmt: skip
    assert api["description"]
    assert api["example_response"]
    assert set(api["code_snippets"]) == {"python", "shell"}
    in_path = {p["name"] for p in api["parameters"] if p["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", api["path"]))
    for parameter in api["parameters"]:
        check_parameter(parameter)
    if api["body"] is not None:
        assert api["method"] == "POST"
        assert set(api["body"]) == {"content_type", "schema", "example"}
        assert set(api["body"]["schema"]["required"]) <= set(api["body"]["example"])
        assert "$ref" not in str(api["body"]["schema"])


def check_parameter(parameter: dict[str, Any]) -> None:
    assert set(parameter) <= PARAMETER_KEYS
    assert parameter["type"] in TYPES
    assert parameter["in"] in {"path", "query", "header"}
    assert parameter["description"]
    assert not parameter["required"] or {"default", "example"} & set(parameter), parameter


def test_slugs_are_host_names_and_names_are_unique() -> None:
    assert [tool.slug for tool in TOOLS if not re.fullmatch("[a-z][a-z0-9-]{2,40}", tool.slug)] == []
    assert len({tool.slug for tool in TOOLS}) == len(TOOLS)
    assert [tool.slug for tool in TOOLS if len({api.name for api in tool.apis}) < len(tool.apis)] == []


def test_the_index_page_links_every_tool_and_shows_how_to_call_it(hub: str) -> None:
    response = requests.get(hub, timeout=5)

    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    for tool in TOOLS:
        assert f'href="/tools/{tool_id(tool)}"' in response.text
        assert f"{hub}/apis/{tool.slug}/" in response.text


def test_statistics_count_requests(hub: str) -> None:
    before = get(f"{hub}/stats")
    get(f"{hub}/categories")
    after = get(f"{hub}/stats")

    assert after["requests"] == before["requests"] + 2
    assert sum(after["by_outcome"].values()) == after["requests"]


def works(api: Api) -> bool:
    return api.fault in (None, Fault.FLAKY) and api.read_only


def test_the_catalogue_is_as_large_as_promised() -> None:
    libraries = Counter(api.backed_by for _, api in APIS if works(api))

    assert len({tool.category for tool in TOOLS}) >= 12
    assert len(catalogue.COLLECTIONS) >= 8
    assert len(TOOLS) >= 45
    assert len(APIS) >= 150
    assert sum(libraries.values()) >= 110
    assert len(libraries.keys() & THIRD_PARTY) >= 12
    assert max(libraries.values()) <= 15
    assert {api.fault for _, api in APIS} == {None, *Fault}
    assert {api.method for _, api in APIS} == {"GET", "POST", "DELETE"}


def test_long_answers_give_the_compression_work() -> None:
    tokenizer = openai.o200k_base()
    working = [arguments_of(api) for _, api in APIS if works(api)]
    lengths = [tokenizer.count(json.dumps(one.compute(one.examples()))) for one in working]

    assert sum(length > 2048 for length in lengths) >= 10


def test_every_category_and_collection_can_be_drawn_from() -> None:
    usable = {tool_id(tool): sum(works(api) for api in tool.apis) for tool in TOOLS}
    of_category: dict[str, list[str]] = {}
    for tool in TOOLS:
        of_category.setdefault(tool.category, []).append(tool_id(tool))

    assert min(len(members) for members in of_category.values()) >= 3
    for members in [*of_category.values(), *(group.tools for group in catalogue.COLLECTIONS)]:
        assert sum(usable[member] >= 2 for member in members) >= 3, members
    for group in catalogue.COLLECTIONS:
        assert len({member.partition("/")[0] for member in group.tools}) >= 2, group.name


def test_faults_are_spread_over_the_tools() -> None:
    faulty = [tool.slug for tool in TOOLS if any(api.fault is not None for api in tool.apis)]
    counts = Counter(api.fault for _, api in APIS)

    assert len(faulty) / len(TOOLS) > 0.9
    assert min(counts.values()) >= 4


def test_no_two_apis_differ_only_by_a_constant() -> None:
    functions = [api.compute.__code__ for _, api in APIS if api.method != "DELETE"]
    code_and_names = Counter((code.co_code, code.co_names) for code in functions)

    assert [code.co_name for code in functions if code_and_names[code.co_code, code.co_names] > 1] == []


def test_a_third_of_the_apis_is_broken() -> None:
    broken = [api for _, api in APIS if api.fault not in (None, Fault.FLAKY)]

    assert 0.25 <= len(broken) / len(APIS) <= 0.35


def test_every_kind_of_parameter_occurs() -> None:
    kinds: set[str] = set()
    for _, api in APIS:
        arguments = arguments_of(api)
        for name, schema in arguments.schemas.items():
            kinds |= {arguments.location(name), schema["type"]}
            kinds |= {key for key in ("enum", "minimum", "maximum", "items", "properties") if key in schema}
            kinds |= {"nested"} if "properties" in schema.get("items", {}) else set()
            kinds.add("required" if name in arguments.required else "optional")

    assert kinds >= {"path", "query", "header", "body", *TYPES, "required", "optional"}
    assert kinds >= {"enum", "minimum", "maximum", "items", "nested"}
