"""Rows laid out for people, in cells of a terminal: columns side by side, or a line for each value where they
do not fit.

A character may take two cells (Chinese, emoji) or none (accents that are written on their own).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

RULE = "─"
GAPS = (3, 2)  # between columns; the narrower one where it helps
LONGEST_WORD = 40  # cells of one that is never broken: an id, a moment, a number
NARROWEST_TEXT = 16  # cells that a column of sentences has at least
_WORDS = re.compile(r"\S+\s*|\s+")
_PARTS_OF_NAMES = re.compile(r"[^_\s]+[_\s]*|[_\s]+")


@dataclass(frozen=True)
class Column:
    """A column of a table.  cells: what is shown of each row; right: numbers end at the same place."""

    name: str
    cells: Sequence[str]
    right: bool = False

    @property
    def natural(self) -> int:
        """Cells that it takes when nothing is wrapped."""
        lines = (line for cell in (self.name, *self.cells) for line in cell.split("\n"))
        return max(map(cell_len, lines))

    @property
    def narrowest(self) -> int:
        """Cells that it takes at least: no word of an id's length is broken, and text can be read."""
        words = {word.rstrip() for cell in self.cells for word in _WORDS.findall(cell)}
        parts = [part.rstrip() for part in _PARTS_OF_NAMES.findall(self.name)]
        longest = min(LONGEST_WORD, max(map(cell_len, [*words, *parts]), default=0))
        return max(longest, NARROWEST_TEXT) if self.natural > LONGEST_WORD else longest


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at blanks where there are any; one that fits stays as it is."""
    return _wrapped(text, width, _WORDS)


def _wrapped(text: str, width: int, pieces: re.Pattern[str]) -> list[str]:
    return [part for line in text.split("\n") for part in _parts(line, max(1, width), pieces)]


def _parts(line: str, width: int, pieces: re.Pattern[str]) -> Iterator[str]:
    if cell_len(line) <= width:
        yield line.rstrip()
        return
    taken = ""
    for piece in pieces.findall(line):
        rest = piece
        if cell_len(rest.rstrip()) <= width < cell_len(taken + rest.rstrip()):
            yield taken.rstrip()
            taken = ""
        while cell_len(taken + rest.rstrip()) > width:  # longer than a line: it fills what there is
            room = width - cell_len(taken)
            beginning = _fitting(rest, room) if room > 0 else ""
            if not taken and not beginning:
                beginning = rest[0]
            yield (taken + beginning).rstrip()
            taken, rest = "", rest[len(beginning) :]
        taken += rest
    if taken.strip():
        yield taken.rstrip()


def _fitting(word: str, width: int) -> str:
    """The longest beginning of a word that fits, with the accents of its last letter."""
    end, n = 0, 0
    for character in word:
        n += cell_len(character)
        if n > width:
            break
        end += 1
    return word[:end]


def laid_out(columns: Sequence[Column], width: int) -> str:
    """The rows as columns within `width` cells, or a line for each value where columns do not fit."""
    widths, gap = _widths(columns, width)
    return one_by_one(columns, width) if widths is None else _side_by_side(columns, widths, gap)


def _widths(columns: Sequence[Column], width: int) -> tuple[list[int] | None, int]:
    """What each column gets, and the cells between two; None where they do not fit."""
    natural = [column.natural for column in columns]
    if _total(natural, GAPS[0]) <= width:
        return natural, GAPS[0]
    least = [column.narrowest for column in columns]
    gap = next((gap for gap in GAPS if _total(least, gap) <= width), None)
    if gap is None:
        return None, GAPS[0]

    def capped(cap: int) -> list[int]:
        return [max(low, min(high, cap)) for low, high in zip(least, natural, strict=True)]

    # The widest columns give way first.
    cap = next(cap for cap in range(max(natural), 0, -1) if _total(capped(cap), gap) <= width or cap == 1)
    widths = capped(cap)
    spare = width - _total(widths, gap)
    for at, (given, wanted) in enumerate(zip(widths, natural, strict=True)):
        more = min(1, spare, wanted - given) if given == cap else 0
        widths[at] += more
        spare -= more
    return widths, gap


def _total(widths: Sequence[int], gap: int) -> int:
    """Cells of a row, of which the first and, where there is room, the last stay free."""
    return gap - 1 + sum(widths) + gap * (len(widths) - 1)


def _side_by_side(columns: Sequence[Column], widths: Sequence[int], gap: int) -> str:
    heads = [
        _wrapped(column.name, width, _PARTS_OF_NAMES) for column, width in zip(columns, widths, strict=True)
    ]
    tallest = max(map(len, heads))
    heads = [[""] * (tallest - len(head)) + head for head in heads]
    lines = list(_row_lines(columns, heads, widths, gap))
    lines.append(" " + RULE * (_total(widths, gap) - gap + 1))
    for row in zip(*(column.cells for column in columns), strict=True):
        lines += _row_lines(columns, list(map(wrapped, row, widths)), widths, gap)
    return "\n".join(lines)


def _row_lines(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], widths: Sequence[int], gap: int
) -> Iterator[str]:
    for number in range(max(map(len, cells))):
        parts = []
        for column, cell, width in zip(columns, cells, widths, strict=True):
            text = cell[number] if number < len(cell) else ""
            blanks = " " * (width - cell_len(text))
            parts.append(blanks + text if column.right else text + blanks)
        yield (" " + (" " * gap).join(parts)).rstrip()


def one_by_one(columns: Sequence[Column], width: int) -> str:
    """The rows one below the other, a line for each value, beside the name of its column."""
    names = max((cell_len(column.name) for column in columns), default=0)
    lines = []
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True), 1):
        head = f"{RULE * 2} {number:,} "
        lines.append(head + RULE * max(0, min(width, 60) - len(head)))
        for column, cell in zip(columns, row, strict=True):
            label = column.name + " " * (names - cell_len(column.name) + 2)
            first, *further = wrapped(cell, width - names - 2) or [""]
            lines.append((label + first).rstrip())
            lines += [(" " * (names + 2) + line).rstrip() for line in further]
    return "\n".join(lines)
