"""`$ref`, followed one at a time and only when what it means is needed."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from tasks.catalogue.openapi.files import Elsewhere
from tasks.catalogue.openapi.location import JsonLocation, Library
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow

_INDEX = re.compile(r"[0-9]{1,9}")
_MAX_WITHIN = 50  # references on the way of references


class References:
    """Follows references within and between the files of a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._anchors: dict[str, dict[str, JsonLocation]] = {}
        self._following: set[tuple[str, tuple[str, ...]]] = set()

    def follow(self, spot: JsonLocation) -> JsonLocation:
        """What a value means, after as many references as it takes.

        Raises `BadRow` (broken_reference) when they lead nowhere or in a circle, and (unreadable) when to
        a file that cannot be read.
        """
        seen = {spot.key}
        while reference_in(spot.value) is not None:
            spot = self.target(spot)
            if spot.key in seen:
                raise spot.bad(CrawlReason.BROKEN_REFERENCE, "the reference leads back to itself")
            seen.add(spot.key)
        return spot

    def target(self, spot: JsonLocation) -> JsonLocation:
        """What the reference at `spot` names; it may be a reference again.  Raises as `follow` does."""
        if spot.key in self._following or len(self._following) > _MAX_WITHIN:
            raise spot.bad(CrawlReason.BROKEN_REFERENCE, "the reference leads back to itself")
        self._following.add(spot.key)
        try:
            return self._target(spot, reference_in(spot.value) or "")
        finally:
            self._following.discard(spot.key)

    def _target(self, spot: JsonLocation, reference: str) -> JsonLocation:
        file, _, fragment = reference.partition("#")
        try:
            place = self._library.files.join(spot.place, file) if file else spot.place
            whole = self._library.whole(place)
        except Elsewhere as fault:
            raise Elsewhere(
                fault.reason, spot.bad(CrawlReason.BROKEN_REFERENCE, fault.message).message
            ) from fault
        except BadRow as fault:
            raise spot.bad(CrawlReason(fault.reason), fault.message) from fault
        found = self._walked(whole, unquote(fragment))
        if found is None:
            raise spot.bad(CrawlReason.BROKEN_REFERENCE, f"there is no {reference}")
        return found

    def _walked(self, whole: JsonLocation, fragment: str) -> JsonLocation | None:
        if fragment and not fragment.startswith("/"):
            return self._anchored(whole).get(fragment)
        spot: JsonLocation | None = whole
        for part in fragment.split("/")[1:]:
            spot = None if spot is None else self._step(spot, part.replace("~1", "/").replace("~0", "~"))
        return spot

    def _step(self, spot: JsonLocation, part: str) -> JsonLocation | None:
        if reference_in(spot.value) is not None and part not in spot.value:
            spot = self.follow(spot)
        if not isinstance(spot.value, list):
            return spot.get(part)
        at = int(part) if _INDEX.fullmatch(part) else len(spot.value)
        return (
            JsonLocation(spot.value[at], spot.place, (*spot.pointer, part)) if at < len(spot.value) else None
        )

    def _anchored(self, whole: JsonLocation) -> dict[str, JsonLocation]:
        """The values of a file that have an `$anchor`, by its name."""
        if whole.place not in self._anchors:
            self._anchors[whole.place] = _anchors_in(whole)
        return self._anchors[whole.place]


def reference_in(value: Any) -> str | None:
    reference = value.get("$ref") if isinstance(value, dict) else None
    return reference if isinstance(reference, str) else None


def _anchors_in(whole: JsonLocation) -> dict[str, JsonLocation]:
    found: dict[str, JsonLocation] = {}
    pending = [whole]
    while pending:
        spot = pending.pop()
        if spot.text("$anchor"):
            found[spot.text("$anchor")] = spot
        pending.extend(spot.elements())
        pending.extend(inner for _, inner in spot.fields())
    return found
