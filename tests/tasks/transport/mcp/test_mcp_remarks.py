from __future__ import annotations

from pathlib import Path

from tasks.transport.mcp.sessions import LARGEST_LOG, Remarks
from tasks.transport.redactor import Redactor


def test_the_last_lines_are_kept_without_secrets_and_control_characters() -> None:
    remarks = Remarks(Redactor(["sk-its"]), None)

    for line in ["first", "", "\x1b[31mred\x07", "with sk-its  ", "c", "d", "e"]:
        remarks.add(line)

    assert remarks.last == "[31mred | with [redacted] | c | d | e"


def test_what_came_before_a_new_start_is_forgotten() -> None:
    remarks = Remarks(Redactor([]), None)
    remarks.add("before")

    remarks.forget()

    assert remarks.last == ""


def test_a_log_has_a_largest_size(tmp_path: Path) -> None:
    remarks = Remarks(Redactor([]), tmp_path / "logs" / "log")

    for _ in range(300):
        remarks.add("x" * 10_000)

    assert LARGEST_LOG <= (tmp_path / "logs" / "log").stat().st_size <= LARGEST_LOG + 20_000
