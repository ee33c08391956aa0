"""Prefect's own document (3.1, more than a thousand references), read from Prefect and called there."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from openapi_crawl import crawl
from probing_all import called, verdicts

from tasks.calling.outcome import Outcome
from tasks.calling.params import CallingParams
from tasks.catalogue.source import Crawled
from warehouse.tables.catalogue import Api

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def calling(prefect_api: str) -> CallingParams:
    base = prefect_api.removesuffix("/api")
    return CallingParams(resolve={"localhost": base}, methods=("GET", "POST"), per_host_rps=500)


@pytest.fixture(scope="module")
def prefect(calling: CallingParams) -> Crawled:
    _, (found,) = crawl("http://localhost/api/openapi.json", calling)
    return found


def named(prefect: Crawled, prefix: str) -> Api:
    (api,) = [api for api in prefect.apis if api.api_name.startswith(prefix)]
    return api


def test_every_operation_is_an_api(prefect: Crawled) -> None:
    assert prefect.rejects == ()
    assert len(prefect.apis) > 150
    assert {api.url.partition("/api/")[0] for api in prefect.apis} == {"http://localhost"}
    assert Counter(api.content_type for api in prefect.apis).keys() == {None, "application/json"}


def test_a_thousand_references_are_followed_within_seconds(calling: CallingParams) -> None:
    started = time.process_time()
    crawl("http://localhost/api/openapi.json", calling)
    assert time.process_time() - started < 10


def test_nothing_is_left_to_follow_and_schemas_stay_small(prefect: Crawled) -> None:
    texts = [
        text
        for api in prefect.apis
        for text in (api.body_schema, api.response_schema, *(row.schema for row in api.parameters))
        if text is not None
    ]
    assert [text for text in texts if '"$ref"' in text] == []
    assert max(map(len, texts)) < 60_000


def test_bodies_that_are_one_value(prefect: Crawled, calling: CallingParams) -> None:
    validate = named(prefect, "validate_template_templates")
    assert [(row.name, row.arg_name, row.type) for row in validate.parameters if row.location == "body"] == [
        ("", "body", "string")
    ]
    good = called(validate, {"body": "{{ flow.name }}"}, calling)
    bad = called(validate, {"body": "{{ flow.name"}, calling)
    assert (good.http_status, bad.http_status) == (204, 422)
    several = called(named(prefect, "create_logs_logs"), {"body": [{"name": "x"}]}, calling)
    assert (several.outcome, several.http_status) == (Outcome.CLIENT_ERROR, 422)


def test_fields_of_a_body_arrive(prefect: Crawled, calling: CallingParams) -> None:
    created = called(named(prefect, "create_flow_flows"), {"name": "toolloom-test"}, calling)
    flow = json.loads(created.body or "")
    read = called(named(prefect, "read_flow_by_name_flows"), {"name": "toolloom-test"}, calling)
    assert (created.outcome, read.outcome, json.loads(read.body or "")["id"]) == (
        Outcome.OK,
        Outcome.OK,
        flow["id"],
    )


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("hello_hello", "ok"),
        ("read_version_admin", "ok"),
        ("read_settings_admin", "ok"),
        ("health_check_health", "ok"),
        ("read_flows_flows_filter", "ok"),
        ("count_flows_flows_count", "ok"),
        ("delete_flow_flows", "unsafe_skipped"),
    ],
)
def test_outcomes(prefect: Crawled, calling: CallingParams, prefix: str, reason: str) -> None:
    api = named(prefect, prefix)
    assert verdicts([api], calling)[api.api_name].reason == reason
