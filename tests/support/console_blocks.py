"""Documentation that shows what commands print: fenced `console` blocks, checked and renewed.

A block holds commands behind `$ `, each followed by what it prints.  A command goes on over several lines
while a quote is open.  A last line of output that is `...` stands for all that follows.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_REST = "..."


@dataclass(frozen=True)
class Shown:
    """A command as it is written, and the lines that the text says it prints."""

    command: str
    output: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command)

    def renewed(self, printed: str) -> Shown:
        """With what it really prints, as far as the text shows it."""
        lines = tuple(line.rstrip() for line in printed.rstrip("\n").split("\n"))
        if self.output and self.output[-1] == _REST and len(lines) > len(self.output):
            lines = (*lines[: len(self.output) - 1], _REST)
        return Shown(self.command, lines)

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in (f"$ {self.command}", *self.output))


def shown_in(markdown: str) -> list[Shown]:
    """Every command of every console block, in order."""
    return [shown for block in _BLOCK.findall(markdown) for shown in _commands(block)]


def renewed(markdown: str, run: Callable[[list[str]], str]) -> str:
    """The same text with what the commands print now."""

    def renew(block: re.Match[str]) -> str:
        return "".join(str(shown.renewed(run(shown.words))) for shown in _commands(block[0]))

    return _BLOCK.sub(renew, markdown)


def _commands(block: str) -> Iterator[Shown]:
    lines = block.splitlines()
    while lines:
        first = lines.pop(0)
        assert first.startswith("$ "), f"a console block must begin with a command, not {first!r}"
        command = first.removeprefix("$ ")
        while _is_open(command):
            command += "\n" + lines.pop(0)
        output = []
        while lines and not lines[0].startswith("$ "):
            output.append(lines.pop(0))
        yield Shown(command, tuple(output))


def _is_open(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False
