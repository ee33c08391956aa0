"""A hub: a marketplace that lists tools over HTTP, page by page, and documents each of them.

It is asked what its mapping says: checked, in our form, and not twice in one crawl.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationError

from tasks.catalogue.crawl_state import HostLimiter, Pages, Reading
from tasks.catalogue.detail import Foreign, Name, explain
from tasks.catalogue.mapping import Asking, Values
from tasks.catalogue.names import readable_name, without_port
from tasks.catalogue.normalise import normalise
from tasks.catalogue.params import CatalogueParams, HubParams, secret_headers
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
from tasks.transport.proxies import Proxies
from tasks.transport.redactor import NO_SECRETS

MOST_PAGES = 100_000

P = TypeVar("P", bound=Foreign)
R = TypeVar("R")


class ToolPage(Foreign):
    """Tools one by one, so that a bad entry spoils only itself.  next: the cursor of what follows."""

    page: int | None = None
    pages: int | None = Field(default=None, ge=0, le=MOST_PAGES)
    total: int | None = Field(default=None, ge=0)
    next: str | None = None
    tools: list[Any]


class _Collection(Foreign):
    name: Name
    tools: list[str]


class _Collections(Foreign):
    collections: list[_Collection]


class Marketplace:
    """A hub as `mapping` describes it.  threads: for pages that can be asked for at once."""

    def __init__(
        self, source: HubParams, client: JsonClient, pages: Pages | None, threads: ThreadPoolExecutor
    ) -> None:
        self.location = source.location.rstrip("/")
        self._mapping = source.mapping
        self._page_size = source.page_size
        self._client = client
        self._kept = pages
        self._threads = threads

    def memberships(self) -> dict[str, list[str]]:
        """Tool id to the collections it is in."""
        if self._mapping.collections is False:
            return {}
        listed = self._contract(self._mapping.collections, _Collections, {}, fresh=False)
        memberships: dict[str, list[str]] = {}
        for collection in listed.collections:
            for id_ in collection.tools:
                memberships.setdefault(id_, []).append(collection.name)
        return memberships

    def pages(self, *, fresh: bool) -> Iterator[ToolPage]:
        """All pages, by number where the first one tells how many there are, else one after the other.

        fresh: what an interrupted crawl has read is read again.
        """
        first = self._page(self._mapping.first_page, "", fresh=fresh)
        yield first
        count = self._count(first)
        if count is None:
            yield from self._following(first, fresh=fresh)
            return
        numbers = range(self._mapping.first_page + 1, self._mapping.first_page + count)
        yield from self._threads.map(lambda number: self._page(number, "", fresh=fresh), numbers)

    def _count(self, first: ToolPage) -> int | None:
        """How many pages there are; None where only reading them tells.

        By offset a server may give fewer tools a page than it is asked for: then each offset is what came
        before, whatever the number of pages that it tells.
        """
        if not self._mapping.tools.mentions("offset"):
            return first.pages
        if first.total is None or not first.tools:
            return None
        if len(first.tools) >= first.total:
            return 1
        return -(-first.total // self._page_size) if len(first.tools) == self._page_size else None

    def make_sure_it_answers(self) -> None:
        """Raises when it does not: a hub that is down must not empty the catalogue tool by tool."""
        self._page(self._mapping.first_page, "", fresh=True)

    def tool(self, id_: str) -> Any:
        """The documentation of one tool.  Raises `Transient`, or `BadRow` when it cannot be used."""
        answer = self._answer(self._mapping.tool, {"id": id_}, lambda answer: answer, fresh=False)
        return self._mapping.in_our_form(self._mapping.tool.selected(answer))

    def url_of(self, id_: str) -> str:
        return self._mapping.tool.url_at(self.location, {"id": id_})

    def url_of_page(self, number: int, cursor: str = "") -> str:
        return self._mapping.tools.url_at(self.location, self._page_values(number, cursor))

    def _page_values(self, number: int, cursor: str, offset: int | None = None) -> Values:
        """offset: of the page's first tool, when it is known better than from full pages before it."""
        by_number = (number - self._mapping.first_page) * self._page_size
        start = by_number if offset is None else offset
        return {"page": number, "page_size": self._page_size, "cursor": cursor, "offset": start}

    def _following(self, page: ToolPage, *, fresh: bool) -> Iterator[ToolPage]:
        by_cursor, seen, offset = page.next is not None, {page.next}, len(page.tools)
        for number in range(self._mapping.first_page + 1, self._mapping.first_page + MOST_PAGES):
            if not page.tools or (by_cursor and page.next is None):
                return
            before, page = page, self._page(number, page.next or "", offset, fresh=fresh)
            if page.tools == before.tools and not by_cursor:
                return  # some give the last page for any that would come after it
            offset += len(page.tools)
            if page.next is not None and page.next in seen:
                raise broken(self.location, f"its pages go round in a circle at {page.next!r}")
            seen.add(page.next)
            yield page

    def _page(self, number: int, cursor: str, offset: int | None = None, *, fresh: bool) -> ToolPage:
        values = self._page_values(number, cursor, offset)
        page = self._contract(self._mapping.tools, ToolPage, values, fresh=fresh)
        if page.page is not None and page.page != number:
            raise broken(self.url_of_page(number, cursor), f"it answered with page {page.page}")
        return page.model_copy(update={"page": number})

    def _contract(self, asking: Asking, model: type[P], values: Values, *, fresh: bool) -> P:
        """What the hub must be able to say, or there is no point in going on."""
        url = asking.url_at(self.location, values)
        try:
            return self._answer(
                asking, values, lambda answer: model.model_validate(asking.selected(answer)), fresh=fresh
            )
        except ValidationError as error:
            raise broken(url, explain(error)) from error
        except BadRow as fault:
            raise broken(url, fault.message) from fault
        except ConnectionFailed as failure:
            failure.fix = (
                f"is the hub running? check `location = {self.location!r}` in `[[catalogue.sources]]`, "
                "`[calling] resolve` and the network"
            )
            raise

    def _answer(self, asking: Asking, values: Values, read: Callable[[Any], R], *, fresh: bool) -> R:
        """What `read` makes of the answer.  Only an answer that can be read is kept."""
        request = (asking.method, asking.url_at(self.location, values), asking.body_with(values))
        kept = None if fresh or self._kept is None else self._kept.get(*request)
        answer = self._client.ask(*request) if kept is None else kept
        result = read(answer)
        if kept is None and self._kept is not None:
            self._kept.put(*request, answer)
        return result


def not_whole(url: str, seen: int, total: int) -> BrokenContract:
    """Its pages overlap and leave tools out, in the same way each time: they are asked for in a wrong way."""
    return BrokenContract(
        f"{url}: the listing counts {total} tools, its pages name {seen} different ones, some of them twice",
        fix="correct `mapping.tools`: {page} counts pages, from `first_page` (1) on; {offset} counts the "
        "tools that came before, from 0; {cursor} is what the answer tells as `next`",
    )


def broken(url: str, what: str) -> BrokenContract:
    """The hub does not serve what was agreed."""
    return BrokenContract(
        f"{url} is not the hub listing that was expected: {what}",
        fix="check that `location` in `[[catalogue.sources]]` is the base URL of a hub's listing: "
        "it must serve what docs/hub.md says, or `mapping` must say where to find it",
    )


READINGS = 3  # of a listing that changes while it is read


class _ListedTool(Foreign):
    id: Name
    category: Name
    name: Name
    updated: str | None = None


def open_hub(
    source: HubParams,
    params: CatalogueParams,
    resolve: Mapping[str, str],
    reading: Reading | None = None,
    *,
    first_wait_s: float = FIRST_WAIT_S,
    proxies: Proxies | None = None,
) -> HubSource:
    """Prepares a hub for reading; nothing is requested yet.

    resolve: host globs to the base URLs that really serve them.  reading: what is shared with others
    who read in the same crawl.  first_wait_s: before a failed request is tried again.
    proxies: what leads to other hosts.  Raises `UsageError`.
    """
    _check_location(source.location)
    client = JsonClient(
        timeout_s=params.timeout_s,
        resolve=resolve,
        limiter=_limiter(source, params, reading),
        headers=source.headers,
        secret_headers=secret_headers(source),
        first_wait_s=first_wait_s,
        proxies=proxies,
        redactor=NO_SECRETS if reading is None else reading.redactor,
    )
    pages = None if reading is None else reading.pages
    return HubSource(source=source, concurrency=params.concurrency, client=client, pages=pages)


def check_hub(source: HubParams) -> None:
    """Raises `UsageError` for an address that is none and keys that are not set; asks nobody."""
    _check_location(source.location)
    secret_headers(source)


def _limiter(source: HubParams, params: CatalogueParams, reading: Reading | None) -> HostLimiter:
    per_second = source.per_host_rps or params.per_host_rps
    if reading is None:
        return HostLimiter(at_once=params.concurrency, per_second=per_second)
    return reading.limiter(source.location, at_once=params.concurrency, per_second=per_second)


class HubSource:
    """A `Source` over a hub's listing; a context manager that closes its connections."""

    def __init__(
        self, *, source: HubParams, concurrency: int, client: JsonClient, pages: Pages | None
    ) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="crawl")
        self._hub = Marketplace(source, client, pages, self._threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._client.close()

    def listing(self) -> Listing:
        """All tools and the collections they are in; each tool once, though the hub changes meanwhile.

        Raises `ConnectionFailed`, `RateLimited` or `ServerFailed` when the hub does not answer, and
        `BrokenContract` when what it answers is no listing.
        """
        memberships = self._hub.memberships()
        readings: list[list[ToolPage]] = []
        for reading in range(READINGS):
            anew = list(self._hub.pages(fresh=reading > 0))
            if _is_whole(anew):
                return self._list(anew, memberships)
            readings.append(anew)
        # It changes faster than it can be read: what any of the readings saw is what there is.
        pages = [page for pages in readings for page in pages]
        return self._with_missing(self._list(pages, memberships), readings)

    def fetch(self, entries: Sequence[ToolEntry]) -> list[Crawled]:
        """The rows of each tool, in the order of `entries`.

        A tool that cannot be read is rejected; if the hub as a whole stopped answering, the errors of
        `listing` are raised instead.
        """
        return list(self._threads.map(self._fetch_or_reject, entries))

    def fetch_tool(self, entry: ToolEntry) -> Any:
        """The documentation of one tool, in our form.  Raises `BadRow` when it alone cannot be read."""
        try:
            return self._hub.tool(entry.id)
        except Transient as failure:
            self._hub.make_sure_it_answers()
            raise BadRow(CrawlReason.UNAVAILABLE, failure.message) from failure
        except BadRow as fault:
            if fault.reason != CrawlReason.NOT_FOUND:
                self._hub.make_sure_it_answers()
            raise

    def _fetch_or_reject(self, entry: ToolEntry) -> Crawled:
        try:
            raw = self.fetch_tool(entry)
        except BadRow as fault:
            return Crawled.rejected(entry, CrawlReason(fault.reason), fault.message)
        return normalise(entry, raw)

    def _with_missing(self, listing: Listing, readings: Sequence[Sequence[ToolPage]]) -> Listing:
        """Says how many tools no reading saw.  Raises `BrokenContract` where the mapping is to blame."""
        last = readings[-1]
        seen = len(set().union(*map(_ids, readings)))
        total, named = last[-1].total, sum(len(page.tools) for page in last)
        first_url = self._hub.url_of_page(last[0].page or 0)
        unmoved = all(_state(reading) == _state(last) for reading in readings)
        if total is not None and seen < total:
            # A hub may count a tool of two categories twice; more than half is no such oddity.
            if unmoved and named > len(_ids(last)) and seen * 2 < total:
                raise not_whole(first_url, seen, total)
            unseen = total - seen
            detail = f"the listing counts {total} tools and names {seen}: {unseen} missing"
        elif total is None and unmoved:
            repeats = named - len(_ids(last))
            detail = f"{repeats} of {named} entries repeat others: do the pages of `mapping.tools` overlap?"
        else:
            return listing
        row_id = f"{without_port(first_url)}#missing"
        missing = Rejected(row_id=row_id, reason=CrawlReason.MISSING, detail=detail)
        return listing.model_copy(update={"rejects": (*listing.rejects, missing)})

    def _list(self, pages: Iterable[ToolPage], memberships: Mapping[str, list[str]]) -> Listing:
        entries: dict[str, ToolEntry] = {}
        rejects: dict[str, Rejected] = {}
        for page in pages:
            read = [self._entry(raw, f"?page={page.page}#{at}") for at, raw in enumerate(page.tools)]
            usable = [entry for entry in read if isinstance(entry, ToolEntry)]
            unusable = [entry for entry in read if isinstance(entry, Rejected)]
            if unusable and not usable:
                raise broken(self._hub.url_of_page(page.page or 0), unusable[0].detail)
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
            row_id = (
                f"{without_port(self._hub.location)}/tools{where}"  # no tool id, and unique over all hubs
            )
            return Rejected(row_id=row_id, reason=CrawlReason.MALFORMED, detail=explain(error))
        return ToolEntry(
            id=tool.id,
            category=tool.category,
            name=tool.name,
            standardized_name=readable_name(tool.name),
            updated=tool.updated,
            source="hub",
            source_url=without_port(self._hub.url_of(tool.id)),
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


def _is_whole(pages: Sequence[ToolPage]) -> bool:
    """Whether the pages are of one state of the listing and name all its tools, as far as totals tell."""
    agree = len({(page.pages, page.total) for page in pages}) == 1
    total = pages[0].total
    expected = sum(len(page.tools) for page in pages) if total is None else total
    return agree and len(_ids(pages)) >= expected


def _ids(pages: Iterable[ToolPage]) -> set[str]:
    """Of the tools that the pages name; an entry without an id is one of its own."""
    return {
        str(raw["id"]) if isinstance(raw, dict) and raw.get("id") else f"{page.page}#{at}"
        for page in pages
        for at, raw in enumerate(page.tools)
    }


def _state(pages: Sequence[ToolPage]) -> tuple[set[tuple[int | None, int | None]], set[str]]:
    """What tells a listing that has changed from one that is read wrongly."""
    return {(page.pages, page.total) for page in pages}, _ids(pages)


def _in_collections(entry: ToolEntry, memberships: Mapping[str, list[str]]) -> ToolEntry:
    names = tuple(sorted(set(memberships.get(entry.id, ()))))
    return entry.model_copy(update={"collections": names})
