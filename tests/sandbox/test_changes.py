"""What has become of the hub: every kind of change, seen by a client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox import catalogue
from sandbox.changes import Change, UnknownTool, changed, read_changes
from sandbox.serve import serving

CONSTANTS = "Science/physical-constants"


def changes(tmp_path: Path, *told: dict[str, Any]) -> list[Change]:
    (tmp_path / "changes.json").write_text(json.dumps(told))
    return read_changes(tmp_path / "changes.json")


def tool_of(tool_id: str) -> Any:
    category, _, slug = tool_id.partition("/")
    return next(tool for tool in catalogue.tools() if (tool.category, tool.slug) == (category, slug))


async def told_by_hub(changes: list[Change], path: str) -> tuple[int, Any]:
    async with (
        serving(changes=changes) as addresses,
        aiohttp.ClientSession() as client,
        client.get(addresses.hub + path) as response,
    ):
        return response.status, await response.json()


def test_a_description_says_more(tmp_path: Path) -> None:
    told = changes(tmp_path, {"change": "describe", "tool": CONSTANTS, "text": "Now with uncertainties."})
    before, after = (
        asyncio.run(told_by_hub(applied, f"/tools/{CONSTANTS}"))[1]["apis"] for applied in ([], told)
    )

    assert [api["description"] for api in after] == [
        f"{api['description']} Now with uncertainties." for api in before
    ]


def test_apis_break_and_are_repaired() -> None:
    tools = [tool_of(CONSTANTS), tool_of("Language/old-lexicon")]
    broken, repaired = changed(
        tools,
        [
            *read([{"change": "break", "tool": CONSTANTS, "fault": "html_page"}]),
            *read([{"change": "repair", "tool": "Language/old-lexicon"}]),
        ],
    )[::-1]

    assert {api.fault for api in broken.apis} == {"html_page"}
    assert {(api.fault, api.security) for api in repaired.apis} == {(None, ())}


def read(told: list[dict[str, Any]]) -> list[Change]:
    from pydantic import TypeAdapter

    return TypeAdapter(list[Change]).validate_python(told)


def test_tools_and_apis_go_and_come() -> None:
    tool = tool_of(CONSTANTS)
    first = tool.apis[0].name
    fewer, more = (
        changed([tool], read([change]))
        for change in (
            {"change": "remove", "tool": CONSTANTS, "api": first},
            {"change": "add", "tool": CONSTANTS, "slug": "physical-constants-two"},
        )
    )

    assert [[api.name for api in each.apis] for each in fewer] == [[api.name for api in tool.apis[1:]]]
    assert [(each.slug, each.name) for each in more] == [
        ("physical-constants", tool.name),
        ("physical-constants-two", f"{tool.name} Two"),
    ]
    assert changed([tool], read([{"change": "remove", "tool": CONSTANTS}])) == ()


def test_answers_drift_and_the_listing_stays(tmp_path: Path) -> None:
    told = changes(tmp_path, {"change": "drift", "tool": "Science/molecule-lab"})
    call = "/apis/molecule-lab/moles?formula=H2O&grams=18"
    page = "/tools/Science/molecule-lab"

    (status, before), (_, after) = (asyncio.run(told_by_hub(applied, call)) for applied in ([], told))
    pages = [asyncio.run(told_by_hub(applied, page)) for applied in ([], told)]

    assert status == 200
    assert after.keys() == before.keys()
    assert after["moles"] == pytest.approx(before["moles"] * 1.001)
    assert pages[0] == pages[1]


def test_the_listing_shows_other_examples(tmp_path: Path) -> None:
    values, form = (
        changes(tmp_path, {"change": "relist", "tool": "Science/molecule-lab", "example": example})
        for example in ("other_values", "other_form")
    )
    page = "/tools/Science/molecule-lab"

    before, drifted, reshaped = (
        [api["example_response"] for api in asyncio.run(told_by_hub(applied, page))[1]["apis"]]
        for applied in ([], values, form)
    )

    assert drifted != before
    assert [answer.keys() for answer in drifted] == [answer.keys() for answer in before]
    assert reshaped == [{"answer": answer} for answer in before]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"change": "remove", "tool": "No/such"}, "remove: the hub has no tool 'No/such'"),
        ({"change": "remove", "tool": CONSTANTS, "api": "None"}, f"{CONSTANTS} has no API 'None'"),
    ],
)
def test_what_is_not_there_cannot_change(told: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownTool) as error:
        changed(catalogue.tools(), read([told]))
    assert str(error.value) == message


@pytest.mark.parametrize("text", ["[", "{}", '[{"change": "vanish", "tool": "a/b"}]'])
def test_a_file_that_holds_no_changes_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "changes.json").write_text(text)

    with pytest.raises(ValueError, match=r"changes\.json holds no list of changes"):
        read_changes(tmp_path / "changes.json")
