"""Rows in cells of a terminal."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from flows.text.layout import Column, laid_out, one_by_one, wrapped

RUN = "20261201T022941.173Z"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("to be or not", 5, ["to be", "or", "not"]),
        ("  kept as it is", 20, ["  kept as it is"]),
        ("one\ntwo three", 5, ["one", "two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a bcdefgh", 3, ["a b", "cde", "fgh"]),
        ("天气预报", 5, ["天气", "预报"]),
        ("天气 预报", 5, ["天气", "预报"]),
        ("天", 1, ["天"]),
        ("e\u0301" * 4, 2, ["e\u0301" * 2] * 2),
        ("👍👍👍", 4, ["👍👍", "👍"]),
        ("", 5, [""]),
        ("a\n\nb", 5, ["a", "", "b"]),
    ],
)
def test_wrapping_counts_cells(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width) == lines


def test_columns_that_fit_are_as_wide_as_what_is_in_them() -> None:
    columns = [Column("name", ["天气", "b"]), Column("n", ["1", "1000"], right=True)]
    assert laid_out(columns, 40).splitlines() == [
        " name      n",
        " ───────────",
        " 天气      1",
        " b      1000",
    ]


def test_text_gives_way_and_ids_do_not() -> None:
    text = "It rained all day, and in the evening it cleared up."
    shown = laid_out(
        [Column("run_id", [RUN]), Column("n_requests", ["1"], right=True), Column("t", [text])], 50
    )
    assert shown.splitlines() == [
        "                              n_",
        " run_id                 requests  t",
        " " + "─" * 49,
        f" {RUN}          1  It rained all",
        " " * 34 + "day, and in the",
        " " * 34 + "evening it",
        " " * 34 + "cleared up.",
    ]


def test_gaps_give_way_before_columns_do() -> None:
    columns = [Column(name, [RUN]) for name in ("a", "b")]
    heads = [laid_out(columns, width).splitlines()[0] for width in (45, 43)]
    assert [head.index("b") for head in heads] == [24, 23]


def test_columns_that_do_not_fit_become_lines() -> None:
    columns = [
        Column("run_id", [RUN, "r2"]),
        Column("before", ["", RUN]),
        Column("said", ["天气预报 " * 5, "ja"]),
    ]
    assert laid_out(columns, 36).splitlines() == [
        "── 1 " + "─" * 31,
        f"run_id  {RUN}",
        "before",
        "said    天气预报 天气预报 天气预报",
        "        天气预报 天气预报",
        "── 2 " + "─" * 31,
        "run_id  r2",
        f"before  {RUN}",
        "said    ja",
    ]


@pytest.mark.parametrize("width", range(1, 60, 7))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    columns = [
        Column("a", ["ab cd ef", RUN]),
        Column("word", ["天气预报" * 9, "x" * 90]),
        Column("n", ["1", ""]),
    ]
    narrowest = len("word") + 2 + 2  # a name, and a character of two cells beside it
    assert max(map(cell_len, laid_out(columns, width).splitlines())) <= max(width, narrowest)


def test_nothing_is_lost_one_by_one() -> None:
    assert one_by_one([Column("n", [])], 80) == ""
