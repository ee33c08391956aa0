"""Opening the catalogue source that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from urllib.parse import urlsplit

from tasks.calling.params import CallingParams
from tasks.calling.toolbench_names import ToolbenchAddress
from tasks.catalogue.crawl_state import Reading
from tasks.catalogue.hub import check_hub, open_hub
from tasks.catalogue.mcp.source import McpSource
from tasks.catalogue.normalise import tool_fingerprint
from tasks.catalogue.openapi.source import check_openapi, open_openapi, openapi_version
from tasks.catalogue.params import (
    CatalogueParams,
    HubParams,
    McpParams,
    OpenApiParams,
    SourceParams,
    ToolbenchParams,
)
from tasks.catalogue.source import Crawled, CrawlReason, Source, reject
from tasks.catalogue.toolbench.source import open_toolbench, toolbench_version
from tasks.exact_json import digest_of
from tasks.identity import identity
from tasks.transport.mcp.server import check_servers
from tasks.transport.proxies import Proxies
from warehouse.tables.catalogue import Api


def open_source(
    source: SourceParams, params: CatalogueParams, calling: CallingParams, reading: Reading
) -> AbstractContextManager[Source]:
    """Prepares a source for reading.  Raises `UsageError` when there is none, or one of another kind."""
    if isinstance(source, ToolbenchParams):
        return open_toolbench(source)
    if isinstance(source, OpenApiParams):
        return open_openapi(source, params, calling, reading.redactor)
    if isinstance(source, McpParams):
        return McpSource(source, reading.mcp_listing)
    return open_hub(source, params, calling.resolve, reading, proxies=Proxies(calling.proxy))


def servers_of_others(
    source: SourceParams, params: CatalogueParams, calling: CallingParams
) -> dict[str, str]:
    """Host and port of what the configuration names for others than this source, and for whom.

    Such a server may be a private one, or have the user's key, for the sake of that other source alone.
    """
    others = {
        server: f'the mcp source "{other.name}"' if isinstance(other, McpParams) else str(other.location)
        for other in params.sources
        for server in _servers_named_by(other)
    }
    if calling.executor == "toolbench" and calling.toolbench_url is not None:
        others[_server_of(calling.toolbench_url)] = "`[calling] toolbench_url`"
    own = _servers_named_by(source)
    return {server: whose for server, whose in others.items() if server not in own}


def confined(found: Crawled, others: Mapping[str, str]) -> Crawled:
    """`found` without the APIs that would be called at one of `servers_of_others`: they become rejects."""
    if found.tool is None or not any(_server_called(api) in others for api in found.apis):
        return found
    apis = tuple(api for api in found.apis if _server_called(api) not in others)
    rejects = [
        reject(api.api_id, CrawlReason.REFUSED, f"its server belongs to {others[_server_called(api)]} alone")
        for api in found.apis
        if _server_called(api) in others
    ]
    if not apis:
        fault = f"none of its {len(found.apis)} APIs is usable"
        rejects.insert(0, reject(found.tool.tool_id, CrawlReason.NO_USABLE_API, fault))
        return replace(found, tool=None, apis=(), rejects=(*found.rejects, *rejects))
    tool = replace(found.tool, n_apis=len(apis), fingerprint=tool_fingerprint(found.own_digest, apis))
    return replace(found, tool=tool, apis=apis, rejects=(*found.rejects, *rejects))


def _servers_named_by(source: SourceParams) -> set[str]:
    match source:
        case HubParams():
            return {_server_of(source.location)}
        case OpenApiParams():
            urls = [source.base_url or "", source.location]
            return {_server_of(url) for url in urls if url.startswith(("http://", "https://"))}
        case McpParams():
            return set() if source.url is None else {_server_of(source.url)}
    return set()


def _server_called(api: Api) -> str:
    """Host and port of an API's address; "" where it is not called at one."""
    url = ToolbenchAddress.from_url(api.url).http_url if api.protocol == "toolbench" else api.url
    return "" if url is None or api.protocol == "mcp" else _server_of(url)


def _server_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{(parts.hostname or '').rstrip('.')}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def version_of(source: SourceParams) -> str | None:
    """A digest of the source's contents where they lie on this machine; None where only asking can tell.

    It is part of the crawl's key, so that an edited file is read again before `max_age` has passed.
    """
    if isinstance(source, OpenApiParams):
        return openapi_version(source)
    return toolbench_version(source) if isinstance(source, ToolbenchParams) else None


def identity_of(source: SourceParams) -> dict[str, object]:
    """What of a source decides what is found there: not how many tools are asked for at once."""
    return {**identity(source), "version": version_of(source)}


def sources_digest(params: CatalogueParams) -> str:
    """Of all sources: two crawls of the same digest differ in what the world had become, at most."""
    return digest_of([identity_of(source) for source in params.sources])


def are_sources_of(recorded: str | None, params: CatalogueParams) -> bool:
    """Whether a crawl's `sources_digest`, as far as it was recorded, is of these sources.

    In older data folders the speed at which MCP servers are asked was part of it.
    """
    older = [
        source.model_dump(mode="json", exclude={"page_size", "per_host_rps"})
        | {"version": version_of(source)}
        for source in params.sources
    ]
    return recorded in {None, sources_digest(params), digest_of(older)}


def check_on_this_machine(source: SourceParams) -> None:
    """Finds a source of files that is missing or of another kind, a hub's address that is none, keys that are
    not set and a server that cannot be started from here; asks no server.  Raises `UsageError`.
    """
    if isinstance(source, HubParams):
        check_hub(source)
    if isinstance(source, ToolbenchParams):
        open_toolbench(source).close()
    if isinstance(source, OpenApiParams):
        check_openapi(source)
    if isinstance(source, McpParams):
        check_servers([source.server])
