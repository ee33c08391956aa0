"""Parameters of the crawl: the sources, one model per kind, and how fast they are read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.catalogue.mapping import HubMapping
from tasks.identity import NotInKey, OnlyInKeyOf
from tasks.transport.guard import PublicUrl
from tasks.transport.mcp.server import McpServer
from tasks.transport.redactor import key_from


class _SourceModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HubParams(_SourceModel):
    """A marketplace that lists its tools over HTTP, page by page (docs/hub.md)."""

    kind: Literal["hub"] = "hub"
    location: PublicUrl = Field(description="Base URL of the hub.")
    page_size: Annotated[int, NotInKey("speed")] = Field(
        default=50, ge=1, le=1000, description="Tools asked for per listing page."
    )
    per_host_rps: Annotated[float | None, NotInKey("speed")] = Field(
        default=None, gt=0, description="Instead of that of `[catalogue]`, for this hub."
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="Headers of every request to the listing; nothing secret."
    )
    header_keys: dict[str, str] = Field(
        default_factory=dict,
        description="Headers to the names of the environment variables that hold their values.",
    )
    mapping: HubMapping = Field(
        default=HubMapping(), description="How another marketplace is asked and read (docs/hub.md)."
    )


class ToolbenchParams(_SourceModel):
    """Tools in ToolBench's published format, or query files whose `api_list`s describe them."""

    kind: Literal["toolbench"] = "toolbench"
    location: Path = Field(
        description="Folder with tools/<Category>/<tool>.json, or a file or folder of queries."
    )


class OpenApiParams(_SourceModel):
    """OpenAPI documents: each is a tool, each of its operations an API (docs/sources.md)."""

    kind: Literal["openapi"] = "openapi"
    location: PublicUrl = Field(
        min_length=1, description="A file, a folder, a glob or a URL; documents are JSON or YAML."
    )
    category: str | None = Field(default=None, description="Category of the tools.")
    category_from: tuple[Literal["info", "tags", "configuration"], ...] = Field(
        default=("info", "tags", "configuration"),
        description="Where the category is looked for: info.x-apisguru-categories, tags, `category` above.",
    )
    collections: tuple[str, ...] | None = Field(
        default=None, description="Collections the tools are in; none: their tags."
    )
    base_url: PublicUrl | None = Field(
        default=None,
        description="Where the APIs are called, base path included; a relative server address is resolved "
        "against it.",
    )
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="Headers of every request for the documents, not of calls; nothing secret.",
    )
    header_keys: dict[str, str] = Field(
        default_factory=dict,
        description="Headers to the names of the environment variables that hold their values, for documents "
        "behind a key; sent to the host of `location` alone.",
    )
    include: tuple[str, ...] = Field(
        default=(), description="Only operations whose id or `METHOD /path` matches one of these globs."
    )
    exclude: tuple[str, ...] = Field(default=(), description="Not operations that match one of these globs.")
    reference_hosts: tuple[Annotated[str, Field(pattern=r"^[\w.-]+$")], ...] = Field(
        default=(), description="Other hosts that are asked for what documents refer to there."
    )
    tool: Literal["document", "tag"] = Field(
        default="document",
        description="What makes a tool: each document, or each first tag of a document's operations.",
    )


def secret_headers(
    source: HubParams | OpenApiParams, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The `header_keys` of a source with their values.  Raises `UsageError` for one that is not set."""
    return {
        header: key_from(
            variable, f"`header_keys` of {source.location}: {header} is in", environment=environment
        )
        for header, variable in source.header_keys.items()
    }


class McpParams(McpServer):
    """An MCP server: it is a tool, and each tool it lists is an API (docs/sources.md)."""

    kind: Literal["mcp"] = "mcp"
    category: str = Field(default="MCP", min_length=1, description="Category of the tool.")
    collections: tuple[str, ...] = Field(default=(), description="Collections the tool is in.")

    @property
    def server(self) -> McpServer:
        """What of the source says how it is called."""
        return McpServer(**self.model_dump(include=set(McpServer.model_fields)))


SourceParams: TypeAlias = Annotated[
    HubParams | ToolbenchParams | OpenApiParams | McpParams, Field(discriminator="kind")
]


class CatalogueParams(BaseModel):
    """`[catalogue]`: where tools and APIs come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[SourceParams, ...] = Field(min_length=1, description="Any number of sources, of any kind.")
    max_age: Annotated[timedelta, NotInKey("age")] = Field(
        default=timedelta(days=1), description="A crawl younger than this is carried over."
    )
    concurrency: Annotated[int, NotInKey("speed")] = Field(
        default=8, ge=1, description="Listing requests in flight."
    )
    per_host_rps: Annotated[float, NotInKey("speed")] = Field(
        default=50, gt=0, description="Listing requests per second to one source."
    )
    timeout_s: Annotated[float, NotInKey("speed")] = Field(
        default=30, gt=0, description="Total time for one listing request."
    )
    tools_per_shard: Annotated[int, OnlyInKeyOf()] = Field(
        default=100, ge=1, description="Tools per task run, about."
    )

    @model_validator(mode="after")
    def _no_name_twice(self) -> Self:
        names = [server.name for server in self.mcp_servers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f'two mcp sources are named "{twice}": the name says which server is called')
        return self

    @property
    def mcp_servers(self) -> tuple[McpServer, ...]:
        """The servers that calls may go to."""
        return tuple(source.server for source in self.sources if isinstance(source, McpParams))
