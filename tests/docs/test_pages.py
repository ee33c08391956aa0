"""Pages for who begins: what they tell to do works, and messages are quoted as they are written."""

from __future__ import annotations

import ast
import os
import re
import socket
import sys
import time
from pathlib import Path

import pytest
from commands import Command
from console_blocks import renewed, shown_in

from flows.prefect.supervise import Child

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "first-hour.md"
BY_THE_SYSTEM = {"connection refused"}


def block(language: str) -> str:
    """The first of the page."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(blocks[0])


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_the_first_hour_gives_what_its_page_shows(
    toolloom: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    (tmp_path / "shop.py").write_text(block("python"))
    (tmp_path / "shop.toml").write_text(block("toml").replace(":8000/", f":{port}/"))
    monkeypatch.chdir(tmp_path)

    def answered(words: list[str]) -> str:
        assert words[0] == ".venv/bin/toolloom"
        done = toolloom(*words[1:], "--data", tmp_path / "shop-data", env={"COLUMNS": "100"})
        assert done.returncode == 0, done.stderr
        return done.stdout.replace(f":{port}/", ":8000/")

    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port)]
    with Child(command, log=tmp_path / "shop.log", cwd=tmp_path):
        wait_for(port)
        done = toolloom("refresh", "--config", "shop.toml", "--data", tmp_path / "shop-data")
    assert done.returncode == 0, done.stdout + done.stderr

    text = PAGE.read_text(encoding="utf-8")
    now = renewed(text, answered)
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(now, encoding="utf-8")
    assert shown_in(PAGE.read_text(encoding="utf-8")) == shown_in(now)


def texts_of_the_code() -> list[str]:
    """Every text that the code holds, whole; of an f-string what is between its holes, joined by a space."""
    texts = []
    for folder in ("flows", "tasks", "warehouse"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
                    texts.append(" ".join(str(part) for part in parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return texts


def test_troubleshooting_quotes_what_is_really_said() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    quoted = [quote for row in rows for quote in re.findall(r"`([^`]+)`", row)]
    fragments = [part.strip(" ():") for quote in quoted for part in quote.split("...") if part.strip(" ():")]
    texts = texts_of_the_code()

    unknown = [one for one in fragments if not any(one in text for text in texts)]

    assert set(unknown) - BY_THE_SYSTEM == set()
    assert len(fragments) > 25
