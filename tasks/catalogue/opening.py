"""Opening the catalogue source that a configuration names."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tasks.calling.params import CallingParams
from tasks.catalogue.hub import open_hub
from tasks.catalogue.params import CatalogueParams, SourceParams
from tasks.catalogue.source import Source


def open_source(
    source: SourceParams, params: CatalogueParams, calling: CallingParams
) -> AbstractContextManager[Source]:
    """Prepares a source for reading.  Raises `UsageError` when there is none, or one of another kind."""
    return open_hub(source, params, calling.resolve)


def version_of(source: SourceParams) -> str | None:  # noqa: ARG001 - a hub's contents are not known beforehand
    """A digest of the source's contents where they lie on this machine; None where only asking can tell.

    It is part of the crawl's key, so that an edited file is read again before `max_age` has passed.
    """
    return None
