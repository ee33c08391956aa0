"""Crawling OpenAPI documents that a test writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.calling.params import CallingParams
from tasks.catalogue.openapi.source import OpenApiSource, open_openapi
from tasks.catalogue.params import CatalogueParams, OpenApiParams
from tasks.catalogue.source import Crawled, Listing
from warehouse.tables.catalogue import Api, Parameter

Json = dict[str, Any]


def document(paths: Json | None = None, **said: Any) -> Json:
    """A document of 3.0 with what a test is about."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Zoo", "version": "1"},
        "servers": [{"url": "https://zoo.test/v1"}],
        "paths": {"/pets": {"get": {"operationId": "listPets"}}} if paths is None else paths,
    } | said


def swagger(paths: Json | None = None, **said: Any) -> Json:
    """Likewise of 2.0."""
    return {
        "swagger": "2.0",
        "info": {"title": "Zoo", "version": "1"},
        "host": "zoo.test",
        "basePath": "/v1",
        "paths": {"/pets": {"get": {"operationId": "listPets"}}} if paths is None else paths,
    } | said


def write(folder: Path, files: Mapping[str, Any]) -> Path:
    """Files by their place: text and bytes as they are, anything else as JSON."""
    for place, content in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return folder


def opened(location: Path | str, calling: CallingParams | None = None, **params: Any) -> OpenApiSource:
    source = OpenApiParams(location=str(location), **params)
    return open_openapi(source, CatalogueParams(sources=(source,)), calling or CallingParams())


def crawl(
    location: Path | str, calling: CallingParams | None = None, **params: Any
) -> tuple[Listing, list[Crawled]]:
    with opened(location, calling, **params) as source:
        listing = source.listing()
        return listing, source.fetch(listing.entries)


def crawled(folder: Path, said: Json, **params: Any) -> Crawled:
    """The one document of a folder."""
    _, (only,) = crawl(write(folder, {"zoo.json": said}) / "zoo.json", **params)
    return only


def api(folder: Path, said: Json, **params: Any) -> Api:
    """The one API of a document, which must be usable."""
    found = crawled(folder, said, **params)
    assert found.rejects == ()
    (only,) = found.apis
    return only


def rejects(folder: Path, said: Json, **params: Any) -> list[tuple[str, str, str]]:
    """Row, reason and detail of all that a document is rejected for."""
    return [(row.row_id, row.reason, row.detail) for row in crawled(folder, said, **params).rejects]


def operation(**said: Any) -> Json:
    """Paths with one operation, `GET /pets`."""
    return {"/pets": {"get": said}}


def short(parameter: Parameter) -> tuple[str, str, str, bool, str | None, Any]:
    """Name, place, type, required, default and schema."""
    schema = None if parameter.schema is None else json.loads(parameter.schema)
    return parameter.name, parameter.location, parameter.type, parameter.required, parameter.default, schema
