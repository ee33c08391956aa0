"""The report in a real browser: it draws, searches, opens trees, and lets nothing of a table act."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from chromium import chromium, complaints, look, screenshot, until
from selenium.webdriver import Chrome

from flows.reporting.write import write_report
from warehouse import manifest

EVIL = "</script><img src=x onerror='window.owned = 1'><script>window.owned = 2</script>"
CALLED = {"kind": "action_input", "outcome": "ok"}
FOUND = "return [...document.querySelectorAll('#rows .q')].map(each => each.textContent)"
READY = "return document.documentElement.dataset.ready"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, build: ModuleType) -> Path:
    """A report of three instructions: answered after going back, evil, and not searched."""
    rows = [
        build.tool(),
        build.api(),
        build.verdict(),
        build.probe(),
        build.probe(run_id="run-0", outcome="timeout", probed_at=build.LATER),
        build.instruction(query="Will it rain in Oslo?"),
        build.annotation(n_queries=3, final_answer="It will rain."),
        build.node(0),
        build.node(
            1,
            0,
            kind="action_input",
            query_no=0,
            function="Finish",
            outcome="gave_up",
            pruned=True,
            on_answer_path=False,
        ),
        build.node(2, 0, query_no=1, function="forecast", arguments='{"city":"Oslo"}', **CALLED),
        build.node(3, 2, kind="action_input", query_no=2, function="Finish", outcome="answered"),
        build.instruction(instruction_id="instruction-2", scenario="G2", query=EVIL),
        build.annotation(
            annotation_id="annotation-2",
            instruction_id="instruction-2",
            win=False,
            final_answer=None,
            stopped_by=EVIL,
            method=EVIL,
        ),
        build.node(0, annotation_id="annotation-2"),
        build.node(1, 0, annotation_id="annotation-2", query_no=0, kind="thought", thought=EVIL),
        build.instruction(instruction_id="instruction-3", scenario="G3", query="When does the sun set?"),
        build.reject(reason=EVIL),
        build.run(build.counts("crawl", 5, 5), build.counts("probe", 5, 4, 1)),
    ]
    data = tmp_path_factory.mktemp("reported")
    manifest.commit(data, build.snapshot(data, *rows))
    return write_report(data, None, run=None)


@pytest.fixture
def page(browser: Chrome, written: Path) -> Chrome:
    look(browser, width=1280)
    browser.get(written.as_uri())
    until(browser, READY)
    return browser


def test_nothing_of_a_table_acts_and_the_console_is_silent(page: Chrome) -> None:
    page.execute_script("document.querySelectorAll('#rows summary').forEach(each => each.click())")
    until(page, "return document.querySelectorAll('.tree').length === 4")
    assert page.execute_script("return window.owned ?? null") is None
    assert page.execute_script("return document.images.length") == 0
    assert EVIL in page.execute_script(FOUND)
    assert complaints(page) == []


def test_every_figure_shows_something(page: Chrome) -> None:
    empty = "return [...document.querySelectorAll('.chart')].filter(each => !each.childElementCount).length"
    assert page.execute_script(empty) == 0
    assert page.execute_script("return document.querySelectorAll('svg rect').length") > 10


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("words", "RAIN oslo", ["Will it rain in Oslo?"]),
        ("words", "it will rain.", ["Will it rain in Oslo?"]),
        ("words", "nowhere", []),
        ("scenario", "G3", ["When does the sun set?"]),
        ("outcome", "not searched", ["When does the sun set?"]),
        ("outcome", "went back", ["Will it rain in Oslo?"]),
        ("method", EVIL, [EVIL]),
    ],
)
def test_instructions_are_searched_and_filtered(
    page: Chrome, field: str, value: str, found: list[str]
) -> None:
    page.execute_script(
        "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event('input'))",
        field,
        value,
    )
    assert page.execute_script(FOUND) == found


def test_a_tree_shows_its_branches(page: Chrome) -> None:
    page.execute_script("document.querySelector('[data-id=instruction-1] summary').click()")
    until(page, "return document.querySelector('.tree')")
    lines = "return [...document.querySelectorAll('.fork p')].map(each => each.textContent)"
    assert page.execute_script(lines) == [
        "branch 1 of 2, abandoned",
        "✗ gave up",
        "branch 2 of 2, which led to the answer",
        'forecast(city="Oslo")',
        "ok: ",
        "✓ answered",
    ]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, False), (390, True)])
def test_it_fits_the_screen(page: Chrome, tmp_path: Path, width: int, *, dark: bool) -> None:
    look(page, width=width, dark=dark)
    until(page, f"return window.innerWidth === {width}")
    screenshot(page, tmp_path / "page.png", width=width)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    paper = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 24, 27)" if dark else "rgb(251, 250, 247)")
