"""What makes an instruction unfit.  Pure: a screen looks at one instruction and says what is wrong with it.

Nothing here asks whether an instruction is sensible; that takes a judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tasks.errors import BadRow
from tasks.instructions.names import OfferedNames
from tasks.instructions.words import words_of
from warehouse.tables.instructions import Candidate, NamedApi, RelevantApi

MOST_WORDS = 500
"""Longer instructions are a model that did not stop."""

_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """An instruction under the screens.

    found, unknown: the APIs it names that are among the offered ones, and those that are not.
    """

    query: str
    words: tuple[str, ...]
    found: tuple[RelevantApi, ...]
    unknown: tuple[NamedApi, ...]
    offered: tuple[NamedApi, ...]
    scenario: str
    min_words: int


Screen = Callable[[Screened], str | None]
"""Gives None when all is well, else the detail of the reject."""


def screened(
    candidate: Candidate, scenario: str, offered: OfferedNames, *, min_words: int
) -> tuple[RelevantApi, ...]:
    """The APIs that an instruction needs, as the catalogue spells them, each once.

    scenario, offered: of its sample.  Raises BadRow with the reason of the first screen that it fails.
    """
    instruction = _under_screens(candidate, scenario, offered, min_words)
    for reason, screen in SCREENS.items():
        detail = screen(instruction)
        if detail is not None:
            raise BadRow(reason, detail[:_LONGEST_DETAIL])
    return instruction.found


def _under_screens(candidate: Candidate, scenario: str, offered: OfferedNames, min_words: int) -> Screened:
    found = {name: offered.find(name) for name in candidate.relevant_apis}
    api_ids = dict.fromkeys(api_id for api_id in found.values() if api_id is not None)
    return Screened(
        query=candidate.query,
        words=tuple(words_of(candidate.query)),
        found=tuple(_relevant(api_id, offered.names[api_id]) for api_id in api_ids),
        unknown=tuple(name for name, api_id in found.items() if api_id is None),
        offered=tuple(offered.names.values()),
        scenario=scenario,
        min_words=min_words,
    )


def _relevant(api_id: str, name: NamedApi) -> RelevantApi:
    return RelevantApi(tool_name=name.tool_name, api_name=name.api_name, api_id=api_id)


def no_relevant_api(instruction: Screened) -> str | None:
    return None if instruction.found or instruction.unknown else "names no API that it needs"


def hallucinated_api(instruction: Screened) -> str | None:
    named = ", ".join(f"{name.tool_name!r}: {name.api_name!r}" for name in instruction.unknown)
    return f"not among the offered APIs: {named}" if named else None


def not_multi_tool(instruction: Screened) -> str | None:
    """Sets of several tools are drawn for instructions that need several."""
    tools = {api.api_id.rpartition("/")[0] for api in instruction.found}
    return None if instruction.scenario == "G1" or len(tools) >= 2 else f"needs {', '.join(tools)} alone"


def leaks_json(instruction: Screened) -> str | None:
    """The form of the reply inside the query."""
    leak = _REPLY_KEY.search(instruction.query)
    if leak is not None:
        return f"contains {leak[0]!r}"
    return "is JSON" if _is_json(instruction.query) else None


def placeholder(instruction: Screened) -> str | None:
    """A blank instead of a value."""
    blank = _PLACEHOLDER.search(instruction.query)
    return None if blank is None else f"contains {blank[0]!r}"


def not_a_request(instruction: Screened) -> str | None:
    """Nothing but a list, or no words at all."""
    if not any(character.isalpha() for character in instruction.query):
        return "has no words"
    lines = [line for line in instruction.query.splitlines() if line.strip()]
    return "is only a list" if len(lines) > 1 and all(map(_LIST_ITEM.match, lines)) else None


def too_short(instruction: Screened) -> str | None:
    n_words, least = len(instruction.words), instruction.min_words
    return f"{n_words} words, at least {least} wanted" if n_words < least else None


def too_long(instruction: Screened) -> str | None:
    n_words = len(instruction.words)
    return f"{n_words} words, at most {MOST_WORDS} wanted" if n_words > MOST_WORDS else None


def names_a_tool(instruction: Screened) -> str | None:
    return _mentioned(instruction.query, (name.tool_name for name in instruction.offered))


def names_an_api(instruction: Screened) -> str | None:
    return _mentioned(instruction.query, (name.api_name for name in instruction.offered))


SCREENS: Mapping[str, Screen] = {
    screen.__name__: screen
    for screen in (
        no_relevant_api,
        hallucinated_api,
        not_multi_tool,
        leaks_json,
        placeholder,
        not_a_request,
        too_short,
        too_long,
        names_a_tool,
        names_an_api,
    )
}
"""Every screen by its reject reason, in the order they are asked."""

_REPLY_KEY = re.compile(
    r"\b(?:relevant|related)_apis?\b|[\"'](?:query|relevant apis|related apis)[\"']\s*:", re.IGNORECASE
)
_LIST_ITEM = re.compile(r"\s*(?:[-*\u2022]|\d{1,2}[.)])\s")
_PLACEHOLDER = re.compile(
    r"""
      \[ [A-Za-z] [\w '/-]{1,40} \]         # [city], [your name]; no list such as [a, b]
    | < [A-Za-z] [\w '-]{1,40} >            # <city>
    | \{ \{? \s* [A-Za-z_] [\w ]{1,40} \}   # {city}, {{city}}
    | \b [Xx]{3,} \b | \b XYZ \b            # XXX
    | _{3,}
    | \b(?i: your_\w+ | lorem\ ipsum | insert\ [\w ]{1,30}\ here ) \b
    """,
    re.VERBOSE,
)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _mentioned(query: str, names: Iterable[str]) -> str | None:
    said = " ".join(query.split())
    lowered = said.lower()
    for name in dict.fromkeys(names):
        # Looking for plain text first is what makes this cheap: hardly any name occurs at all.
        spelled = " ".join(name.split())
        if spelled and spelled.lower() in lowered and _mention_of(spelled).search(said):
            return f"names {name!r}"
    return None


@lru_cache(maxsize=100_000)
def _mention_of(name: str) -> re.Pattern[str]:
    """What counts as mentioning a tool or API by name.

    Names are often plain words ("Time", "Search", "word count") that any speaker may use.  Only a name
    that is not ordinary prose counts alone: a title of several words in its very capitals, or a spelling
    of machines.  Any name counts when it is called an API or an endpoint.
    """
    spelled = re.escape(name)
    called_api = rf"(?i:{spelled})(?=\s+(?i:apis?|endpoints?)\b)"
    if _MACHINE_SPELLING.search(name):
        alone = rf"(?i:{spelled})"
    else:
        alone = spelled if len(_TITLE_WORD.findall(name)) >= 2 else r"(?!)"
    return re.compile(rf"(?<!\w)(?:{alone}|{called_api})(?!\w)")


_TITLE_WORD = re.compile(r"\b[A-Z][a-z]+\b")
_MACHINE_SPELLING = re.compile(r"[a-z][A-Z]|\w_\w|\w\.\w|^/")
