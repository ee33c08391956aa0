"""The real Prefect UI over `toolloom serve`: a deployment is listed, a run started, its artifacts show.

And the page of somebody else, open in the same browser, which starts nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from chromium import chromium, until
from commands import SMALL
from selenium.webdriver import Chrome
from serving import Served, serving, state_of, wait_for

pytestmark = pytest.mark.slow

TEXT = "document.body.innerText"
# All the ways a page has to send something to an address that is not its own.
DRIVE_BY = """<!doctype html><title>of others</title><body><script>
const [server, body] = ["SERVER", JSON.stringify({parameters: {until: "crawl"}})];
const start = `${server}/api/deployments/DEPLOYMENT/create_flow_run`;
const typed = {"content-type": "application/json"};
const asked = (url, options) => fetch(url, options).then(answer => answer.type, () => "refused");
const opened = url => new Promise(told => {
  const socket = new WebSocket(url);
  socket.onopen = () => told("open");
  socket.onerror = () => told("refused");
});
function posted() {
  const form = Object.assign(document.createElement("form"),
    {method: "POST", enctype: "text/plain", action: start, target: "below"});
  const json = {name: body.slice(0, -1) + ', "x": "', value: '"}'};
  form.append(Object.assign(document.createElement("input"), json));
  document.body.append(Object.assign(document.createElement("iframe"), {name: "below"}), form);
  form.submit();
  return new Promise(told => setTimeout(told, 1000));
}
(async () => {
  const found = [
    await asked(start, {method: "POST", body, mode: "no-cors"}),
    await asked(start, {method: "POST", body, headers: typed}),
    await asked(`${server}/api/health`),
    await opened(`${server.replace("http", "ws")}/api/events/in`),
  ];
  await posted();
  window.found = found;
})();
</script>"""
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
    with chromium(
        tmp_path_factory.mktemp("profile"), "--host-resolver-rules=MAP of-others.test 127.0.0.1"
    ) as opened:
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
    run_id = wait_for(lambda: finished_run(served))

    browser.get(f"{served.url}/runs/flow-run/{run_id}")
    shows(browser, "Completed")
    click(browser, "a, button, li, span", "Artifacts")
    for key in ("report", "cost", "pass-rate", "changes", "api-outcomes", "rejects", "refresh-report"):
        shows(browser, key)
    browser.save_screenshot(str(tmp_path / "artifacts.png"))

    browser.get(f"{served.url}/artifacts/key/funnel-select")
    shows(browser, "what went in and what came out")


@contextmanager
def page_of_others(folder: Path, html: str) -> Iterator[int]:
    """The port of 127.0.0.1 at which it is served."""
    (folder / "index.html").write_text(html)
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def runs_by_hand(served: Served) -> list[dict[str, Any]]:
    wanted = {"deployments": {"id": {"any_": [served.deployment_id]}}}
    found = requests.post(f"{served.url}/api/flow_runs/filter", json=wanted, timeout=10).json()
    return [run for run in found if not run["auto_scheduled"]]


def test_a_page_of_others_starts_nothing(served: Served, browser: Chrome, tmp_path: Path) -> None:
    before = runs_by_hand(served)
    html = DRIVE_BY.replace("SERVER", served.url).replace("DEPLOYMENT", served.deployment_id)

    with page_of_others(tmp_path, html) as port:
        for host in ("of-others.test", "localhost", "127.0.0.1"):
            browser.get(f"http://{host}:{port}/")
            assert until(browser, "return window.found") == ["opaque", "refused", "refused", "refused"]
    browser.get(f"http://of-others.test:{served.url.rpartition(':')[2]}/")  # our address under another name

    assert "requests of this machine only" in browser.execute_script(f"return {TEXT}")
    assert runs_by_hand(served) == before


def test_a_run_of_another_command_ends_before_it_begins(served: Served, tmp_path: Path) -> None:
    """As any program of this machine, or of a server of others, may ask for it."""
    command = ["sh", "-c", f"id > {tmp_path / 'ran'}"]
    config = {
        "catalogue": {"sources": [{"kind": "mcp", "name": "x", "command": command}]},
        "llm": {"base_url": "http://127.0.0.1:9/v1", "model": "m"},
    }
    run_id = served.start_run(config=config, data=str(tmp_path / "data"), until="crawl").json()["id"]
    ended = wait_for(lambda: (state := state_of(served.url, run_id))[0] in {"Failed", "Crashed"} and state)

    assert ended[0] == "Failed"
    assert "the parameters of this run change catalogue, llm" in ended[1]
    assert list(tmp_path.iterdir()) == []
