"""Arguments to try an API with.

For each parameter, in this order: what the documentation shows (default, examples, enum, then its prose),
identifiers found in the answer of a sibling operation, what a format and a name suggest (`known.toml`),
what a model filled in, and at last a value of the type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.probing.bounds import at_least, fitted_number, is_bounded
from tasks.probing.known import book, known_values
from tasks.probing.wanted import Wanted, shown_in
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
# Where a value is a guess, it is the likeliest to be at fault.
_GUESSING: tuple[tuple[int, Optionals], ...] = (
    *((0, "none"), (1, "documented"), (2, "documented")),
    *_TRIES,
)


@dataclass(frozen=True)
class Found:
    """What was found out about an API besides its documentation, by `arg_name`.

    siblings: sets of identifiers that go together, from siblings' answers; last: the parameter that goes on
    to other values after them, while the others keep to theirs.  guessed: by a model.
    """

    siblings: Sequence[Mapping[str, Any]] = ()
    last: str | None = None
    guessed: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Fault:
    """A try that found fault with its arguments.  gone: what they name is not there, or empty."""

    arguments: Mapping[str, Any]
    gone: bool


class Trials:
    """The different arguments to try one API with; its documentation is read once.

    given: values that somebody wrote down for it, by `arg_name`; there are no better ones.
    """

    def __init__(self, api: Api, given: Mapping[str, Sequence[Any]] | None = None) -> None:
        self._parameters = Wanted.of(api)
        self._given = given or {}
        self._known: dict[str, tuple[Any, ...]] = {}

    @property
    def needed(self) -> tuple[str, ...]:
        """The parameters without which there is no request."""
        return tuple(wanted.arg_name for wanted in self._parameters if wanted.needed)

    def shows(self, arg_name: str) -> bool:
        """Whether the documentation, or somebody who knows, shows a value of the parameter."""
        return arg_name in self._given or any(
            wanted.documented for wanted in self._parameters if wanted.arg_name == arg_name
        )

    def arguments(self, faults: Sequence[Fault] = (), found: Found = Found()) -> dict[str, Any]:
        """The arguments of the next different try after those that found fault; after the last, they start
        again.

        Required parameters always have a value, and another one when what they named was not there.
        """
        tries: list[dict[str, Any]] = []
        for turn, optionals in self._turns(found):
            arguments = self._try(turn, optionals, found)
            if arguments not in tries:
                tries.append(arguments)
        needed = self.needed
        fresh = [arguments for arguments in tries if all(arguments != fault.arguments for fault in faults)]
        gone = [_only(fault.arguments, needed) for fault in faults if fault.gone]
        others = (
            arguments
            for arguments in fresh
            if _only(arguments, needed) not in gone and self._is_no_worse(arguments, found)
        )
        return next(others, next(iter(fresh), tries[len(faults) % len(tries)]))

    def _is_no_worse(self, arguments: Mapping[str, Any], found: Found) -> bool:
        """Whether no shown value gave way to one that anybody might think of."""
        return all(
            not wanted.documented
            or arguments[wanted.arg_name] in wanted.documented
            or any(arguments[wanted.arg_name] == each.get(wanted.arg_name) for each in found.siblings)
            for wanted in self._parameters
            if wanted.needed and wanted.arg_name not in self._given
        )

    def _turns(self, found: Found) -> Sequence[tuple[int, Optionals]]:
        """Values that are mere guesses are not tried twice before there were others."""
        sure = {name for each in found.siblings[:1] for name in each}
        guessed = any(
            wanted.needed
            and wanted.arg_name not in sure
            and not self.shows(wanted.arg_name)
            and not self._known_of(wanted)
            and not _type_tells(wanted)
            for wanted in self._parameters
        )
        return _GUESSING if guessed else _TRIES

    def unfilled(self, found: Found = Found()) -> tuple[str, ...]:
        """The required parameters of which nothing is known that would make a good value."""
        identified = {name for each in found.siblings for name in each}
        return tuple(
            wanted.arg_name
            for wanted in self._parameters
            if wanted.needed
            and wanted.arg_name not in identified
            and not self.shows(wanted.arg_name)
            and not self._known_of(wanted)
            and not _type_tells(wanted)
        )

    def _try(self, turn: int, optionals: Optionals, found: Found) -> dict[str, Any]:
        arguments = {}
        for wanted in self._parameters:
            if wanted.needed:
                arguments[wanted.arg_name] = self._value(wanted, turn, found)
            elif given := self._given.get(wanted.arg_name):
                arguments[wanted.arg_name] = given[turn % len(given)]
            elif values := self._optional(wanted, optionals):
                arguments[wanted.arg_name] = values[turn % len(values)]
        return in_order(
            arguments, [wanted for wanted in self._parameters if wanted.arg_name not in self._given]
        )

    def _value(self, wanted: Wanted, turn: int, found: Found) -> Any:
        name = wanted.arg_name
        if given := self._given.get(name):
            return given[turn % len(given)]
        documented = wanted.documented
        # Found sets begin where the documented values of the parameter that goes on are at their end.
        at = turn - self._n_documented(found.last)
        identifiers = [each[name] for each in found.siblings if name in each]
        if identifiers and (at >= 0 or not documented) and (at < len(identifiers) or name != found.last):
            return identifiers[max(at, 0) % len(identifiers)]
        if documented and (turn < len(documented) or wanted.enumerated):
            return documented[turn % len(documented)]
        guesses = found.guessed or {}
        guessed = (guesses[wanted.arg_name],) if wanted.arg_name in guesses else ()
        known = self._known_of(wanted) or guessed or documented
        if identifiers:
            known = tuple(value for value in known if value not in identifiers)
            turn = at - len(identifiers)
        return known[turn % len(known)] if known else self.fallback_value(wanted, turn, identifiers)

    def fallback_value(self, wanted: Wanted, turn: int, tried: Sequence[Any]) -> Any:
        values = [fallback_value(wanted.type, wanted.schema, turn + more) for more in range(len(tried) + 1)]
        return next((value for value in values if value not in tried), values[0])

    def _n_documented(self, arg_name: str | None) -> int:
        documented = (wanted.documented for wanted in self._parameters if wanted.arg_name == arg_name)
        return 0 if arg_name in self._given else len(next(documented, ()))

    def _optional(self, wanted: Wanted, optionals: Optionals) -> tuple[Any, ...]:
        if optionals == "none":
            return ()
        return wanted.documented or (self._known_of(wanted) if optionals == "known" else ())

    def _known_of(self, wanted: Wanted) -> tuple[Any, ...]:
        if wanted.arg_name not in self._known:
            self._known[wanted.arg_name] = known_values(wanted)
        return self._known[wanted.arg_name]


def _only(arguments: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: arguments[name] for name in names if name in arguments}


def _type_tells(wanted: Wanted) -> bool:
    return wanted.type == "boolean" or (wanted.type in {"integer", "number"} and is_bounded(wanted.schema))


_MOMENT = re.compile(r"\d{4}-\d{2}|\d{2}:\d{2}")


def in_order(arguments: dict[str, Any], parameters: Iterable[Wanted]) -> dict[str, Any]:
    """The arguments with pairs the right way round; documented values stay where they are."""
    for low, high in _pairs([wanted for wanted in parameters if wanted.arg_name in arguments]):
        first, second = arguments[low.arg_name], arguments[high.arg_name]
        if not (_comparable(first, second) and first > second):
            continue
        if not low.documented:
            arguments[low.arg_name] = second
        if not high.documented:
            arguments[high.arg_name] = first
    return arguments


def _pairs(parameters: list[Wanted]) -> Iterator[tuple[Wanted, Wanted]]:
    highs = {_bare(wanted, book().high): wanted for wanted in parameters if set(wanted.words) & book().high}
    for wanted in parameters:
        if set(wanted.words) & book().low and _bare(wanted, book().low) in highs:
            yield wanted, highs[_bare(wanted, book().low)]


def _bare(wanted: Wanted, marks: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for word in wanted.words if word not in marks)


def _comparable(first: Any, second: Any) -> bool:
    if isinstance(first, str) and isinstance(second, str):
        return bool(_MOMENT.match(first) and _MOMENT.match(second))
    numbers = (first, second)
    return all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in numbers)


_MAX_DEPTH = 4
_INNER_ITEMS = 5  # of an array within another: sizes of nested arrays multiply


def fallback_value(json_type: str, schema: Mapping[str, Any], turn: int, depth: int = _MAX_DEPTH) -> Any:
    """A value of a type, within its bounds, where nothing else is known: of the `turn`-th try (from 0)."""
    match json_type:
        case "integer" | "number":
            return fitted_number(_of_type(json_type, turn), schema, whole=json_type == "integer")
        case "boolean":
            return _of_type(json_type, turn)
        case "array":
            items = at_least(schema, "minItems", 1)
            return [_nested(schema.get("items"), turn, depth - 1)] * (
                items if depth == _MAX_DEPTH else min(items, _INNER_ITEMS)
            )
        case "object":
            return _object(schema, turn, depth)
    return _string(schema, turn)


def _of_type(json_type: str, turn: int) -> Any:
    values = book().types[json_type]
    return values[turn % len(values)]


def _nested(schema: Any, turn: int, depth: int) -> Any:
    """A value for a nested schema: a documented one, or one made up."""
    if not isinstance(schema, dict):
        return _of_type("string", turn)
    documented = next((value for value in shown_in(schema) if value not in (None, "")), None)
    if documented is not None:
        return documented
    json_type = schema.get("type")
    if isinstance(json_type, str) and depth > 0:
        return fallback_value(json_type, schema, turn, depth)
    return _of_type("string", turn)


def _object(schema: Mapping[str, Any], turn: int, depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return {}
    wanted = required if isinstance(required, list) else list(properties)
    return {name: _nested(inner, turn, depth - 1) for name, inner in properties.items() if name in wanted}


def _string(schema: Mapping[str, Any], turn: int) -> str:
    formatted = book().formats.get(str(schema.get("format")).lower())
    text: str = formatted[turn % len(formatted)] if formatted else _of_type("string", turn)
    longest = schema.get("maxLength")
    text = text.ljust(at_least(schema, "minLength", 0), "a")
    return text[:longest] if isinstance(longest, int) and longest > 0 else text
