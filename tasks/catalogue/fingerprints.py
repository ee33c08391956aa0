"""What a source says, as digests, and when it says the same as before.

Many a listing computes its example responses for whoever asks: another time, another price with each crawl.
They are told apart by their form, and while an API differs in their values alone, it stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tasks import exact_json
from tasks.catalogue.names import digest_of, without_port
from tasks.catalogue.source import Crawled
from tasks.text_budget.shape import Outline, outline_of, same_outline, shape_of
from warehouse.schema import plain
from warehouse.tables.catalogue import Api


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
