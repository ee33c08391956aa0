"""`[probe.values]`: what people write down, whose parameters it is for, and what is said of a slip."""

import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.probing.params import ProbeParams, entries, given_to, unused
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]


def values(toml: str) -> dict[str, dict[str, Any]]:
    return ProbeParams.model_validate(tomllib.loads(toml)["probe"]).values


@pytest.fixture
def berths(make_api: MakeApi) -> Api:
    return make_api(
        {"name": "harbourId", "arg_name": "harbourid", "location": "path", "required": True},
        {"name": "sizes", "type": "array"},
        {"name": "since"},
        api_id="Sea/docks/berths",
        api_name="listBerths",
        url="http://api.docks.test:8080/harbours/{harbourId}/berths",
    )


@pytest.mark.parametrize(
    ("toml", "given"),
    [
        ('[probe.values."api.docks.test"]\nharbourId = "h1"', {"harbourid": ("h1",)}),
        ('[probe.values."api.docks.test"]\nharbourid = "h1"', {"harbourid": ("h1",)}),
        ('[probe.values."*.docks.test"]\nharbourId = ["h1", 2]', {"harbourid": ("h1", 2)}),
        ('[probe.values."api.docks.test:8080"]\nharbourId = "h1"', {"harbourid": ("h1",)}),
        ('[probe.values."*"]\nsince = 2024-05-01', {"since": ("2024-05-01",)}),
        ('[probe.values."*"]\nsizes = [3, 4]', {"sizes": ([3], [4])}),
        ('[probe.values."*"]\nsizes = [[3, 4]]', {"sizes": ([3, 4],)}),
        ('[probe.values."*".listBerths]\nharbourId = "h1"', {"harbourid": ("h1",)}),
        ('[probe.values."*"."Sea/docks/*"]\nharbourId = "h1"', {"harbourid": ("h1",)}),
        ('[probe.values."*".berths]\nharbourId = "h1"', {"harbourid": ("h1",)}),
        (
            '[probe.values."*"."GET /harbours/{harbourId}/berths"]\nharbourId = "h1"',
            {"harbourid": ("h1",)},
        ),
        (
            '[probe.values."*"]\nharbourId = "any"\nsince = "x"\n[probe.values."*".berths]\nharbourId = "h1"',
            {"harbourid": ("h1",), "since": ("x",)},
        ),
        ('[probe.values."docks.test"]\nharbourId = "h1"', {}),
        ('[probe.values."api.docks.test".other]\nharbourId = "h1"', {}),
    ],
)
def test_values_are_for_the_parameters_they_name(berths: Api, toml: str, given: dict[str, Any]) -> None:
    assert given_to(berths, list(entries(values(toml)))) == given


def test_a_server_of_tools_is_named_as_its_host(make_api: MakeApi) -> None:
    tool = make_api({"name": "boat_id"}, protocol="mcp", url="mcp://docks/get_boat", api_name="get_boat")
    table = values('[probe.values.docks]\nboat_id = "b7"')
    assert given_to(tool, list(entries(table))) == {"boat_id": ("b7",)}


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[probe.values]\n"api.test" = "h1"', '"api.test" is no table'),
        ('[probe.values."api.test"]', '"api.test" is no table'),
        ('[probe.values."api.test"]\nid = ""', '"api.test".id has no value'),
        ('[probe.values."api.test"]\nid = []', '"api.test".id has no value'),
        ('[probe.values."api.test".op]', '"api.test"."op" is no table'),
        ('[probe.values."api.test".op.id]\ndeeper = 1', '"api.test"."op".id has no value'),
    ],
)
def test_what_is_no_table_of_values_is_refused_with_its_place(toml: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        values(toml)
    assert message in str(caught.value)


def test_entries_that_nobody_takes_are_told_with_the_reason(berths: Api) -> None:
    table = values(
        """
        [probe.values."api.docks.test"]
        harbourId = "h1"
        harborId = "h1"
        [probe.values."api.docks.test".listQuays]
        harbourId = "h1"
        [probe.values."api.dock.test"]
        harbourId = "h1"
        """
    )
    assert list(unused(table, [berths])) == [
        '[probe.values."api.docks.test"."listQuays"] harbourId: no API at this host has this name, id or '
        "`METHOD /path`, so it is used nowhere",
        '[probe.values."api.docks.test"] harborId: no API that it is for has such a parameter, so it is used '
        "nowhere",
        '[probe.values."api.dock.test"] harbourId: no API of the catalogue is at this host, so it is used '
        "nowhere",
    ]
