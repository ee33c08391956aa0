"""Opening the catalogue source that a configuration names."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tasks.calling.params import CallingParams
from tasks.catalogue.hub import check_hub, open_hub
from tasks.catalogue.mcp.source import McpSource
from tasks.catalogue.openapi.source import check_openapi, open_openapi, openapi_version
from tasks.catalogue.params import (
    CatalogueParams,
    HubParams,
    McpParams,
    OpenApiParams,
    SourceParams,
    ToolbenchParams,
)
from tasks.catalogue.reading import Reading
from tasks.catalogue.source import Source
from tasks.catalogue.toolbench.source import open_toolbench, toolbench_version
from tasks.llm.chat import digest_of
from tasks.transport.mcp.server import check_servers


def open_source(
    source: SourceParams, params: CatalogueParams, calling: CallingParams, reading: Reading
) -> AbstractContextManager[Source]:
    """Prepares a source for reading.  Raises `UsageError` when there is none, or one of another kind."""
    if isinstance(source, ToolbenchParams):
        return open_toolbench(source)
    if isinstance(source, OpenApiParams):
        return open_openapi(source, params, calling)
    if isinstance(source, McpParams):
        return McpSource(source, reading.mcp_listing)
    return open_hub(source, params, calling.resolve, reading)


def version_of(source: SourceParams) -> str | None:
    """A digest of the source's contents where they lie on this machine; None where only asking can tell.

    It is part of the crawl's key, so that an edited file is read again before `max_age` has passed.
    """
    if isinstance(source, OpenApiParams):
        return openapi_version(source)
    return toolbench_version(source) if isinstance(source, ToolbenchParams) else None


def identity_of(source: SourceParams) -> dict[str, object]:
    """What of a source decides what is found there: not how many tools are asked for at once."""
    return source.model_dump(mode="json", exclude={"page_size"}) | {"version": version_of(source)}


def sources_digest(params: CatalogueParams) -> str:
    """Of all sources: two crawls of the same digest differ in what the world had become, at most."""
    return digest_of([identity_of(source) for source in params.sources])


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
