"""Addresses in a configuration, which Prefect, tables and error texts may show."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _without_credentials(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("an address must hold no credentials: name their environment variable instead")
    return url


PublicUrl = Annotated[str, AfterValidator(_without_credentials)]
"""A URL without user and password."""
