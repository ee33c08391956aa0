"""The real Prefect UI over `toolloom serve`: a deployment is listed, a run started, its artifacts show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from chromium import chromium, until
from commands import SMALL
from selenium.webdriver import Chrome
from serving import Served, serving, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

TEXT = "document.body.innerText"
CLICK_LAST = """
const [what, text] = arguments;
const found = [...document.querySelectorAll(what)].filter(each => each.innerText.trim() === text);
found.at(-1)?.click();
return found.length > 0;
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served") / "data", "--port", "0", *SMALL) as served:
        yield served


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        opened.set_window_size(1400, 950)
        opened.set_page_load_timeout(60)
        yield opened


def shows(browser: Chrome, text: str, seconds: float = 60) -> None:
    until(browser, f"return {TEXT}.includes({text!r})", seconds)


def click(browser: Chrome, what: str, text: str) -> None:
    """The last one: a dialogue lies above the page that opened it."""
    there = f"[...document.querySelectorAll({what!r})].some(each => each.innerText.trim() === {text!r})"
    until(browser, f"return {there}")
    assert browser.execute_script(CLICK_LAST, what, text)


def finished_run(served: Served) -> str | None:
    """The id of the deployment's run that is over."""
    wanted = {
        "deployments": {"id": {"any_": [served.deployment_id]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}},
    }
    found = requests.post(f"{served.url}/api/flow_runs/filter", json=wanted, timeout=10).json()
    return str(found[0]["id"]) if found else None


def test_a_run_is_started_and_watched(served: Served, browser: Chrome, tmp_path: Path) -> None:
    browser.get(f"{served.url}/deployments")
    shows(browser, "refresh-dataset")
    shows(browser, "At 03:00 AM every day")

    browser.get(f"{served.url}/deployments/deployment/{served.deployment_id}")
    click(browser, "button", "Run")
    click(browser, ".p-overflow-menu-item", "Quick run")
    shows(browser, "Validate parameters")
    click(browser, "button", "Run")
    run_id = wait_for(lambda: finished_run(served), 240)

    browser.get(f"{served.url}/runs/flow-run/{run_id}")
    shows(browser, "Completed")
    click(browser, "a, button, li, span", "Artifacts")
    for key in ("report", "cost", "pass-rate", "changes", "api-outcomes", "rejects", "refresh-report"):
        shows(browser, key)
    browser.save_screenshot(str(tmp_path / "artifacts.png"))

    browser.get(f"{served.url}/artifacts/key/funnel-select")
    shows(browser, "what went in and what came out")
