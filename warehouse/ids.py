"""Who types an id types its beginning: which of those there are is meant, and what is near where none is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tasks.errors import UsageError

_LISTED = 20  # of those that begin so
_SHORT = 24  # an id that is no longer is shown whole
_SHOWN = 12
_COMPARED = 5_000  # ids for nearness; of more, those that begin alike


@dataclass(frozen=True)
class Candidate:
    """What an id may mean.  ids: each that names it, its own first; told: what it is, in a few words."""

    ids: tuple[str, ...]
    told: str = ""


def the_one(given: str, candidates: Sequence[Candidate], *, several: str, none: str, fix: str) -> Candidate:
    """The candidate that has this id, or that alone has one that begins so.

    several: what they are; none: what to say where there is no such id, and fix: what to do then.  Raises
    `UsageError`, with the candidates where there are several, and with ids that are near where there is none.
    """
    found = [each for each in candidates if given in each.ids] or [
        each for each in candidates if given and any(id_.startswith(given) for id_ in each.ids)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        lines = [f"  {_shown(each.ids[0], given)}  {each.told}".rstrip() for each in found[:_LISTED]]
        more = [f"  ... and {len(found) - _LISTED:,} more"] if len(found) > _LISTED else []
        raise UsageError(
            "\n".join([f"{len(found):,} {several} begin with {given!r}:", *lines, *more]),
            fix="give more of the id",
        )
    near = _near(given, [id_ for each in candidates for id_ in each.ids])
    raise UsageError(none, fix=f"did you mean {' or '.join(near)}? {fix}" if near else fix)


def _near(given: str, ids: Sequence[str]) -> list[str]:
    if not given:
        return []
    alike = ids if len(ids) <= _COMPARED else [id_ for id_ in ids if id_[:2] == given[:2]]
    beginnings: dict[str, str] = {}
    for id_ in alike:
        beginnings.setdefault(id_[: len(given)], id_)
    return [
        _shown(beginnings[each], given) for each in get_close_matches(given, beginnings, n=3, cutoff=0.75)
    ]


def _shown(id_: str, given: str) -> str:
    """A digest's beginning is enough to type."""
    return id_ if len(id_) <= _SHORT else id_[: max(_SHOWN, len(given) + 2)]
