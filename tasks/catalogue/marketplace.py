"""Asking a marketplace what its mapping says: checked, in our form, and not twice in one crawl."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from tasks.catalogue.crawl_state import Pages
from tasks.catalogue.detail import Foreign, Name, explain
from tasks.catalogue.mapping import Asking, Values
from tasks.catalogue.params import HubParams
from tasks.catalogue.web import JsonClient
from tasks.errors import BadRow, BrokenContract, ConnectionFailed

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
