from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.errors import UsageError
from tasks.transport.mcp.server import (
    McpServer,
    check_servers,
    command_of,
    environment_of,
    redactor_of,
    secrets_of,
    url_of,
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, 'the mcp source "s" needs exactly one of `command` and `url`'),
        ({"command": ["a"], "url": "http://a.test/mcp"}, "needs exactly one of `command` and `url`"),
        ({"url": "http://a.test/mcp", "env": {"A": "B"}}, "`env` and `cwd` are for a server that is started"),
        ({"url": "http://a.test/mcp", "cwd": "/"}, "`env` and `cwd` are for a server that is started"),
        ({"command": ["a"], "headers": {"A": "B"}}, "`headers` are for a server that runs already"),
        ({"url": "ftp://a.test"}, "an http or https URL"),
        ({"url": "http://me:secret@a.test/mcp"}, "must hold no credentials"),
        ({"command": ["a"], "env": {"TOKEN": "sk-123"}}, "no credentials belong here"),
        ({"command": ["a"], "name": "Upper Case"}, "should match pattern"),
    ],
)
def test_a_server_that_cannot_be_meant_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match="1 validation error") as refused:
        McpServer(**{"name": "s", **fields})

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"command": ["no-such-server"]}, "is started by `no-such-server`, and there is no such program"),
        ({"command": ["./no-such-server"]}, "is started by `./no-such-server`, and there is no such program"),
        ({"command": ["env"], "cwd": "/no/such/folder"}, "in /no/such/folder, which is no folder"),
        ({"command": ["env"], "env": {"A": "NOT_SET_HERE"}}, "takes A from NOT_SET_HERE, which is not set"),
        (
            {"url": "http://a.test", "headers": {"Authorization": "NOT_SET_HERE"}},
            "takes Authorization from NOT_SET_HERE, which is not set",
        ),
    ],
)
def test_what_cannot_be_started_is_said_before_anything_is(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_servers([McpServer(name="s", **fields)])

    assert refused.value.message.startswith('the mcp source "s"')
    assert message in refused.value.message
    assert refused.value.fix


WITHOUT_SDK = """
import sys
sys.modules["mcp"] = None
from tasks.errors import UsageError
import tasks.calling.mcp, tasks.catalogue.opening
from tasks.transport.mcp.server import McpServer, check_servers
try:
    check_servers([McpServer(name="s", command=("env",))])
except UsageError as error:
    sys.stdout.write(str(error))
"""


def test_without_the_sdk_it_is_said_how_to_get_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_SDK], capture_output=True, text=True, check=True)

    assert done.stdout == (
        'the source "s" is of kind "mcp", and the MCP SDK is not installed\n'
        "  fix: install it, in a checkout of toolloom: pip install '.[mcp]'"
    )


def test_a_program_is_found_in_its_folder_and_on_the_path(tmp_path: Path) -> None:
    program = tmp_path / "serve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    assert command_of(McpServer(name="s", command=("./serve", "-v"), cwd=tmp_path)) == (str(program), "-v")
    assert Path(command_of(McpServer(name="s", command=("env",)))[0]).name == "env"


def test_a_program_beside_our_python_is_found_without_activation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)

    assert Path(command_of(McpServer(name="s", command=("mcp-server-time",)))[0]).is_absolute()


def test_a_server_sees_what_it_was_given_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_KEY", "sk-ours")
    monkeypatch.setenv("ITS_KEY", "sk-its")
    server = McpServer(name="s", command=("env",), env={"TOKEN": "ITS_KEY"})

    seen = environment_of(server)

    assert seen.get("TOKEN") == "sk-its"
    assert "PATH" in seen
    assert "sk-ours" not in seen.values()


def test_a_key_is_taken_out_with_and_without_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITS_KEY", "Bearer sk-its")
    server = McpServer(name="s", url="http://a.test", headers={"Authorization": "ITS_KEY"})

    assert secrets_of(server) == {"Authorization": "Bearer sk-its"}
    assert redactor_of(server).redact("Bearer sk-its, sk-its, Bearer") == "[redacted], [redacted], Bearer"


def test_an_address_is_mapped_to_where_it_is_served() -> None:
    server = McpServer(name="s", url="https://tools.mcp.test/v1/mcp?q=1")

    assert url_of(server, {"*.mcp.test": "http://127.0.0.1:81"}) == "http://127.0.0.1:81/v1/mcp?q=1"
    assert url_of(server, {"*.other.test": "http://127.0.0.1:81"}) == "https://tools.mcp.test/v1/mcp?q=1"


def test_an_address_is_shown_without_its_query() -> None:
    assert McpServer(name="s", url="https://a.test/mcp?key=secret").where == "https://a.test/mcp"
