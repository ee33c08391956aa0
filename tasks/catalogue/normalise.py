"""From a tool's documentation to rows: pure, and the same for the same documentation.

Many a listing computes its example responses for whoever asks: another time, another price with each crawl.
Fingerprints tell them apart by their form, and while an API differs in their values alone, it stays what it
was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from tasks import exact_json
from tasks.catalogue.detail import ApiDetail, ToolDetail, explain
from tasks.catalogue.names import (
    api_name,
    first_distinct,
    fraction_of,
    function_name,
    short_hash,
    without_port,
)
from tasks.catalogue.parameters import json_text, parameters_of
from tasks.catalogue.source import Crawled, CrawlReason, ToolEntry, UnusableApi, reject
from tasks.errors import BadRow
from tasks.exact_json import digest_of
from tasks.text_budget.shape import Outline, outline_of, same_outline, shape_of
from warehouse.table import plain
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api, SecurityScheme, Tool

TEST_CATEGORY_SHARE = 0.1
TEST_TOOL_SHARE = 0.1

# By what the APIs of a source are called is the kind's to say, which the user chose: a row that could say so
# would reach through to the servers and keys of others.
_PROTOCOLS = {"hub": "http", "openapi": "http", "toolbench": "toolbench", "mcp": "mcp"}
_SCHEMES = {"http": ("http", "https")}


def normalise(entry: ToolEntry, raw: Any) -> Crawled:
    """The rows of one tool.

    raw: the documentation as the source serves it, plain JSON; an API that its source could not bring into
    that form is an `UnusableApi`, and `place` says of another where it stands.  What cannot be used becomes
    a reject: an API by itself, the whole tool when its frame is malformed or no API is left.
    """
    try:
        detail = _tool_detail(entry, raw)
    except BadRow as fault:
        listed = raw.get("apis") if isinstance(raw, dict) else None
        lost = lost_with(entry, fault, listed if isinstance(listed, list) else [])
        return Crawled.rejected(entry, CrawlReason(fault.reason), fault.message, lost=lost)
    apis, rejects = _apis(entry, detail)
    if not apis:
        reason = f"none of its {len(detail.apis)} APIs is usable"
        empty = reject(entry.tool_id, CrawlReason.NO_USABLE_API, reason)
        return Crawled(entry=entry, tool=None, rejects=(empty, *rejects))
    tool = _tool(entry, detail, apis)
    own_digest = _own_digest(detail, tool.collections)
    tool = dataclasses.replace(tool, fingerprint=tool_fingerprint(own_digest, apis))
    return Crawled(entry=entry, tool=tool, own_digest=own_digest, apis=apis, rejects=rejects)


def lost_with(entry: ToolEntry, fault: BadRow, raws: list[Any]) -> tuple[Reject, ...]:
    """The rows of APIs whose tool cannot be used as a whole, so that each is accounted for."""
    names = _api_names(raws)
    return tuple(
        reject(
            f"{entry.tool_id}/{name}"
            if name and name not in names[:position]
            else f"{entry.tool_id}/{name}#{position}",
            CrawlReason(fault.reason),
            "it is lost with its tool",
        )
        for position, name in enumerate(names)
    )


def split_of(category: str, tool_id: str) -> str:
    """train, test_tool or test_category: about 80, 10 and 10 % of all tools."""
    if fraction_of(f"category {category}") < TEST_CATEGORY_SHARE:
        return "test_category"
    share = TEST_TOOL_SHARE / (1 - TEST_CATEGORY_SHARE)
    return "test_tool" if fraction_of(f"tool {tool_id}") < share else "train"


def _tool_detail(entry: ToolEntry, raw: Any) -> ToolDetail:
    try:
        detail = ToolDetail.model_validate(raw)
    except ValidationError as error:
        raise BadRow(CrawlReason.MALFORMED, explain(error)) from error
    listed = {"id": entry.id, "category": entry.category, "name": entry.name}
    documented = {"id": detail.id, "category": detail.category, "name": detail.name}
    if listed != documented:
        raise BadRow(CrawlReason.INCONSISTENT, f"listed as {listed}, documented as {documented}")
    if (
        entry.source != "toolbench"
    ):  # whose tools tell a host for people, and are called by their APIs' addresses
        _require_own_server(entry, detail.host)
    return detail


def _require_own_server(entry: ToolEntry, host: str) -> None:
    """Raises `BadRow` for an address of another protocol than the source's, or of another MCP server."""
    protocol = _PROTOCOLS[entry.source]
    scheme, _, rest = host.partition("://")
    if scheme.lower() not in _SCHEMES.get(protocol, (protocol,)) or (protocol == "mcp" and rest != entry.id):
        raise BadRow(
            CrawlReason.MALFORMED,
            f"the host {host!r} is not one at which a source of kind {entry.source!r} is called",
        )


def _tool(entry: ToolEntry, detail: ToolDetail, apis: tuple[Api, ...]) -> Tool:
    collections = tuple(sorted({*entry.collections, *detail.collections}))
    return Tool(
        tool_id=entry.tool_id,
        category=entry.category,
        tool_name=entry.name,
        standardized_name=entry.standardized_name,
        description=detail.description,
        host=urlsplit(detail.host).hostname or "",
        collections=collections,
        source=entry.source,
        source_url=entry.source_url,
        licence=detail.licence,
        n_apis=len(apis),
        split=split_of(entry.category, entry.tool_id),
        fingerprint="",
    )


def _own_digest(detail: ToolDetail, collections: tuple[str, ...]) -> str:
    return digest_of(
        {
            "id": detail.id,
            "name": detail.name,
            "description": detail.description,
            "host": without_port(detail.host),
            "provider": detail.provider,
            "licence": detail.licence,
            "collections": collections,
        }
    )


def _apis(entry: ToolEntry, detail: ToolDetail) -> tuple[tuple[Api, ...], tuple[Reject, ...]]:
    """Usable APIs by id, and the rejects of the others."""
    apis: list[Api] = []
    rejects: list[Reject] = []
    seen: set[str] = set()
    for position, (name, raw) in enumerate(zip(_api_names(detail.apis), detail.apis, strict=True)):
        row_id = f"{entry.tool_id}/{name}"
        try:
            _require_own_name(name, seen)
            apis.append(_api(row_id, entry, detail.host, raw))
            rejects.extend(_remarks(row_id, raw))
        except BadRow as fault:
            own_id = row_id if name and name not in seen else f"{row_id}#{position}"
            rejects.append(reject(own_id, CrawlReason(fault.reason), _with_place(raw, fault.message)))
        seen.add(name)
    return tuple(sorted(apis, key=lambda api: api.api_id)), tuple(rejects)


def _remarks(row_id: str, raw: Any) -> list[Reject]:
    """On what a usable API is used without: its source says so."""
    left_out = raw.get("left_out") if isinstance(raw, dict) else None
    texts = [text for text in left_out if isinstance(text, str)] if isinstance(left_out, list) else []
    used = f"it is used without the description of {'; of '.join(texts)}"
    return [reject(f"{row_id}#partly", CrawlReason.PARTLY_READ, used)] if texts else []


def _with_place(raw: Any, message: str) -> str:
    place = raw.place if isinstance(raw, UnusableApi) else raw.get("place") if isinstance(raw, dict) else None
    return f"{place}: {message}" if isinstance(place, str) and place else message


def _api_names(raws: list[Any]) -> list[str]:
    """Standard names, "" for what has no name; equal ones only where name, method and path are equal.

    Unusable APIs take part, so that mending one does not rename another.
    """
    choices = [_name_choices(raw) if _name_of(raw) else None for raw in raws]
    different = list(dict.fromkeys(choice for choice in choices if choice is not None))
    names = dict(zip(different, first_distinct(different), strict=True))
    return ["" if choice is None else names[choice] for choice in choices]


def _name_of(raw: Any) -> str:
    name = raw.name if isinstance(raw, UnusableApi) else raw.get("name") if isinstance(raw, dict) else None
    return name.strip() if isinstance(name, str) else ""


def _name_choices(raw: Any) -> tuple[str, ...]:
    name = _name_of(raw)
    readable = api_name(name)
    where = (
        (raw.place,)
        if isinstance(raw, UnusableApi)
        else (str(raw.get("method")).upper(), str(raw.get("path")))
    )
    return readable, f"{readable}_{short_hash(name)}", f"{readable}_{short_hash(name, *where)}"


def _require_own_name(name: str, seen: set[str]) -> None:
    if not name:
        raise BadRow(CrawlReason.UNNAMED, "an API must be an object with a name")
    if name in seen:
        raise BadRow(CrawlReason.DUPLICATE, "an API of this name, method and path came before")


def _api(api_id: str, entry: ToolEntry, host: str, raw: Any) -> Api:
    if isinstance(raw, UnusableApi):
        raise BadRow(raw.reason, raw.detail)
    detail = _api_detail(raw)
    protocol = _PROTOCOLS[entry.source]
    if detail.protocol not in (None, protocol):
        fault = f"APIs of a source of kind {entry.source!r} are called by {protocol}, not {detail.protocol!r}"
        raise BadRow(CrawlReason.MALFORMED, f"protocol: {fault}")
    _require_own_server(entry, detail.host or host)
    api = Api(
        api_id=api_id,
        tool_id=entry.tool_id,
        api_name=detail.name,
        function_name=function_name(api_id),
        description=detail.description,
        protocol=protocol,
        method=detail.method,
        url=(detail.host or host) + detail.path,
        parameters=parameters_of(detail),
        content_type=None if detail.body is None else detail.body.content_type,
        body_schema=None if detail.body is None else json_text(detail.body.json_schema),
        security=tuple(
            SecurityScheme(kind=scheme.kind, location=scheme.location, name=scheme.name)
            for scheme in detail.security
        ),
        read_only=detail.method in {"GET", "HEAD"} if detail.read_only is None else detail.read_only,
        response_schema=None if detail.response_schema is None else json_text(detail.response_schema),
        code_snippet=_code_snippet(detail.code_snippets),
        example_response=None if detail.example_response is None else json_text(detail.example_response),
        fingerprint="",
    )
    return dataclasses.replace(api, fingerprint=api_fingerprint(api))


def _api_detail(raw: Any) -> ApiDetail:
    try:
        exact_json.dumps(raw)
        return ApiDetail.model_validate(raw)
    except ValidationError as error:
        raise BadRow(CrawlReason.MALFORMED, explain(error)) from error
    except TypeError as error:
        raise BadRow(CrawlReason.MALFORMED, "its JSON is nested too deeply") from error


def _code_snippet(snippets: Any) -> str | None:
    """The one in Python, else the first by language."""
    texts = (
        {} if not isinstance(snippets, dict) else {k: v for k, v in snippets.items() if isinstance(v, str)}
    )
    return texts.get("python") or next((texts[language] for language in sorted(texts)), None)


def api_fingerprint(api: Api) -> str:
    """Of what the source says; of its example response the form alone.

    Not of ids made here, nor of snippets, which only repeat what is said elsewhere.
    """
    said = plain(api)
    for made_here in ("api_id", "tool_id", "function_name", "code_snippet", "fingerprint"):
        del said[made_here]
    said["url"] = without_port(api.url)
    said["parameters"] = [_with_values(parameter) for parameter in said["parameters"]]
    said["example_response"] = _example_outline(api)
    return digest_of(_with_values(said))


def tool_fingerprint(own_digest: str, apis: Iterable[Api]) -> str:
    """own_digest: of what the source says of the tool besides its APIs."""
    return digest_of([own_digest, *(api.fingerprint for api in apis)])


def as_before(crawled: Crawled, before: Mapping[str, Api]) -> Crawled:
    """The same rows; with the example response that there was before, where only its values differ.

    before: the APIs of an earlier crawl by `api_id`.
    """
    if crawled.tool is None:
        return crawled
    apis = tuple(_as_before(api, before.get(api.api_id)) for api in crawled.apis)
    tool = replace(crawled.tool, fingerprint=tool_fingerprint(crawled.own_digest, apis))
    return replace(crawled, tool=tool, apis=apis)


def _as_before(api: Api, before: Api | None) -> Api:
    if before is None or not _same_form(api, before):
        return api
    same = replace(api, example_response=before.example_response, code_snippet=before.code_snippet)
    same = replace(same, fingerprint=api_fingerprint(same))
    return same if same.fingerprint == before.fingerprint else api


def _same_form(api: Api, before: Api) -> bool:
    one, other = _example_outline(api), _example_outline(before)
    return one == other if one is None or other is None else same_outline(one, other)


def _example_outline(api: Api) -> Outline | None:
    return (
        None if api.example_response is None else outline_of(shape_of(exact_json.loads(api.example_response)))
    )


def _with_values(row: dict[str, Any]) -> dict[str, Any]:
    """The row with JSON values in place of JSON text, so that the order of keys does not matter."""
    texts = ("default", "schema", "body_schema")
    parsed = {name: exact_json.loads(row[name]) for name in texts if row.get(name) is not None}
    return row | parsed
