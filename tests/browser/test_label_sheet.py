"""The sheet on which people label answers, in a real browser: keys, buttons, what is kept and saved."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium, look, until
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from flows.reporting.label_sheet import sheet_page
from tasks.judging.labels import read_labels

HOSTILE = (
    '</script></style></p><script>document.title="owned"</script><img src=x onerror=alert(1)>"\'&{{7*7}}'
)


def item(number: int, text: str = "It rains.") -> dict[str, Any]:
    call = {"function": f"rain_{number}{text}", "arguments": text, "observation": text * 40}
    return {
        "annotation_id": f"answer-{number}",
        "seen": f"seen-{number}",
        "query": f"Will it rain on day {number}? {text}",
        "steps": [{"thought": text, "calls": [call, {**call, "observation": "short"}]}],
        "n_calls": 2,
        "answer": text,
        "functions": [{"name": "rain", "description": text}],
    }


ITEMS = [item(0), item(1, HOSTILE), item(2)]


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


@pytest.fixture
def browser(tmp_path: Path, downloads: Path) -> Iterator[webdriver.Chrome]:
    (tmp_path / "sheet.html").write_text(sheet_page(ITEMS), encoding="utf-8")
    with chromium(tmp_path / "profile") as opened:
        opened.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
        )
        look(opened, width=1200)
        opened.get((tmp_path / "sheet.html").as_uri())
        yield opened


def press(browser: webdriver.Chrome, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def saved(browser: webdriver.Chrome, downloads: Path) -> Path:
    browser.find_element(By.ID, "save").click()
    for _ in range(300):
        found = [path for path in downloads.iterdir() if path.suffix == ".csv"]
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(browser.find_element(By.ID, "said").text)


def test_labels_given_by_keys_and_buttons_are_kept_saved_and_read(
    browser: webdriver.Chrome, downloads: Path
) -> None:
    press(browser, "1")  # Solved, and on to the next one
    press(browser, "3", Keys.ARROW_LEFT)
    assert until(browser, "return document.querySelector('article.here').id") == "a2"
    browser.find_element(By.CSS_SELECTOR, "article.here .remark").send_keys('=1+1, "quoted"')
    browser.find_element(By.ID, "save").click()
    assert "Say who you are first" in browser.find_element(By.ID, "said").text
    browser.find_element(By.ID, "person").send_keys("Ada")
    browser.refresh()
    assert until(browser, "return document.getElementById('count').textContent") == "2 of 3"
    browser.find_element(By.CSS_SELECTOR, "article.here [data-label=Unsure]").click()
    path = saved(browser, downloads)

    rows = list(csv.DictReader(StringIO(path.read_text(encoding="utf-8-sig"))))
    assert path.name == "labels-Ada.csv"
    assert [(row["annotation_id"], row["label"], row["person"]) for row in rows] == [
        ("answer-0", "Solved", "Ada"),
        ("answer-1", "Unsolved", "Ada"),
        ("answer-2", "Unsure", "Ada"),
    ]
    answers = {f"answer-{number}": (f"instruction-{number}", f"seen-{number}") for number in range(3)}
    read = read_labels(path, answers)
    assert [(label.label, label.note) for label in read] == [
        ("Solved", ""),
        ("Unsolved", '=1+1, "quoted"'),
        ("Unsure", ""),
    ]


def test_what_models_and_apis_say_stays_text_and_nothing_is_loaded(browser: webdriver.Chrome) -> None:
    press(browser, Keys.ARROW_RIGHT)
    shown = browser.execute_script("return document.querySelector('article.here .answer .text').textContent")

    assert shown == HOSTILE
    assert browser.title == "Toolloom: 3 answers to label"
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.execute_script("return document.querySelectorAll('img, article script').length") == 0
    logged = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in logged if entry["level"] == "SEVERE"] == []


@pytest.mark.parametrize("width", [380, 1200])
def test_it_fits_and_its_buttons_are_in_sight(width: int, browser: webdriver.Chrome) -> None:
    look(browser, width=width)
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(overflow) <= 0
    for button in browser.find_elements(By.CSS_SELECTOR, "article.here [data-label]"):
        is_in_sight = (
            "const b = arguments[0].getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight"
        )
        assert browser.execute_script(is_in_sight, button)


def test_a_label_can_be_taken_back_and_what_is_open_found(browser: webdriver.Chrome) -> None:
    press(browser, "1", "2", "2", "0")
    assert until(browser, "return document.getElementById('count').textContent") == "2 of 3"
    browser.find_element(By.ID, "next-open").click()
    assert until(browser, "return document.querySelector('article.here').id") == "a3"
