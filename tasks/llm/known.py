"""What endpoints were found to be able to do, kept in the data folder so that it is asked once."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.llm.abilities import Abilities
from tasks.llm.params import LlmParams

# Servers are upgraded and configured anew.
MAX_AGE = timedelta(days=30)


class KnownEndpoint(BaseModel):
    """An endpoint with a model, as `[llm] tools` and `body` had it asked about.

    trial: which questions it was asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    model: str
    tools: str
    body: dict[str, Any] = {}
    trial: Literal[2]
    found_at: datetime
    abilities: Abilities


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoints: tuple[KnownEndpoint, ...] = ()


class KnownEndpoints:
    """`<data>/store/endpoints.json`.  Removing it, or an entry of it, has endpoints asked again."""

    def __init__(self, data: Path) -> None:
        self._path = data / "store" / "endpoints.json"

    def find(self, params: LlmParams) -> Abilities | None:
        now = datetime.now(UTC)
        for known in self._read():
            if _is_of(known, params) and now - known.found_at <= MAX_AGE:
                return known.abilities
        return None

    def keep(self, params: LlmParams, abilities: Abilities) -> None:
        """Only what was seen for certain: where something is unclear, all is asked again by the next run."""
        if abilities.unsure:
            return
        found = KnownEndpoint(
            base_url=params.known_as or params.base_url,
            model=params.model,
            tools=params.tools,
            body=params.body,
            trial=2,
            found_at=datetime.now(UTC),
            abilities=abilities,
        )
        self._write(*(known for known in self._read() if not _is_of(known, params)), found)

    def learn(self, params: LlmParams, context: int) -> None:
        """The endpoint has said how long a context is; when it was asked what else it can do stays."""
        known = self._read()
        of_it = [entry for entry in known if _is_of(entry, params) and entry.abilities.context != context]
        for entry in of_it:
            abilities = entry.abilities.model_copy(update={"context": context})
            self._write(
                *(other for other in known if other is not entry),
                entry.model_copy(update={"abilities": abilities}),
            )

    def _write(self, *endpoints: KnownEndpoint) -> None:
        text = _File(endpoints=endpoints).model_dump_json(indent=1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_text(text + "\n", encoding="utf-8")
        os.replace(unfinished, self._path)  # noqa: PTH105 - atomic, and says so

    def _read(self) -> tuple[KnownEndpoint, ...]:
        """A file that another version wrote is as good as none: asking again costs little."""
        try:
            return _File.model_validate_json(self._path.read_bytes()).endpoints
        except (FileNotFoundError, ValidationError):
            return ()


def _is_of(known: KnownEndpoint, params: LlmParams) -> bool:
    asked = (params.known_as or params.base_url, params.model, params.tools, params.body)
    return (known.base_url, known.model, known.tools, known.body) == asked
