from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi_crawl import Json, api, document, operation, swagger

from tasks.calling.credentials import Credentials
from tasks.calling.request import build_request
from warehouse.tables.catalogue import SecurityScheme

SCHEMES = {
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
    "bearer": {"type": "http", "scheme": "Bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "digest": {"type": "http", "scheme": "digest"},
    "oauth": {"type": "oauth2", "flows": {}},
    "oauth2": {"type": "oauth2", "flows": {}},
    "openid": {"type": "openIdConnect", "openIdConnectUrl": "https://zoo.test"},
    "mutual": {"type": "mutualTLS"},
    "again": {"$ref": "#/components/securitySchemes/header"},
    "lost": {"$ref": "#/components/securitySchemes/nope"},
    "nameless": {"type": "apiKey", "in": "header"},
    "odd": 3,
}
HEADER = ("api_key", "header", "X-Key")
QUERY = ("api_key", "query", "key")
BEARER = ("bearer", "header", "Authorization")
BASIC = ("basic", "header", "Authorization")


def schemes(folder: Path, said: Json) -> list[tuple[str, str, str]]:
    return [(scheme.kind, scheme.location, scheme.name) for scheme in api(folder, said).security]


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        ([], []),
        ([{}], []),
        ([{"header": []}], [HEADER]),
        ([{"query": []}], [QUERY]),
        ([{"bearer": []}], [BEARER]),
        ([{"basic": []}], [BASIC]),
        ([{"oauth": ["read"]}], [BEARER]),
        ([{"openid": []}], [BEARER]),
        ([{"again": []}], [HEADER]),
        ([{"header": [], "query": []}], [HEADER, QUERY]),
        ([{"oauth": [], "oauth2": []}], [BEARER]),
        ([{"cookie": []}, {"basic": []}], [BASIC]),
        ([{"header": [], "cookie": []}, {"query": []}], [QUERY]),
        ([{"header": []}, {}], []),
        ([{"cookie": []}], []),
        ([{"digest": []}], []),
        ([{"mutual": []}], []),
        ([{"lost": []}], []),
        ([{"nameless": []}], []),
        ([{"odd": []}], []),
        ([{"unknown": []}], []),
        ([7, "x", {"bearer": []}], [BEARER]),
        ("x", []),
    ],
)
def test_requirements_of_an_operation(tmp_path: Path, requirements: Any, expected: Any) -> None:
    said = document(operation(security=requirements), components={"securitySchemes": SCHEMES})
    assert schemes(tmp_path, said) == expected


@pytest.mark.parametrize(
    ("own", "expected"), [({}, [HEADER]), ({"security": []}, []), ({"security": [{"basic": []}]}, [BASIC])]
)
def test_an_operation_replaces_the_requirements_of_its_document(
    tmp_path: Path, own: Json, expected: Any
) -> None:
    said = document(operation(**own), components={"securitySchemes": SCHEMES}, security=[{"header": []}])
    assert schemes(tmp_path, said) == expected


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ({"type": "basic"}, [BASIC]),
        ({"type": "oauth2", "flow": "implicit"}, [BEARER]),
        ({"type": "apiKey", "in": "query", "name": "key"}, [QUERY]),
    ],
)
def test_schemes_of_2(tmp_path: Path, scheme: Json, expected: Any) -> None:
    said = swagger(operation(security=[{"s": []}]), securityDefinitions={"s": scheme})
    assert schemes(tmp_path, said) == expected


def test_a_parameter_that_a_scheme_fills_is_not_the_models_to_fill(tmp_path: Path) -> None:
    parameters = [{"name": "x-key", "in": "header", "required": True}, {"name": "X-Key", "in": "query"}]
    said = document(
        operation(parameters=parameters, security=[{"header": []}]), components={"securitySchemes": SCHEMES}
    )
    found = api(tmp_path, said)
    assert ([row.name for row in found.parameters], schemes(tmp_path, said)) == (["X-Key"], [HEADER])


def test_an_authorization_header_listed_as_a_parameter_is_a_key(tmp_path: Path) -> None:
    parameters = [{"name": "Authorization", "in": "header", "required": True}]
    found = api(tmp_path, document(operation(parameters=parameters)))
    assert found.parameters == ()
    assert found.security == (SecurityScheme(kind="api_key", location="header", name="Authorization"),)
    credentials = Credentials((("zoo.test", "Bearer s3cret"),))
    assert build_request(found, {}, credentials=credentials).headers == (("Authorization", "Bearer s3cret"),)
