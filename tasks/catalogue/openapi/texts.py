"""Texts of documents, kept to a length that a table can hold."""

from __future__ import annotations

LONGEST = 65_536  # characters of a description
LONGEST_NAME = 200
CUT = " ... (cut)"


def capped(text: str, characters: int = LONGEST) -> str:
    """The text, or as much of it as fits before a mark."""
    return text if len(text) <= characters else text[: characters - len(CUT)] + CUT


def one_line(text: str) -> str:
    """The text of a name: without line breaks and control characters, not overlong."""
    printable = text[:10_000]
    if not printable.isprintable():
        printable = "".join(character if character.isprintable() else " " for character in printable)
    return " ".join(printable.split())[:LONGEST_NAME].strip()
