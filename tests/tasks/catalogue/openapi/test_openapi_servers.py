from __future__ import annotations

from pathlib import Path

import pytest
from openapi_crawl import Json, api, crawled, document, operation, rejects, swagger

BASE = "https://own.test/base"


def url(folder: Path, said: Json, base_url: str | None = None) -> str:
    return api(folder, said, base_url=base_url).url


def servers(*urls: str, **variables: Json) -> Json:
    return document(servers=[{"url": url, "variables": variables} for url in urls])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (servers("https://zoo.test"), "https://zoo.test/pets"),
        (servers("https://zoo.test:8443/v1/"), "https://zoo.test:8443/v1/pets"),
        (servers("wss://zoo.test", "http://zoo.test"), "http://zoo.test/pets"),
        (servers("/v1", "https://zoo.test"), "https://zoo.test/pets"),
        (servers("https://{region}.zoo.test", region={"default": "eu"}), "https://eu.zoo.test/pets"),
        (
            servers("https://{region}.zoo.test", region={"default": "xx", "enum": ["us", "eu"]}),
            "https://us.zoo.test/pets",
        ),
        (servers("https://{region}.zoo.test", region={"enum": ["us"]}), "https://us.zoo.test/pets"),
        (
            servers("https://zoo.test:{port}/{base}", port={"default": 8443}, base={"default": ""}),
            "https://zoo.test:8443/pets",
        ),
        (servers("https://{tenant}.zoo.test", "https://zoo.test"), "https://zoo.test/pets"),
    ],
)
def test_servers_of_3(tmp_path: Path, said: Json, expected: str) -> None:
    assert url(tmp_path, said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (swagger(), "https://zoo.test/v1/pets"),
        (swagger(schemes=["http"]), "http://zoo.test/v1/pets"),
        (swagger(schemes=["http", "https"]), "https://zoo.test/v1/pets"),
        (swagger(schemes=["ws", "http"]), "http://zoo.test/v1/pets"),
        (swagger(operation(schemes=["http"]), schemes=["https"]), "http://zoo.test/v1/pets"),
        (swagger(basePath="/"), "https://zoo.test/pets"),
        (swagger(basePath="v2"), "https://zoo.test/v2/pets"),
        (swagger(basePath=None, host="zoo.test:8080"), "https://zoo.test:8080/pets"),
        (swagger(host="http://zoo.test/"), "http://zoo.test/v1/pets"),
        (swagger(host="zoo.test//", basePath="/v3/"), "https://zoo.test/v3/pets"),
        (swagger(host="//zoo.test/api/", basePath=""), "https://zoo.test/api/pets"),
    ],
)
def test_host_and_base_path_of_2(tmp_path: Path, said: Json, expected: str) -> None:
    assert url(tmp_path, said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (servers("https://zoo.test/v1"), "https://own.test/base/pets"),
        (servers("/v1"), "https://own.test/v1/pets"),
        (servers("v1"), "https://own.test/base/v1/pets"),
        (servers("/"), "https://own.test/base/pets"),
        (document(servers=[]), "https://own.test/base/pets"),
        (swagger(), "https://own.test/base/pets"),
        (swagger(host=None), "https://own.test/v1/pets"),
        (swagger(host=None, basePath=None), "https://own.test/base/pets"),
    ],
)
def test_a_base_url_replaces_addresses_and_completes_relative_ones(
    tmp_path: Path, said: Json, expected: str
) -> None:
    assert url(tmp_path, said, BASE) == expected


def test_servers_of_paths_and_operations(tmp_path: Path) -> None:
    own, of_path = [{"url": "https://own.test"}], [{"url": "https://path.test"}]
    paths = {"/a": {"servers": of_path, "get": {"servers": own}, "put": {}}, "/b": {"get": {}}}
    found = crawled(tmp_path, document(paths))
    assert [row.url for row in found.apis] == [
        "https://own.test/a",
        "https://zoo.test/v1/b",
        "https://path.test/a",
    ]
    assert found.tool is not None
    assert found.tool.host == "zoo.test"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (document(servers=[]), "#: the server address '/' is relative to nothing"),
        (servers("/v1"), "#/servers/0: the server address '/v1' is relative to nothing"),
        (swagger(host=None), "#: the server address '/v1' is relative to nothing"),
        (
            servers("https://{tenant}.zoo.test"),
            "'https://{tenant}.zoo.test' has a placeholder without a default",
        ),
        (swagger(host="{tenant}.zoo.test"), "has a placeholder without a default"),
        (servers("wss://zoo.test"), "'wss://zoo.test' is neither http nor https"),
        (swagger(schemes=["wss"]), "'wss://zoo.test/v1' is neither http nor https"),
        (servers("https://"), "'https://' names no host"),
        (servers("https://zoo.test:nine"), "'https://zoo.test:nine' is no address"),
        (servers("https://[zoo.test"), "'https://[zoo.test' is no address"),
        (servers("https://zoo.test/?key=1"), "holds credentials, a query, a fragment or a blank"),
        (servers("https://zoo.test/ v1"), "holds credentials, a query, a fragment or a blank"),
        (servers("https://me:secret@zoo.test"), "the server address holds credentials"),
    ],
)
def test_a_document_nobody_could_call_is_rejected(tmp_path: Path, said: Json, fault: str) -> None:
    ((row_id, reason, detail),) = rejects(tmp_path, said)
    assert (row_id, reason) == ("Uncategorised/zoo", "no_server")
    assert fault in detail
    assert detail.endswith("set `base_url` in [[catalogue.sources]]")
    assert "secret" not in detail


def test_an_operation_nobody_could_call_is_rejected_by_itself(tmp_path: Path) -> None:
    paths = {"/a": {"get": {"servers": [{"url": "/other"}]}}, "/b": {"get": {}}}
    assert rejects(tmp_path, document(paths)) == [
        (
            "Uncategorised/zoo/get_a",
            "no_server",
            "GET /a: zoo.json#/paths/~1a/get/servers/0: the server address '/other' is relative to nothing: "
            "set `base_url` in [[catalogue.sources]]",
        )
    ]


def test_a_document_may_have_servers_for_its_operations_alone(tmp_path: Path) -> None:
    said = document(operation(servers=[{"url": "https://own.test"}]), servers=[])
    found = crawled(tmp_path, said)
    assert (found.tool and found.tool.host, found.apis[0].url) == ("own.test", "https://own.test/pets")
