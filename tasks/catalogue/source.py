"""What a catalogue source is, and the small values between a source and the rows of the warehouse.

A source is read in two steps, so that the second can be split into shards: `listing` says which tools
there are, `fetch` reads some of them whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from tasks.catalogue.names import first_distinct, readable_name, short_hash
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api, Tool

STAGE = "crawl"


class CrawlReason(StrEnum):
    """Why a listed tool or one of its APIs is not used."""

    NOT_FOUND = "not_found"  # listed, but the source no longer has it
    REFUSED = "refused"  # the source answered with another 4xx
    MISSING = "missing"  # counted by the listing, and named nowhere in it
    UNAVAILABLE = "unavailable"  # every try failed while the rest of the source answered
    NOT_JSON = "not_json"
    MALFORMED = "malformed"  # something needed is missing or of the wrong type
    INCONSISTENT = "inconsistent"  # the source contradicts itself
    UNNAMED = "unnamed"
    DUPLICATE = "duplicate"
    UNSUPPORTED_BODY = "unsupported_body"
    NO_USABLE_API = "no_usable_api"
    UNREADABLE = "unreadable"  # a file that cannot be opened, decoded or parsed
    TOO_LARGE = "too_large"
    UNSUPPORTED_VERSION = "unsupported_version"
    BROKEN_REFERENCE = "broken_reference"  # it leads nowhere, in a circle, or outside the source
    NO_SERVER = "no_server"  # nothing says at which address it is called
    UNSUPPORTED_METHOD = "unsupported_method"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"
    PARTLY_READ = "partly_read"  # no loss: a remark on an API that is used without some parts


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolEntry(_Value):
    """A tool as the listing names it.

    id: the source's own id, by which `fetch` asks for it.  standardized_name: unique in its category.
    collections: sorted.  updated: as the source writes it; only good for "is it the same as before?".
    """

    id: str
    category: str
    name: str
    standardized_name: str
    collections: tuple[str, ...] = ()
    updated: str | None = None
    source: str
    source_url: str

    @property
    def tool_id(self) -> str:
        return f"{self.category}/{self.standardized_name}"


class Rejected(_Value):
    """A `Reject` in a form that passes between tasks as JSON."""

    row_id: str
    reason: CrawlReason
    detail: str

    @property
    def row(self) -> Reject:
        return Reject(stage=STAGE, row_id=self.row_id, reason=self.reason.value, detail=self.detail)


class Listing(_Value):
    """All tools of a source, sorted by id, each once; and what the listing holds that names no tool."""

    entries: tuple[ToolEntry, ...]
    rejects: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableApi:
    """An API that its source could not bring into the form of `ApiDetail`; stands among the others.

    place: where it is in the source.
    """

    name: str
    place: str
    reason: CrawlReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawled:
    """One listed tool as rows.  tool: None when it cannot be used, with the reason among the rejects.

    own_digest: of what the source says of the tool besides its APIs.  lost: rows of the APIs of a
    tool that cannot be used as a whole.
    """

    entry: ToolEntry
    tool: Tool | None
    own_digest: str = ""
    apis: tuple[Api, ...] = ()
    rejects: tuple[Reject, ...] = ()
    lost: tuple[Reject, ...] = field(default=(), compare=False)

    @classmethod
    def rejected(
        cls, entry: ToolEntry, reason: CrawlReason, detail: str, *, lost: tuple[Reject, ...] = ()
    ) -> Crawled:
        """A tool that cannot be used as a whole."""
        row = reject(entry.tool_id, reason, detail)
        return cls(entry=entry, tool=None, rejects=(row,), lost=lost)


class Source(Protocol):
    """Where tools come from.  Raises `Transient` or `BrokenContract` when the source as a whole fails."""

    def listing(self) -> Listing:
        """Every tool there is, without its APIs; what cannot be used is among the rejects."""
        ...

    def fetch(self, entries: Sequence[ToolEntry]) -> list[Crawled]:
        """One result per entry, in their order."""
        ...

    def close(self) -> None: ...


def reject(row_id: str, reason: CrawlReason, detail: str) -> Reject:
    return Rejected(row_id=row_id, reason=reason, detail=detail).row


def with_distinct_names(listings: Sequence[Listing]) -> list[Listing]:
    """The same listings, tool ids unique over all of them: needed when there are several sources.

    Tools of one category and standard name all get a hash of their source name appended, or of their
    address where the source names are equal too.  What has the very address of an earlier one is rejected
    as its duplicate.
    """
    names = iter(_distinct_names([entry for listing in listings for entry in listing.entries]))
    tools: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    return [_renamed(listing, names, tools, rows) for listing in listings]


def _renamed(listing: Listing, names: Iterator[str], tools: Counter[str], rows: Counter[str]) -> Listing:
    """tools, rows: how often each tool id and each row id of a reject came before."""
    entries: list[ToolEntry] = []
    rejects = [_with_own_row(rejected, rows) for rejected in listing.rejects]
    for entry in listing.entries:
        named = entry.model_copy(update={"standardized_name": next(names)})
        tools[named.tool_id] += 1
        if tools[named.tool_id] == 1:
            entries.append(named)
        else:
            rejects.append(_duplicate(named, tools[named.tool_id]))
    return Listing(entries=tuple(entries), rejects=tuple(rejects))


def _with_own_row(rejected: Rejected, rows: Counter[str]) -> Rejected:
    rows[rejected.row_id] += 1
    time = rows[rejected.row_id]
    return rejected if time == 1 else rejected.model_copy(update={"row_id": f"{rejected.row_id}#{time}"})


def _duplicate(entry: ToolEntry, time: int) -> Rejected:
    detail = f"a tool of this name and address ({entry.source_url}) came before"
    return Rejected(row_id=f"{entry.tool_id}#{time}", reason=CrawlReason.DUPLICATE, detail=detail)


def _distinct_names(entries: Sequence[ToolEntry]) -> list[str]:
    tool_ids = first_distinct(
        [
            [
                f"{entry.category}/{readable_name(entry.name)}",
                f"{entry.category}/{readable_name(entry.name)}_{short_hash(entry.name)}",
                f"{entry.category}/{readable_name(entry.name)}_{short_hash(entry.name, entry.source_url)}",
            ]
            for entry in entries
        ]
    )
    return [tool_id.rpartition("/")[2] for tool_id in tool_ids]
