"""OpenAPI documents as a catalogue source: each document a tool, each operation an API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from tasks.calling.params import CallingParams
from tasks.catalogue.names import readable_name, without_port
from tasks.catalogue.normalise import lost_with, normalise
from tasks.catalogue.openapi.apis import tool_detail
from tasks.catalogue.openapi.document import Document, Operation, document_of, is_document
from tasks.catalogue.openapi.files import EXPECTED, Files, contents_digest, local_files
from tasks.catalogue.openapi.location import Library
from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.remote import RemoteFiles, WithReferences, is_url
from tasks.catalogue.params import CatalogueParams, OpenApiParams
from tasks.catalogue.source import (
    Crawled,
    CrawlReason,
    Listing,
    Rejected,
    ToolEntry,
    UnusableApi,
    with_distinct_names,
)
from tasks.errors import BadRow, BrokenContract, UsageError
from tasks.transport.redactor import NO_SECRETS, Redactor


def open_openapi(
    source: OpenApiParams,
    params: CatalogueParams,
    calling: CallingParams,
    redactor: Redactor = NO_SECRETS,
) -> OpenApiSource:
    """Prepares documents for reading; nothing is requested yet.  redactor: takes keys out of what is read.

    Raises `UsageError` when there is nothing at a location on this machine, or something else than
    OpenAPI documents.
    """

    def with_references(files: Files) -> Files:
        return WithReferences(files, source, params, calling) if source.reference_hosts else files

    if is_url(source.location):
        return OpenApiSource(source, with_references(RemoteFiles(source, params, calling, redactor)))
    if source.headers or source.header_keys:
        raise UsageError(
            f"`location = {source.location!r}` is on this machine: documents there need no headers",
            fix="take `headers` and `header_keys` out of this source; keys of APIs are in `[calling] keys`",
        )
    opened = OpenApiSource(source, with_references(local_files(source.location)))
    opened.refuse_another_kind()
    return opened


def check_openapi(source: OpenApiParams) -> None:
    """Raises `UsageError` as `open_openapi` would, and for a URL that is none; asks nobody."""
    alone = source.model_copy(update={"reference_hosts": ()})
    open_openapi(alone, CatalogueParams(sources=(source,)), CallingParams()).close()


def openapi_version(source: OpenApiParams) -> str | None:
    """A digest of the files of a location on this machine."""
    return None if is_url(source.location) else contents_digest(source.location)


class OpenApiSource:
    """A `Source` over the documents among some files; a context manager that closes its connections."""

    def __init__(self, source: OpenApiParams, files: Files) -> None:
        self._source = source
        self._files = files
        self._library = Library(files)
        self._references = References(self._library)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._files.close()

    def refuse_another_kind(self) -> None:
        """Raises `UsageError` when no file is a document, or the only one named cannot be read.

        Reads no further than to the first that is one, or that may be one but is broken.
        """
        for place in self._files.places():
            try:
                if self._document(place) is not None:
                    return
            except BadRow as fault:
                if self._files.explicit:
                    raise self._unusable(fault.message) from fault
                return
        raise self._unusable(self._nothing())

    def listing(self) -> Listing:
        """Every document; what cannot be read is rejected, what is only referred to passed over.

        Raises `UsageError` when there is nothing of either kind.  A URL that gives no document raises
        `BrokenContract`, or `Transient` when nothing came back.
        """
        entries: list[ToolEntry] = []
        rejects: list[Rejected] = []
        n_documents = 0
        for place in self._files.places():
            try:
                document = self._document(place)
            except BadRow as fault:
                rejects.append(Rejected(row_id=place, reason=CrawlReason(fault.reason), detail=fault.message))
                continue
            n_documents += document is not None
            entries += [self._entry(tool) for tool in self._tools(document) if self._has_wanted(tool)]
        if not entries:
            self._refuse_nothing(n_documents, rejects)
        listing = Listing(entries=tuple(sorted(entries, key=lambda entry: entry.id)), rejects=tuple(rejects))
        return with_distinct_names([listing])[0]

    def fetch(self, entries: Sequence[ToolEntry]) -> list[Crawled]:
        """The rows of each document, in the order of `entries`."""
        places = {_id_of(place): place for place in self._files.places()}
        return [self._fetch(entry, places) for entry in entries]

    def _fetch(self, entry: ToolEntry, places: Mapping[str, str]) -> Crawled:
        place = places.get(entry.id.rpartition("#")[0] if self._source.tool == "tag" else entry.id)
        named: list[tuple[str, Operation]] = []
        try:
            tools = [] if place is None else self._tools(self._document(place))
            document = next((tool for tool in tools if self._id(tool) == entry.id), None)
            if document is None:
                return Crawled.rejected(entry, CrawlReason.NOT_FOUND, f"{entry.id} is no longer there")
            named = document.named(self._source)
            url = self._files.url_of(document.place)
            detail = tool_detail(document, self._references, self._source, document_url=url)
        except BadRow as fault:
            reason = CrawlReason(fault.reason)
            apis = [
                UnusableApi(name=name, place=operation.place, reason=reason, detail=fault.message)
                for name, operation in named
            ]
            return Crawled.rejected(entry, reason, fault.message, lost=lost_with(entry, fault, apis))
        return normalise(entry, detail | {"id": entry.id})

    def _document(self, place: str) -> Document | None:
        """None where a file does not say that it is a document.  Raises `BadRow`."""
        whole = self._library.whole(place)
        if whole.value is None:
            raise BadRow(CrawlReason.UNREADABLE, f"{place}: it is empty")
        return document_of(whole, self._references) if is_document(whole) else None

    def _tools(self, document: Document | None) -> list[Document]:
        """What of a document is a tool: all of it, or the operations of each tag."""
        if document is None:
            return []
        return document.by_tag() if self._source.tool == "tag" else [document]

    def _id(self, tool: Document) -> str:
        return _id_of(tool.place) if tool.tag is None else f"{_id_of(tool.place)}#{tool.tag}"

    def _has_wanted(self, document: Document) -> bool:
        """Whether any operation is left where only some are wanted."""
        return bool(document.named(self._source)) or not (self._source.include or self._source.exclude)

    def _entry(self, document: Document) -> ToolEntry:
        return ToolEntry(
            id=self._id(document),
            category=document.category(self._source),
            name=document.title,
            standardized_name=readable_name(document.title),
            collections=document.collections(self._source),
            source="openapi",
            source_url=_id_of(document.place),
        )

    def _refuse_nothing(self, n_documents: int, rejects: Sequence[Rejected]) -> None:
        """Raises unless there are rejects among many files to tell why nothing is left."""
        if n_documents:
            raise self._unusable("no operation is left after `include` and `exclude`")
        if rejects and not self._files.explicit:
            return
        what = rejects[0].detail if rejects else self._nothing()
        if not is_url(self._source.location):
            raise self._unusable(what)
        raise BrokenContract(
            f"{self._source.location} is not the OpenAPI document that was expected: {what}", fix=EXPECTED
        )

    def _nothing(self) -> str:
        if self._files.explicit:
            return "it names neither an `openapi` nor a `swagger` version"
        return f"none of its {len(self._files.places())} files is an OpenAPI document"

    def _unusable(self, what: str) -> UsageError:
        return UsageError(
            f"the openapi source {self._source.location!r} cannot be used: {what}", fix=EXPECTED
        )


def _id_of(place: str) -> str:
    """The place without the port of a test server."""
    return without_port(place) if is_url(place) else place
