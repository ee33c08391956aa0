import json
from collections.abc import Callable
from typing import Any

import pytest

from tasks.probing.siblings import Answered, identifiers, lists_first, sources_of
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]


@pytest.fixture
def at(make_api: MakeApi) -> Callable[..., Api]:
    """An operation at a path; its placeholders are its path parameters, all integers unless told."""

    def make(path: str, method: str = "GET", json_type: str = "integer", **fields: Any) -> Api:
        names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
        parameters = [
            {"name": name, "location": "path", "required": True, "type": json_type} for name in names
        ]
        usual = {"api_id": f"{method} {path}", "method": method, "url": f"http://pets.test{path}"}
        return make_api(*parameters, **(usual | fields))

    return make


def test_a_source_is_the_list_at_the_address_up_to_the_parameter(at: Callable[..., Api]) -> None:
    apis = [
        at("/v1/pets/{petId}"),
        at("/v1/pets/{petId}/owner"),
        at("/v1/pets/"),
        at("/v1/pets", method="POST"),
        at("/v1/pets/{id}/visits"),
        at("/v1/pets/{petId}/visits/{visitId}"),
        at("/v1/shops/{shopId}"),
        at("/v1/files/{name}.json"),
        at("/v1/pets", api_id="elsewhere", tool_id="Another/tool"),
    ]
    found = {
        api_id: (source.parameter.name, source.list_api_id, source.shared)
        for api_id, source in sources_of(apis).items()
    }
    assert found == {
        "GET /v1/pets/{petId}": ("petId", "GET /v1/pets/", ()),
        "GET /v1/pets/{petId}/owner": ("petId", "GET /v1/pets/", ()),
        "GET /v1/pets/{id}/visits": ("id", "GET /v1/pets/", ()),
        "GET /v1/pets/{petId}/visits/{visitId}": (
            "visitId",
            "GET /v1/pets/{id}/visits",
            (("petId", "id"),),
        ),
    }


def test_lists_come_before_those_they_are_a_source_of(at: Callable[..., Api]) -> None:
    paths = ["/pets/{id}/visits/{visit}", "/pets/{id}", "/shops/{a}", "/pets/{id}/visits", "/pets"]
    apis = [at(path) for path in paths]
    ordered = [api.api_id.removeprefix("GET ") for api in lists_first(apis, sources_of(apis))]
    assert ordered == ["/shops/{a}", "/pets", "/pets/{id}", "/pets/{id}/visits", "/pets/{id}/visits/{visit}"]


@pytest.mark.parametrize(
    ("parameter", "json_type", "answer", "values"),
    [
        ("petId", "integer", [{"id": 7}, {"id": 9}, {"id": 7}, {"id": 11}, {"id": 12}], [7, 9, 11]),
        ("petId", "integer", {"total": 2, "data": [{"name": "Rex", "petId": 3, "id": 8}]}, [3]),
        ("petId", "integer", {"data": {"items": [{"id": "12"}, {"id": "x"}]}}, ["12"]),
        ("petId", "string", {"errors": ["none"], "pets": [{"pet_id": "a1"}]}, ["a1"]),
        ("id", "integer", [{"name": "Rex", "thing_id": 5}], [5]),
        ("articleSlug", "string", [{"slug": "hello", "title": "Hello"}], ["hello"]),
        ("symbol", "string", [{"name": "Apple", "symbol": "AAPL"}], ["AAPL"]),
        ("country", "string", [{"name": "Norway", "area": 3}], ["Norway"]),
        ("breed", "string", {"message": ["hound", "pug"]}, ["hound", "pug"]),
        ("year", "integer", [2020, 2021], [2020, 2021]),
        ("petId", "integer", [{"id": None, "uuid": {"a": 1}}, {"id": True}], []),
        ("petId", "integer", {"data": []}, []),
        ("petId", "integer", {"message": "no list"}, []),
        ("petId", "string", [{"id": " "}, {"id": "x" * 500}], []),
        ("petId", "string", [["nested"]], []),
    ],
)
def test_identifiers_are_taken_from_the_first_items(
    at: Callable[..., Api], parameter: str, json_type: str, answer: Any, values: list[Any]
) -> None:
    apis = [at("/things"), at(f"/things/{{{parameter}}}", json_type=json_type)]
    (source,) = sources_of(apis).values()
    found = identifiers(source, Answered({}, json.dumps(answer)))
    assert found == tuple({parameter: value} for value in values)


def test_an_item_of_a_nested_list_goes_with_what_the_list_was_for(at: Callable[..., Api]) -> None:
    apis = [at("/pets/{id}/visits"), at("/pets/{petId}/visits/{visitId}")]
    (source,) = sources_of(apis).values()
    found = identifiers(source, Answered({"id": 7}, '[{"id": 1}, {"id": 2}]'))
    assert found == ({"petId": 7, "visitId": 1}, {"petId": 7, "visitId": 2})


def test_an_answer_that_is_no_json_has_no_identifiers(at: Callable[..., Api]) -> None:
    (source,) = sources_of([at("/pets"), at("/pets/{id}")]).values()
    assert identifiers(source, Answered({}, "<rss/>")) == ()
