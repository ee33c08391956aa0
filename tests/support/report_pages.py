"""Reading a report as a browser does, without one."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class Page(HTMLParser):
    """elements: tags with their attributes, in order; texts: what `script` and `style` elements hold."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[tuple[str, dict[str, str | None], str]] = field(default_factory=list)
    title: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._inside: tuple[str, dict[str, str | None]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs)) if tag in ("script", "style", "title") else None

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is None:
            return
        if self._inside[0] == "title":
            self.title += data
        else:
            self.texts.append((*self._inside, data))

    def script(self, element_id: str | None) -> str:
        """The text of the script element of that id; None: the one that runs."""
        scripts = {given.get("id"): text for tag, given, text in self.texts if tag == "script"}
        return scripts[element_id]

    def unpacked(self, element_id: str) -> Any:
        return json.loads(gzip.decompress(b64decode(self.script(element_id))))


def read_page(text: str) -> Page:
    page = Page()
    page.feed(text)
    return page
