from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from aiohttp import web

from sandbox import catalogue
from sandbox.hub import build_hub
from sandbox.listing import tool_id
from tasks.catalogue.hub import open_hub
from tasks.catalogue.params import CatalogueParams, HubParams
from tasks.catalogue.source import Crawled, Listing


async def _serve(port: Future[int], stop: Future[None]) -> None:
    runner = web.AppRunner(build_hub(), handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.set_result(runner.addresses[0][1])
        await asyncio.wrap_future(stop)
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def hub_url() -> Iterator[str]:
    port: Future[int] = Future()
    stop: Future[None] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(port, stop)))
    thread.start()
    yield f"http://127.0.0.1:{port.result(timeout=30)}"
    stop.set_result(None)
    thread.join()


def crawl(hub_url: str, *, page_size: int, concurrency: int) -> tuple[Listing, list[Crawled]]:
    source = HubParams(location="http://hub.sandbox.test", page_size=page_size)
    params = CatalogueParams(sources=(source,), concurrency=concurrency)
    with open_hub(source, params, {"*.sandbox.test": hub_url}) as hub:
        listing = hub.listing()
        return listing, hub.fetch(listing.entries)


def test_the_whole_sandbox_becomes_rows(hub_url: str) -> None:
    listing, crawled = crawl(hub_url, page_size=7, concurrency=4)

    declared = sorted(catalogue.tools(), key=tool_id)
    assert [entry.id for entry in listing.entries] == [tool_id(tool) for tool in declared]
    assert [reject for row in crawled for reject in row.rejects] == []
    assert [row.tool and row.tool.n_apis for row in crawled] == [len(tool.apis) for tool in declared]
    declared_apis = {(tool.name, api.name, api.method) for tool in declared for api in tool.apis}
    assert {
        (row.tool.tool_name, api.api_name, api.method) for row in crawled if row.tool for api in row.apis
    } == declared_apis


def test_a_crawl_does_not_depend_on_pages_or_threads(hub_url: str) -> None:
    assert crawl(hub_url, page_size=3, concurrency=1) == crawl(hub_url, page_size=50, concurrency=8)


def test_nothing_crawled_names_a_port(hub_url: str) -> None:
    port = hub_url.rpartition(":")[2]

    assert f":{port}" not in repr(crawl(hub_url, page_size=50, concurrency=4))
