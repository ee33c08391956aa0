"""Reports over HTTP: the files of runs and nothing else."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flows.reporting.served_reports import ADDRESS, address_of, served_reports


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    data = tmp_path / "data"
    (data / "reports").mkdir(parents=True)
    (data / "reports" / "20260301T120000.000Z.html").write_text("<!doctype html>März")
    (data / "secret.html").write_text("secret")
    (data / "reports" / ".html").write_text("hidden")
    with served_reports(data, "127.0.0.1", 0) as served:
        yield served


def fetched(address: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Without a client that tidies the path."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_the_report_of_a_run_is_where_the_run_links_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, address)
    link = address_of("20260301T120000.000Z")

    assert link == f"{address}/reports/20260301T120000.000Z.html"
    assert fetched(address, urlsplit(link).path) == (200, "<!doctype html>März")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/reports/",
        "/reports/.html",
        "/reports/../secret.html",
        "/reports/..%2Fsecret.html",
        "/reports/..\\secret.html",
        "/reports//secret.html",
        "/secret.html",
        "/reports/20260301T120000.000Z.html/../../secret.html",
    ],
)
def test_nothing_else_is_served(address: str, path: str) -> None:
    assert fetched(address, path) == (
        404,
        "There is no such report; `toolloom report --run RUN` writes that of a run.\n",
    )


def test_a_report_that_was_not_written_says_what_writes_it(address: str) -> None:
    assert fetched(address, "/reports/20250101T000000.000Z.html") == (
        404,
        "There is no such report; `toolloom report --run 20250101T000000.000Z` writes that of a run.\n",
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_only_reads(address: str, method: str) -> None:
    assert fetched(address, "/reports/20260301T120000.000Z.html", method)[0] == 501


def test_a_port_that_is_taken_is_replaced(address: str, tmp_path: Path) -> None:
    taken = urlsplit(address).port
    assert taken is not None
    with served_reports(tmp_path, "127.0.0.1", taken) as other:
        assert urlsplit(other).port != taken


def test_without_serve_there_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    assert address_of("20260301T120000.000Z") is None


def test_a_page_that_gave_our_address_a_name_of_its_own_reads_nothing(address: str) -> None:
    path = "/reports/20260301T120000.000Z.html"

    assert fetched(address, path, Host="evil.test") == (403, "Reports are for this machine.\n")
