"""Screens of instructions that name a tool or an API: people do not know how it is done."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from tasks.instructions.screens.instruction import Screened


def names_a_tool(instruction: Screened) -> str | None:
    return mentioned(instruction.query, (name.tool_name for name in instruction.offered))


def names_an_api(instruction: Screened) -> str | None:
    return mentioned(instruction.query, (name.api_name for name in instruction.offered))


def mentioned(query: str, names: Iterable[str]) -> str | None:
    said = " ".join(query.split())
    lowered = said.lower()
    for name in dict.fromkeys(names):
        # Looking for plain text first is what makes this cheap: hardly any name occurs at all.
        spelled = " ".join(name.split())
        word = _SUFFIX.sub("", spelled)
        if spelled and word.lower() in lowered and _mention_of(spelled).search(said):
            return f"names {name!r}"
    return None


@lru_cache(maxsize=100_000)
def _mention_of(name: str) -> re.Pattern[str]:
    """What counts as mentioning a tool or API by name.

    Names are often plain words ("Time", "Search", "word count") that any speaker may use.  Only a name
    that is not ordinary prose counts alone: a title of several words in its very capitals, or a spelling
    of machines, or one that says itself that it is an API.  Any name counts when it is called an API or an
    endpoint.
    """
    spelled, word = re.escape(name), re.escape(_SUFFIX.sub("", name))
    called_api = rf"(?i:{word})(?=\s+(?i:apis?|endpoints?)\b)"
    if _MACHINE_SPELLING.search(name) or _SAYS_API.search(name):
        alone = rf"(?i:{spelled})"
    else:
        alone = spelled if len(_TITLE_WORD.findall(name)) >= 2 else r"(?!)"
    return re.compile(rf"(?<!\w)(?:{alone}|{called_api})(?!\w)")


_TITLE_WORD = re.compile(r"\b[A-Z][a-z]+\b")
_MACHINE_SPELLING = re.compile(r"[a-z][A-Z]|\w_\w|\w\.\w|^/")
_SAYS_API = re.compile(r"(?:\w{3}|\W)apis?\b|\bapis?\W", re.IGNORECASE)  # and no okapi
_SUFFIX = re.compile(r"(?<=\w)\W+apis?$", re.IGNORECASE)
