from __future__ import annotations

import pytest

from tasks.transport.mcp.stdio import END, LineSplitter, TooLong


def split(chunks: list[bytes], limit: int = 1000) -> list[bytes]:
    splitter = LineSplitter(limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)]


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b", b"\n"], [b"ab"]),
        ([b"a\r\n", b"\r\n"], [b"a", b""]),
        ([b"a\nunfinished"], [b"a"]),
        ([], []),
    ],
)
def test_lines_are_cut_whatever_the_chunks(chunks: list[bytes], lines: list[bytes]) -> None:
    assert split(chunks) == lines


def test_of_a_line_too_long_both_ends_are_left() -> None:
    line = b"<" + b"x" * 5000 + b">"

    cut, following = split([line[:700], line[700:4000], line[4000:] + b"\nshort\n"], limit=1000)

    assert isinstance(cut, TooLong)
    assert (len(cut), cut[:1], cut[-1:]) == (2 * END, b"<", b">")
    assert (type(following), following) == (bytes, b"short")


def test_a_line_of_exactly_the_limit_is_whole() -> None:
    assert split([b"x" * 1000 + b"\n"], limit=1000) == [b"x" * 1000]


def test_a_line_without_end_takes_no_memory() -> None:
    splitter = LineSplitter(1000)

    for _ in range(10_000):
        assert list(splitter.feed(b"x" * 1000)) == []

    (line,) = splitter.feed(b"\n")
    assert len(line) == 2 * END
