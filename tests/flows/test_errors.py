"""What a newcomer gets wrong before a run has begun: one clear message with the fix, no traceback.

What servers can do to a run is in test_newcomer_servers.py, how each fault is told from others in the
tests of `tasks/catalogue`, `tasks/llm`, `tasks/transport` and `warehouse`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Sandbox
from refusals import refusal
from snapshots import rows
from warm import WarmToolloom

NOBODY = "http://127.0.0.1:9"
HUB = 'kind = "hub", location = "http://hub.test"'
ALONE = ["--set", "sandbox.serve=false"]


@pytest.mark.parametrize(
    ("arguments", "code", "message", "fix"),
    [
        (["--profile", "sandbx"], 2, "there is no profile 'sandbx'", "did you mean 'sandbox'?"),
        (["--set", "llm.modle=x"], 2, "llm.modle: no such key", "llm.modle: did you mean 'model'?"),
        (["--set", "llm.timeout_s=soon"], 2, "llm.timeout_s: Input should be a valid number", "docs/"),
        (["--set", "llm.model"], 2, "--set 'llm.model' has no value", "write --set section.key=value"),
        (["--config", "none.toml"], 2, "configuration file none.toml does not exist", "--config"),
        ([*ALONE, "--set", f"llm.base_url={NOBODY}/v1"], 1, "does not answer", "correct [llm] base_url"),
        ([*ALONE, "--set", "llm.api_key_env=NOT_SET"], 2, "NOT_SET, which is not set", "export NOT_SET="),
        (
            ["--set", 'catalogue.sources=[{kind = "hub", location = "hub.test"}]'],
            2,
            "('hub.test') is not a plain http or https URL",
            "give the base URL",
        ),
        (
            ["--set", f'catalogue.sources=[{{{HUB}, header_keys = {{Key = "NOT_SET"}}}}]'],
            2,
            "Key is in NOT_SET, which is not set",
            "export NOT_SET=",
        ),
        (["--set", "budget.max_usd=1"], 2, "[llm] price_in is not set", "set [llm] price_in and price_out"),
        (
            ["--set", "export.passed=true", "--set", "export.formats=['beir', 'hf']"],
            2,
            "only answers that passed (hf), but nobody judges them",
            "set [evaluate] in_refresh = true",
        ),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_starts(
    toolloom: WarmToolloom, tmp_path: Path, arguments: list[str], code: int, message: str, fix: str
) -> None:
    found = refusal(toolloom("refresh", *arguments, "--data", tmp_path))

    assert found.code == code
    assert message in found.message
    assert fix in found.fix


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("gone.json", None, "gone.json cannot be read: No such file"),
        ("cut.json", '[{"query": "Will', "cut.json is not JSON"),
        ("other.json", '[{"name": "x"}]', "other.json holds no text"),
    ],
)
def test_a_benchmark_that_cannot_be_read_is_refused_before_anything_starts(
    toolloom: WarmToolloom, tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    setting = f"instruct.decontaminate=['{tmp_path / name}']"

    found = refusal(toolloom("refresh", "--set", setting, "--data", tmp_path / "data"))

    assert found.code == 2
    assert told in found.message


def test_bad_toml_names_file_and_place(toolloom: WarmToolloom, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[llm\n")

    found = refusal(toolloom("refresh", "--config", tmp_path / "mine.toml"))

    assert found.code == 2
    assert f"{tmp_path / 'mine.toml'} is not valid TOML" in found.message
    assert "line 1" in found.message


def test_an_unknown_model_names_those_offered(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    found = refusal(toolloom("refresh", *sandbox.settings(), "--set", "llm.model=gpt-9", "--data", tmp_path))

    assert found == (
        2,
        f"the model endpoint {sandbox.teacher} does not offer the model 'gpt-9'",
        "set [llm] model to one that it offers: toolloom-teacher",
    )


def test_an_address_that_is_a_web_page_is_no_endpoint(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    arguments = [*sandbox.settings(), "--set", f"llm.base_url={sandbox.hub}"]

    found = refusal(toolloom("refresh", *arguments, "--data", tmp_path))

    assert found.code == 2
    assert sandbox.hub in found.message
    assert "[llm] base_url" in found.fix


def test_private_addresses_are_named_with_the_way_to_call_them(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Private", "version": "1"},
        "servers": [{"url": sandbox.hub}],
        "paths": {"/rain": {"get": {"responses": {}}, "post": {"responses": {}}}},
    }
    (tmp_path / "private.json").write_text(json.dumps(document))
    source = f'catalogue.sources=[{{kind="openapi", location="{tmp_path / "private.json"}"}}]'
    methods = 'calling.methods=["GET"]'

    toolloom("refresh", "--until", "probe", "--set", source, "--set", methods, "--data", tmp_path / "data")

    rejects = rows(tmp_path / "data", "SELECT reason, detail FROM rejects WHERE stage = 'probe' ORDER BY ALL")
    assert rejects == [
        {
            "reason": "blocked",
            "detail": "not called: 127.0.0.1 is a loopback address; "
            "[calling] allow_hosts names private addresses that may be called",
        },
        {"reason": "unsafe_skipped", "detail": "not called: POST is not among [calling] methods"},
    ]


def test_a_folder_that_is_none_is_refused(toolloom: WarmToolloom, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    found = refusal(toolloom("refresh", "--data", tmp_path / "file" / "data"))

    assert found == (
        2,
        f"cannot write into {tmp_path / 'file' / 'data'} (Not a directory)",
        "make the folder writable, or name another one with --data or TOOLLOOM_DATA",
    )


@pytest.mark.parametrize(
    ("command", "fix"),
    [
        ("probe", "run `toolloom refresh`, or name another folder with --data"),
        (
            "annotate",
            "run `toolloom refresh`, give queries with --queries, or name another folder with --data",
        ),
    ],
)
def test_a_mistyped_folder_is_refused_and_not_created(
    toolloom: WarmToolloom, tmp_path: Path, command: str, fix: str
) -> None:
    data = tmp_path / "dta"

    found = refusal(toolloom(command, "--data", data))

    assert found == (2, f"there is no data set in {data}", fix)
    assert not data.exists()


def test_two_runs_of_one_folder_are_refused(toolloom: WarmToolloom, tmp_path: Path) -> None:
    holder = "import sys, time; from pathlib import Path; from warehouse.lock import folder_lock\n"
    holder += "with folder_lock(Path(sys.argv[1]), 'a test'): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holder, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = refusal(toolloom("refresh", "--data", tmp_path))
        process.kill()

    assert found.code == 2
    assert f"another run (pid {process.pid}" in found.message
    assert str(tmp_path) in found.message
    assert "wait until it ends or stop it" in found.fix


@pytest.mark.parametrize("command", [["refresh"], ["sql", "SELECT 1"], ["runs"]])
def test_a_folder_of_a_later_version_asks_for_an_upgrade(
    toolloom: WarmToolloom, tmp_path: Path, command: list[str]
) -> None:
    manifest = tmp_path / "runs" / "20990101T000000.000Z.json"
    manifest.parent.mkdir()
    manifest.write_text('{"format": 2, "told": "in words of the future"}')

    found = refusal(toolloom(*command, "--data", tmp_path))

    assert found == (
        2,
        f"{manifest} has format 2; this version of toolloom reads up to 1",
        "upgrade toolloom",
    )


def test_a_damaged_manifest_is_named(toolloom: WarmToolloom, tmp_path: Path) -> None:
    manifest = tmp_path / "runs" / "20990101T000000.000Z.json"
    manifest.parent.mkdir()
    manifest.write_text('{"format": 1, "run_')

    found = refusal(toolloom("refresh", "--data", tmp_path))

    assert found.code == 2
    assert f"{manifest} is damaged" in found.message
    assert "restore it from a copy, or remove it" in found.fix


def test_a_prefect_server_that_is_gone_is_named(toolloom: WarmToolloom, tmp_path: Path) -> None:
    found = refusal(toolloom("refresh", "--data", tmp_path, env={"PREFECT_API_URL": f"{NOBODY}/api"}))

    assert found == (
        2,
        f"no Prefect server answers at PREFECT_API_URL={NOBODY}/api",
        "start it, correct the variable, or unset it: a run starts a server of its own",
    )


def test_sql_without_a_run_says_what_to_do(toolloom: WarmToolloom, tmp_path: Path) -> None:
    found = refusal(toolloom("sql", "SELECT 1", "--data", tmp_path))

    assert found == (
        2,
        f"there is no run in {tmp_path}",
        "run `toolloom refresh`, or name a folder with --data",
    )


def test_a_taken_port_is_named_with_the_way_out(toolloom: WarmToolloom) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = toolloom("sandbox", "--hub-port", str(port), "--teacher-port", "0")

    assert done.returncode == 1
    assert done.stderr == (
        f"port {port} on 127.0.0.1 is already in use; stop the program that uses it, or choose another one "
        "with --hub-port (0: any free port)\n"
    )


def test_verbose_shows_the_traceback_above_the_message(toolloom: WarmToolloom, tmp_path: Path) -> None:
    done = toolloom("sql", "SELECT 1", "--data", tmp_path, "--verbose")

    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.splitlines()[-2] == f"toolloom: there is no run in {tmp_path}"
