"""Arguments to try an API with.

For each parameter, in this order: what the documentation shows (default, examples, enum, then its prose),
identifiers found in the answer of a sibling operation, what a format and a name suggest (`known.toml`),
what a model filled in, and at last a value of the type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.probing.bounds import is_bounded
from tasks.probing.known import known_values
from tasks.probing.made_up import made_up
from tasks.probing.pairs import in_order
from tasks.probing.wanted import Wanted
from warehouse.tables.catalogue import Api

Optionals = Literal["none", "documented", "known"]

# The different tries in order: which value of each parameter, and which optional parameters have one.
_TRIES: tuple[tuple[int, Optionals], ...] = (
    (0, "none"),
    (0, "documented"),
    (1, "none"),
    (0, "known"),
    (2, "none"),
    (1, "documented"),
    (2, "documented"),
    (1, "known"),
)


@dataclass(frozen=True)
class Found:
    """What was found out about an API besides its documentation, by `arg_name`.

    siblings: sets of identifiers that go together, from a sibling's answer; guessed: by a model.
    """

    siblings: Sequence[Mapping[str, Any]] = ()
    guessed: Mapping[str, Any] | None = None


class Trials:
    """The different arguments to try one API with; its documentation is read once."""

    def __init__(self, api: Api) -> None:
        self._parameters = Wanted.of(api)
        self._known: dict[str, tuple[Any, ...]] = {}

    @property
    def needed(self) -> tuple[str, ...]:
        """The parameters without which there is no request."""
        return tuple(wanted.arg_name for wanted in self._parameters if wanted.needed)

    def shows(self, arg_name: str) -> bool:
        """Whether the documentation shows a value of the parameter."""
        return any(wanted.documented for wanted in self._parameters if wanted.arg_name == arg_name)

    def arguments(self, attempt: int, found: Found = Found()) -> dict[str, Any]:
        """The arguments of the `attempt`-th different try (from 0); after the last, they start again.

        Required parameters always have a value.
        """
        tries: list[dict[str, Any]] = []
        for turn, optionals in _TRIES:
            arguments = self._try(turn, optionals, found)
            if arguments not in tries:
                tries.append(arguments)
            if len(tries) > attempt:
                break
        return tries[attempt % len(tries)]

    def unfilled(self, found: Found = Found()) -> tuple[str, ...]:
        """The required parameters of which nothing is known that would make a good value."""
        identified = {name for each in found.siblings for name in each}
        return tuple(
            wanted.arg_name
            for wanted in self._parameters
            if wanted.needed
            and wanted.arg_name not in identified
            and not wanted.documented
            and not self._known_of(wanted)
            and not _type_tells(wanted)
        )

    def _try(self, turn: int, optionals: Optionals, found: Found) -> dict[str, Any]:
        arguments = {}
        for wanted in self._parameters:
            if wanted.needed:
                arguments[wanted.arg_name] = self._value(wanted, turn, found)
            elif values := self._optional(wanted, optionals):
                arguments[wanted.arg_name] = values[turn % len(values)]
        return in_order(arguments, self._parameters)

    def _value(self, wanted: Wanted, turn: int, found: Found) -> Any:
        documented = wanted.documented
        if documented and (turn < len(documented) or wanted.enumerated):
            return documented[turn % len(documented)]
        identifiers = [each[wanted.arg_name] for each in found.siblings if wanted.arg_name in each]
        if identifiers:
            return identifiers[(turn - len(documented)) % len(identifiers)]
        known = self._known_of(wanted) or _guessed(wanted, found) or documented
        return known[turn % len(known)] if known else made_up(wanted.type, wanted.schema, turn)

    def _optional(self, wanted: Wanted, optionals: Optionals) -> tuple[Any, ...]:
        if optionals == "none":
            return ()
        return wanted.documented or (self._known_of(wanted) if optionals == "known" else ())

    def _known_of(self, wanted: Wanted) -> tuple[Any, ...]:
        if wanted.arg_name not in self._known:
            self._known[wanted.arg_name] = known_values(wanted)
        return self._known[wanted.arg_name]


def _guessed(wanted: Wanted, found: Found) -> tuple[Any, ...]:
    guessed = found.guessed or {}
    return (guessed[wanted.arg_name],) if wanted.arg_name in guessed else ()


def _type_tells(wanted: Wanted) -> bool:
    return wanted.type == "boolean" or (wanted.type in {"integer", "number"} and is_bounded(wanted.schema))
