"""What of a configuration belongs to one source alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.calling.params import CallingParams
from tasks.catalogue.normalise import normalise
from tasks.catalogue.opening import confined, servers_of_others
from tasks.catalogue.params import (
    CatalogueParams,
    HubParams,
    McpParams,
    OpenApiParams,
    SourceParams,
    ToolbenchParams,
)
from tasks.catalogue.source import Crawled, ToolEntry

HUB = HubParams(location="http://hub.test")
OTHERS: tuple[SourceParams, ...] = (
    HUB,
    HubParams(location="https://other.test"),
    McpParams(name="files", url="http://127.0.0.1:9000/mcp"),
    McpParams(name="time", command=("time-server",)),
    OpenApiParams(location="specs", base_url="http://10.0.0.5:8000/v1"),
    OpenApiParams(location="https://docs.corp.test/openapi.json"),
    ToolbenchParams(location=Path("records")),
)
SERVICE = CallingParams(executor="toolbench", toolbench_url="http://localhost:8080/virtual")


def crawled(*hosts: str) -> Crawled:
    apis = [
        {"name": f"api {at}", "method": "GET", "path": "/x", "host": host} for at, host in enumerate(hosts)
    ]
    entry = ToolEntry(
        id="a", category="A", name="a", standardized_name="a", source="hub", source_url="http://hub.test/a"
    )
    frame: dict[str, Any] = {"id": "a", "category": "A", "name": "a", "host": "http://api.test", "apis": apis}
    return normalise(entry, frame)


def test_servers_are_told_by_host_and_port() -> None:
    assert servers_of_others(HUB, CatalogueParams(sources=OTHERS), SERVICE) == {
        "other.test:443": "https://other.test",
        "127.0.0.1:9000": 'the mcp source "files"',
        "10.0.0.5:8000": "specs",
        "docs.corp.test:443": "https://docs.corp.test/openapi.json",
        "localhost:8080": "`[calling] toolbench_url`",
    }


@pytest.mark.parametrize(
    "host",
    ["http://127.0.0.1:9000", "http://10.0.0.5:8000/v2", "https://DOCS.corp.test.", "http://localhost:8080"],
)
def test_a_row_that_is_called_at_another_sources_server_is_refused(host: str) -> None:
    others = servers_of_others(HUB, CatalogueParams(sources=OTHERS), SERVICE)
    found = confined(crawled("http://api.test", host), others)

    assert found.tool is not None
    assert (found.tool.n_apis, [api.api_name for api in found.apis]) == (1, ["api 0"])
    assert [(row.row_id, row.reason) for row in found.rejects] == [("A/a/api_1", "refused")]


def test_a_tool_without_another_row_goes_with_it() -> None:
    others = servers_of_others(HUB, CatalogueParams(sources=OTHERS), SERVICE)
    found = confined(crawled("http://127.0.0.1:9000"), others)

    assert (found.tool, found.apis) == (None, ())
    assert [row.reason for row in found.rejects] == ["no_usable_api", "refused"]


def test_what_is_nobodys_or_the_sources_own_stays() -> None:
    others = servers_of_others(HUB, CatalogueParams(sources=OTHERS), SERVICE)
    found = crawled("http://hub.test", "http://api.test", "http://127.0.0.1:9001")

    assert confined(found, others) is found
