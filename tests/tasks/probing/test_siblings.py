"""Which operations are asked for the identifiers of others, and what is made of their answers."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tasks.probing.identifiers import Answered
from tasks.probing.siblings import fillings, levels_first, plans_of
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]


@pytest.fixture
def at(make_api: MakeApi) -> Callable[..., Api]:
    """An operation at `METHOD /path`; placeholders are path parameters, `?a&b` required query parameters."""

    def make(address: str, json_type: str = "string", schema: str | None = None, **fields: Any) -> Api:
        method, _, path = address.rpartition(" ")
        path, _, query = path.partition("?")
        usual = {"type": json_type, "required": True, "schema": schema}
        parameters = [
            {"name": part.strip("{}"), "location": "path", **usual}
            for part in path.split("/")
            if part.startswith("{")
        ] + [{"name": name, "location": "query", **usual} for name in query.split("&") if name]
        own = {"api_id": address, "api_name": address, "method": method or "GET"}
        return make_api(*parameters, **(own | {"url": f"http://pets.test{path}"} | fields))

    return make


def sources(apis: list[Api]) -> dict[str, dict[str, tuple[str, ...]]]:
    return {
        api_id: {each.arg_name: each.sources for each in plan.sought}
        for api_id, plan in plans_of(apis).items()
        if plan.sought
    }


def test_a_source_is_the_list_at_the_address_up_to_the_parameter(at: Callable[..., Api]) -> None:
    apis = [
        at("/v1/pets/{petId}"),
        at("/v1/pets"),
        at("POST /v1/pets"),
        at("/v1/pets/{id}/visits"),
        at("/v1/pets/{petId}/visits/{visitId}"),
        at("/v1/shops/{shopId}"),
        at("/v1/pets", api_id="elsewhere", tool_id="Another/tool"),
        at("/v1/pets", api_id="at another host", url="http://copy.test/v1/pets"),
    ]
    assert sources(apis) == {
        "/v1/pets/{petId}": {"petId": ("/v1/pets",)},
        "/v1/pets/{id}/visits": {"id": ("/v1/pets",)},
        "/v1/pets/{petId}/visits/{visitId}": {"petId": ("/v1/pets",), "visitId": ("/v1/pets/{id}/visits",)},
        "/v1/shops/{shopId}": {"shopId": ()},
    }


@pytest.mark.parametrize(
    ("asking", "listing"),
    [
        ("/ship/{shipId}", "/ships"),
        ("/crew/{person}", "/people"),
        ("/ship?shipId", "/fleet/ships"),
        ("/manifest?ship_id", "/ships"),
        ("/box/{id}", "/boxes"),
        ("/country/{countryCode}", "/v2/countries/all"),
        ("/orders?lineItemId", "/line-items"),
        ("/track?ships", "/ships"),
    ],
)
def test_a_source_is_what_lists_the_things_by_their_name(
    at: Callable[..., Api], asking: str, listing: str
) -> None:
    found = sources([at("/harbours"), at(asking), at(listing)])
    assert list(found[asking].values()) == [(listing,)]


def test_the_same_parameter_elsewhere_says_what_it_is_of(at: Callable[..., Api]) -> None:
    found = sources([at("/ships"), at("/ships/{sid}"), at("/logbook/{sid}"), at("/cargo?sid")])
    assert found == {
        "/ships/{sid}": {"sid": ("/ships",)},
        "/logbook/{sid}": {"sid": ("/ships",)},
        "/cargo?sid": {"sid": ("/ships",)},
    }


def test_tools_of_an_mcp_server_tell_each_other_by_their_names(make_api: MakeApi) -> None:
    def named(name: str, *needed: str) -> Api:
        parameters = [{"name": each, "location": "body", "required": True} for each in needed]
        own = {"api_id": name, "api_name": name, "url": f"mcp://docks/{name}"}
        return make_api(*parameters, protocol="mcp", method="POST", **own)

    apis = [
        named("get_ship", "ship_id"),
        named("list_ships"),
        named("getShipLog", "id"),
        named("search_ships", "query"),
        named("all_ship_logs", "shipId"),
    ]
    assert sources(apis) == {
        "get_ship": {"ship_id": ("list_ships", "search_ships")},
        "getShipLog": {"id": ("all_ship_logs",)},
        "search_ships": {"query": ("list_ships",)},
        "all_ship_logs": {"shipId": ("list_ships", "search_ships")},
    }


@pytest.mark.parametrize(
    "address",
    ["/log?page", "/log?limit", "/log?token", "/log?api_secret", "/log?access-token"],
)
def test_what_every_list_has_and_what_must_not_wander_is_not_looked_for(
    at: Callable[..., Api], address: str
) -> None:
    assert sources([at("/ships"), at(address)]) == {}


@pytest.mark.parametrize(
    ("json_type", "schema"),
    [
        ("string", {"enum": ["a"]}),
        ("string", {"format": "date"}),
        ("boolean", {}),
        ("object", {}),
        ("integer", {"minimum": 1, "maximum": 9}),
    ],
)
def test_a_parameter_whose_schema_tells_its_values_looks_for_none(
    at: Callable[..., Api], json_type: str, schema: dict[str, Any]
) -> None:
    assert sources([at("/ships"), at("/ship?shipId", json_type, json.dumps(schema))]) == {}


def test_those_that_tell_come_before_those_that_ask(at: Callable[..., Api]) -> None:
    addresses = ["/pets/{id}/visits/{visit}", "/pets/{id}", "/shops/{shop}", "/pets/{id}/visits", "/pets"]
    apis = [at(address) for address in addresses]
    assert [api.api_id for api in levels_first(apis, plans_of(apis))] == [
        "/pets",
        "/pets/{id}",
        "/pets/{id}/visits",
        "/pets/{id}/visits/{visit}",
        "/shops/{shop}",  # may learn from any of them
    ]


def test_nobody_waits_in_a_circle(at: Callable[..., Api]) -> None:
    apis = [at("/ships?crewId"), at("/crews?shipId"), at("/cargo/{shipId}"), at("/pay/{crewId}")]
    plans = plans_of(apis)
    for api_id, plan in plans.items():
        assert all(plans[source].level < plan.level for source in plan.sources), api_id
    assert sources(apis) == {
        "/ships?crewId": {"crewId": ()},
        "/crews?shipId": {"shipId": ("/ships?crewId",)},
        "/cargo/{shipId}": {"shipId": ("/ships?crewId",)},
        "/pay/{crewId}": {"crewId": ("/crews?shipId",)},
    }


def told(
    apis: list[Api], asking: str, answers: dict[str, Any], arguments: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """What an operation would be tried with after these answers."""
    plans = plans_of(apis)
    answered = {
        api_id: Answered(arguments or {}, json.dumps(answer), api_id, plans[api_id].operation.about)
        for api_id, answer in answers.items()
    }
    return list(fillings(plans[asking], plans[asking].sought, answered))


@pytest.mark.parametrize(
    ("parameter", "json_type", "answer", "values"),
    [
        ("petId", "integer", [{"id": 7}, {"id": 9}, {"id": 7}, {"id": 11}], [7, 9, 11]),
        ("petId", "integer", {"total": 2, "data": [{"name": "Rex", "petId": 3, "id": 8}]}, [3]),
        ("petId", "integer", {"data": {"items": [{"id": "12"}, {"id": "x"}]}}, ["12"]),
        ("petId", "string", {"errors": ["none"], "pets": [{"pet_id": "a1"}]}, ["a1"]),
        ("petId", "string", {"owners": [{"id": "o1"}], "pets": [{"id": "a1"}]}, ["a1"]),
        ("petId", "string", {"owners": [{"id": "o1"}], "pets": []}, []),
        ("petId", "string", {"pets": {"a1": {"name": "Rex"}, "a2": {"name": "Tom"}}}, ["a1", "a2"]),
        ("petId", "string", {"petIds": ["a1", "a2"]}, ["a1", "a2"]),
        ("petId", "string", {"result": '[{"petId": "a1"}]'}, ["a1"]),
        ("id", "integer", [{"name": "Rex", "thing_id": 5}], [5]),
        ("articleSlug", "string", [{"slug": "hello", "title": "Hello"}], ["hello"]),
        ("slug", "string", [{"id": 1, "slug": "red-lamp"}], ["red-lamp", 1]),
        ("thing", "string", [{"id": 1, "slug": "red-lamp", "name": "Red lamp"}], [1, "red-lamp", "Red lamp"]),
        ("symbol", "string", [{"name": "Apple", "symbol": "AAPL"}], ["AAPL", "Apple"]),
        ("country", "string", [{"name": "Norway", "area": 3}], ["Norway"]),
        ("breed", "string", {"message": ["hound", "pug"]}, ["hound", "pug"]),
        ("breed", "string", {"message": {"hound": 3, "pug": 4}}, ["hound", "pug"]),
        ("breed", "string", {"all": {each: [each * 2] for each in "abcde"}}, [*"abcde"]),
        ("year", "integer", [2020, 2021], [2020, 2021]),
        ("petId", "integer", [{"id": None, "uuid": {"a": 1}}, {"id": True}], []),
        ("petId", "integer", {"data": []}, []),
        ("petId", "integer", {"message": "no list"}, []),
        ("petId", "string", [{"id": " "}, {"id": "x" * 500}], []),
        ("petId", "string", [["nested"]], ["nested"]),
    ],
)
def test_identifiers_are_found_by_their_names_in_the_list_above(
    at: Callable[..., Api], parameter: str, json_type: str, answer: Any, values: list[Any]
) -> None:
    asking = f"/things/{{{parameter}}}"
    apis = [at("/things"), at(asking, json_type)]
    assert told(apis, asking, {"/things": answer}) == [{parameter: value} for value in values]


@pytest.mark.parametrize(
    ("asking", "answers", "arguments"),
    [
        ("/tenants/{tenant}/bills", {"/me": {"tenant": "acme", "user": "u7"}}, {"tenant": "acme"}),
        ("/tenants/{tenant}/bills", {"/me": {"tenant": {"id": "acme", "plan": "big"}}}, {"tenant": "acme"}),
        ("/tenants/{tenant}/bills", {"/me": {"user": "u7", "tenantId": "acme"}}, {"tenant": "acme"}),
        ("/bills?tenantId", {"/me": {"tenants": [{"key": "acme"}]}}, {"tenantId": "acme"}),
        ("/bills?tenantId", {"/me": {"profile": {"tenant_id": "acme"}}}, {"tenantId": "acme"}),
        ("/bills?tenantId", {"/me": {"id": "u7", "name": "Ann"}}, None),
    ],
)
def test_an_answer_of_something_else_may_tell_too(
    at: Callable[..., Api], asking: str, answers: dict[str, Any], arguments: dict[str, Any] | None
) -> None:
    assert told([at("/me"), at(asking)], asking, answers)[:1] == ([] if arguments is None else [arguments])


def test_what_goes_together_stays_together(at: Callable[..., Api]) -> None:
    asking = "/repos/{owner}/{repo}"
    rows = [{"name": "sail", "owner": {"login": "ann"}}, {"name": "oar", "owner": {"login": "bo"}}]
    assert told([at("/repos"), at(asking)], asking, {"/repos": rows}) == [
        {"owner": "ann", "repo": "sail"},
        {"owner": "bo", "repo": "oar"},
    ]
    nested = [{"id": "o1", "teams": []}, {"id": "o2", "teams": [{"id": "t1"}]}]
    asking = "/orgs/{orgId}/teams/{teamId}"
    assert told([at("/orgs"), at(asking)], asking, {"/orgs": nested})[0] == {"orgId": "o2", "teamId": "t1"}


def test_an_item_goes_with_what_its_list_was_asked_for(at: Callable[..., Api]) -> None:
    asking = "/pets/{petId}/visits/{visitId}"
    apis = [at("/pets"), at("/pets/{id}/visits"), at(asking)]
    answers = {"/pets/{id}/visits": [{"id": 1}, {"id": 2}]}
    assert told(apis, asking, answers, {"id": 7}) == [
        {"petId": 7, "visitId": 1},
        {"petId": 7, "visitId": 2},
    ]


def test_an_outer_identifier_is_kept_when_there_is_no_inner_one(at: Callable[..., Api]) -> None:
    asking = "/pets/{petId}/visits/{visitId}"
    apis = [at("/pets"), at("/pets/{petId}/visits"), at(asking)]
    assert told(apis, asking, {"/pets": [{"id": "a1", "name": "Rex"}]}) == [{"petId": "a1"}]


def test_names_are_searched_for_those_of_its_own_kind_first(at: Callable[..., Api]) -> None:
    apis = [at("/flags"), at("/ships"), at("/ships/search?q")]
    answers = {"/flags": [{"name": "jolly"}], "/ships": [{"id": 3, "title": "Argo"}, {"title": "Hood"}]}
    assert told(apis, "/ships/search?q", answers) == [{"q": "Argo"}, {"q": "Hood"}, {"q": "jolly"}]


def test_a_list_is_filled_with_one_identifier(at: Callable[..., Api]) -> None:
    apis = [at("/ships"), at("/track?shipIds", "array", '{"items": {"type": "integer"}}')]
    assert told(apis, "/track?shipIds", {"/ships": [{"id": 3}, {"id": 4}]}) == [
        {"shipIds": [3]},
        {"shipIds": [4]},
    ]


@pytest.mark.parametrize(
    ("json_type", "schema", "values"),
    [
        ("string", {"format": "uuid"}, ["6f1c2a5e-0b1d-4c55-9d5a-0a1b2c3d4e5f"]),
        ("integer", {}, ["12"]),
        ("string", {"pattern": "^[a-z]{3}$"}, ["abc"]),
    ],
)
def test_only_a_value_that_the_schema_allows_is_one(
    at: Callable[..., Api], json_type: str, schema: dict[str, Any], values: list[str]
) -> None:
    rows = [{"id": "6f1c2a5e-0b1d-4c55-9d5a-0a1b2c3d4e5f"}, {"id": "12"}, {"id": "abc"}]
    apis = [at("/ships"), at("/ship?shipId", json_type, json.dumps(schema))]
    assert told(apis, "/ship?shipId", {"/ships": rows}) == [{"shipId": value} for value in values]


def test_an_answer_that_is_no_json_has_no_identifiers(at: Callable[..., Api]) -> None:
    plan = plans_of([at("/pets"), at("/pets/{id}")])["/pets/{id}"]
    assert fillings(plan, plan.sought, {"/pets": Answered({}, "<rss/>")}) == ()


def test_an_answer_made_to_keep_us_busy_is_looked_through_quickly(at: Callable[..., Api]) -> None:
    wide = {f"k{n}": [{f"x{m}": {"y": 1} for m in range(50)} for _ in range(50)] for n in range(50)}
    began = time.process_time()
    assert len(told([at("/pets"), at("/pets/{id}")], "/pets/{id}", {"/pets": wide})) <= 6
    assert time.process_time() - began < 2
