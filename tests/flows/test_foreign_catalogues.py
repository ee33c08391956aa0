"""The pipeline unchanged over catalogues that nobody wrote for it, with the real servers behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from commands import Sandbox
from foreign_servers import serve_httpbin, serve_kinto
from warm import WarmToolloom

WANTED = 50

CONFIG = """
[[catalogue.sources]]
kind = "openapi"
location = "http://httpbin.org/spec.json"
collections = ["Test servers"]
exclude = ["* /delay/*", "* /drip"]

[[catalogue.sources]]
kind = "openapi"
location = "http://kinto.test/v1/__api__"
collections = ["Test servers"]

[calling]
timeout_s = 15
methods = ["GET", "HEAD", "POST", "PUT"]
per_host_rps = 500
keys = {{ "kinto.test" = "KINTO_KEY" }}
resolve = {{ "httpbin.org" = "{httpbin}", "kinto.test" = "{kinto}" }}

[probe]
attempts = 2
spacing_s = 0.0

[llm]
base_url = "{teacher}"
model = "toolloom-teacher"
concurrency = 64

[sample]
draws_per_tool = 6
draws_per_tool_in_collection = 4

[annotate]
limit = 30
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("foreign")
    with ExitStack() as servers:
        httpbin = servers.enter_context(serve_httpbin(folder))
        kinto = servers.enter_context(serve_kinto(folder))
        path = folder / "foreign.toml"
        path.write_text(CONFIG.format(httpbin=httpbin, kinto=kinto, teacher=sandbox.teacher))
        yield path


def rows(toolloom: WarmToolloom, data: Path, sql: str) -> list[dict[str, Any]]:
    done = toolloom("sql", sql, "--format", "json", "--data", data)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_the_documents_of_httpbin_and_kinto_become_a_data_set(
    toolloom: WarmToolloom, config: Path, tmp_path: Path
) -> None:
    done = toolloom("refresh", "--config", config, "--data", tmp_path, env={"KINTO_KEY": "someone:s3cret"})
    assert done.returncode == 0, done.stdout + done.stderr

    def count(table: str) -> int:
        (found,) = rows(toolloom, tmp_path, f"SELECT count(*) AS n FROM {table}")  # noqa: S608
        return int(found["n"])

    accepted = count("instructions")
    assert accepted >= WANTED, f"{accepted} instructions\n{done.stdout}"
    assert count("annotations") == 30
    assert count("annotations WHERE win") >= 10
    tools = rows(toolloom, tmp_path, "SELECT DISTINCT source, host FROM tools ORDER BY host")
    assert [(tool["source"], tool["host"]) for tool in tools] == [
        ("openapi", "httpbin.org"),
        ("openapi", "kinto.test"),
    ]
    scenarios = rows(toolloom, tmp_path, "SELECT DISTINCT scenario FROM instructions ORDER BY scenario")
    assert [row["scenario"] for row in scenarios] == ["G1", "G3"]
    assert "s3cret" not in done.stdout + done.stderr


def settings(sandbox: Sandbox, *sources: Any) -> list[str]:
    inline = ", ".join(f'{{kind = "openapi", location = "{location}"}}' for location in sources)
    return [*sandbox.settings(), "--set", f"catalogue.sources=[{inline}]"]


def test_a_source_that_is_not_there_is_found_before_anything_is_asked(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    asked = sandbox.stats["requests"]
    missing = tmp_path / "missing.yaml"
    done = toolloom("refresh", *settings(sandbox, missing), "--data", tmp_path / "data")
    assert (done.returncode, sandbox.stats["requests"]) == (2, asked)
    assert f"the openapi source '{missing}' does not exist" in done.stderr
    assert "a file, a folder, a glob or a URL of OpenAPI documents" in done.stderr


def test_sources_with_nothing_usable_end_with_the_reasons(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "broken.yaml").write_text("openapi: 3.0.0\npaths: [")
    (tmp_path / "specs" / "nowhere.yaml").write_text("openapi: 3.0.0\npaths: {/a: {get: {}}}")
    done = toolloom("refresh", *settings(sandbox, tmp_path / "specs"), "--data", tmp_path / "data")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for reason in ("unreadable", "no_server"):
        assert reason in done.stdout + done.stderr
