"""A hub: a marketplace that lists tools over HTTP, page by page, and documents each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationError

from tasks.catalogue.detail import Foreign, Name, explain
from tasks.catalogue.names import readable_name, without_port
from tasks.catalogue.normalise import normalise
from tasks.catalogue.params import CatalogueParams, HubParams
from tasks.catalogue.source import (
    Crawled,
    CrawlReason,
    Listing,
    Rejected,
    ToolEntry,
    with_distinct_names,
)
from tasks.catalogue.web import FIRST_WAIT_S, JsonClient
from tasks.errors import BadRow, BrokenContract, ConnectionFailed, Transient, UsageError

READINGS = 3  # of a listing that changes while it is read

P = TypeVar("P", bound=Foreign)


class _ListedTool(Foreign):
    id: Name
    category: Name
    name: Name
    updated: str | None = None


class _ToolPage(Foreign):
    """Tools one by one, so that a bad entry spoils only itself."""

    page: int
    pages: int = Field(ge=0, le=100_000)
    total: int = Field(ge=0)
    tools: list[Any]


class _Collection(Foreign):
    name: Name
    tools: list[str]


class _Collections(Foreign):
    collections: list[_Collection]


def open_hub(
    source: HubParams,
    params: CatalogueParams,
    resolve: Mapping[str, str],
    *,
    first_wait_s: float = FIRST_WAIT_S,
) -> HubSource:
    """Prepares a hub for reading; nothing is requested yet.

    resolve: host globs to the base URLs that really serve them.  first_wait_s: before a failed request
    is tried again.  Raises `UsageError`.
    """
    _check_location(source.location)
    return HubSource(
        location=source.location.rstrip("/"),
        page_size=source.page_size,
        concurrency=params.concurrency,
        client=JsonClient(timeout_s=params.timeout_s, resolve=resolve, first_wait_s=first_wait_s),
    )


class HubSource:
    """A `Source` over a hub's listing; a context manager that closes its connections."""

    def __init__(self, *, location: str, page_size: int, concurrency: int, client: JsonClient) -> None:
        self._location = location
        self._page_size = page_size
        self._client = client
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="crawl")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._client.close()

    def listing(self) -> Listing:
        """All tools and the collections they are in.

        Raises `ConnectionFailed`, `RateLimited` or `ServerFailed` when the hub does not answer, and
        `BrokenContract` when what it answers is no listing.
        """
        collections = self._contract(f"{self._location}/collections", _Collections)
        for _ in range(READINGS):
            pages = self._pages()
            if _is_whole(pages):
                return self._list(pages, _memberships(collections))
        raise BrokenContract(
            f"{self._location}/tools changed each of the {READINGS} times it was read",
            fix="crawl again when the hub is not being changed; its pages must agree on their totals",
        )

    def fetch(self, entries: Sequence[ToolEntry]) -> list[Crawled]:
        """The rows of each tool, in the order of `entries`.

        A tool that cannot be read is rejected; if the hub as a whole stopped answering, the errors of
        `listing` are raised instead.
        """
        return list(self._threads.map(self._fetch_or_reject, entries))

    def fetch_tool(self, entry: ToolEntry) -> Any:
        """The documentation of one tool as served.  Raises `BadRow` when it alone cannot be read."""
        try:
            return self._client.get(_tool_url(self._location, entry.id))
        except Transient as failure:
            self._make_sure_the_hub_answers()
            raise BadRow(CrawlReason.UNAVAILABLE, failure.message) from failure
        except BadRow as fault:
            if fault.reason != CrawlReason.NOT_FOUND:
                self._make_sure_the_hub_answers()
            raise

    def _fetch_or_reject(self, entry: ToolEntry) -> Crawled:
        try:
            raw = self.fetch_tool(entry)
        except BadRow as fault:
            return Crawled.rejected(entry, CrawlReason(fault.reason), fault.message)
        return normalise(entry, raw)

    def _make_sure_the_hub_answers(self) -> None:
        """Raises when it does not: a hub that is down must not empty the catalogue tool by tool."""
        self._page(1)

    def _pages(self) -> list[_ToolPage]:
        first = self._page(1)
        return [first, *self._threads.map(self._page, range(2, first.pages + 1))]

    def _page(self, number: int) -> _ToolPage:
        url = f"{self._location}/tools?page={number}&page_size={self._page_size}"
        page = self._contract(url, _ToolPage)
        if page.page != number:
            raise _broken(url, f"it answered with page {page.page}")
        return page

    def _contract(self, url: str, model: type[P]) -> P:
        """What the hub must be able to say, or there is no point in going on."""
        try:
            return model.model_validate(self._client.get(url))
        except ValidationError as error:
            raise _broken(url, explain(error)) from error
        except BadRow as fault:
            raise _broken(url, fault.message) from fault
        except ConnectionFailed as failure:
            failure.fix = (
                f"is the hub running? check `location = {self._location!r}` in `[[catalogue.sources]]`, "
                "`[calling] resolve` and the network"
            )
            raise

    def _list(self, pages: Iterable[_ToolPage], memberships: Mapping[str, list[str]]) -> Listing:
        entries: dict[str, ToolEntry] = {}
        rejects: dict[str, Rejected] = {}
        for page in pages:
            read = [self._entry(raw, f"?page={page.page}#{at}") for at, raw in enumerate(page.tools)]
            usable = [entry for entry in read if isinstance(entry, ToolEntry)]
            unusable = [entry for entry in read if isinstance(entry, Rejected)]
            if unusable and not usable:
                raise _broken(f"{self._location}/tools?page={page.page}", unusable[0].detail)
            for entry in usable:
                entries.setdefault(entry.id, _in_collections(entry, memberships))
            rejects.update({entry.row_id: entry for entry in unusable})
        listing = Listing(
            entries=tuple(entries[id_] for id_ in sorted(entries)),
            rejects=tuple(rejects[row_id] for row_id in sorted(rejects)),
        )
        return with_distinct_names([listing])[0]

    def _entry(self, raw: Any, place: str) -> ToolEntry | Rejected:
        try:
            tool = _ListedTool.model_validate(raw)
        except ValidationError as error:
            id_ = raw.get("id") if isinstance(raw, dict) else None
            where = f"/{quote(id_)}" if isinstance(id_, str) and id_.strip() else place
            row_id = f"{without_port(self._location)}/tools{where}"  # no tool id, and unique over all hubs
            return Rejected(row_id=row_id, reason=CrawlReason.MALFORMED, detail=explain(error))
        return ToolEntry(
            id=tool.id,
            category=tool.category,
            name=tool.name,
            standardized_name=readable_name(tool.name),
            updated=tool.updated,
            source="hub",
            source_url=_tool_url(without_port(self._location), tool.id),
        )


def _check_location(location: str) -> None:
    if not _is_plain_url(location):
        shown = "" if "@" in location else f" ({location!r})"  # what precedes an @ may be a password
        raise UsageError(
            f"`location` of a hub in `[[catalogue.sources]]`{shown} is not a plain http or https URL",
            fix="give the base URL alone, such as http://hub.example.org, without credentials or query",
        )


def _is_plain_url(location: str) -> bool:
    try:
        parts = urlsplit(location)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        return False
    return named and parts.scheme in {"http", "https"} and not set("@?#") & set(location)


def _tool_url(location: str, id_: str) -> str:
    return f"{location}/tools/{quote(id_)}"


def _broken(url: str, what: str) -> BrokenContract:
    return BrokenContract(
        f"{url} is not the hub listing that was expected: {what}",
        fix="check that `location` in `[[catalogue.sources]]` is the base URL of a hub's listing: "
        "it must serve /tools and /collections as JSON (open the URL above to see what it serves)",
    )


def _is_whole(pages: Sequence[_ToolPage]) -> bool:
    """Whether the pages are of one state of the listing, as far as their totals tell."""
    agree = len({(page.pages, page.total) for page in pages}) == 1
    return agree and sum(len(page.tools) for page in pages) >= pages[0].total


def _memberships(listed: _Collections) -> dict[str, list[str]]:
    """Tool id to the collections it is in."""
    memberships: dict[str, list[str]] = {}
    for collection in listed.collections:
        for id_ in collection.tools:
            memberships.setdefault(id_, []).append(collection.name)
    return memberships


def _in_collections(entry: ToolEntry, memberships: Mapping[str, list[str]]) -> ToolEntry:
    names = tuple(sorted(set(memberships.get(entry.id, ()))))
    return entry.model_copy(update={"collections": names})
