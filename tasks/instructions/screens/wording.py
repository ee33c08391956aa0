"""Screens of how an instruction is worded."""

from __future__ import annotations

import json
import re

from tasks.instructions.screens.instruction import Screened

MOST_WORDS = 500
"""Longer instructions are a model that did not stop."""


def leaks_json(instruction: Screened) -> str | None:
    """The form of the reply inside the query."""
    leak = _REPLY_KEY.search(instruction.query)
    if leak is not None:
        return f"contains {leak[0]!r}"
    return "is JSON" if _is_json(instruction.query) else None


def refusal(instruction: Screened) -> str | None:
    """The model's own excuse in place of what a person says."""
    said = _REFUSAL.search(instruction.query)
    return None if said is None else f"says {said[0]!r}"


def placeholder(instruction: Screened) -> str | None:
    """A blank instead of a value, unless the documentation itself has that as its default."""
    for blank in _PLACEHOLDER.finditer(instruction.query):
        if not _is_documented(blank[0], instruction):
            return f"contains {blank[0]!r}"
    return None


def not_a_request(instruction: Screened) -> str | None:
    """Nothing but a list, or no words at all."""
    if not any(character.isalpha() for character in instruction.query):
        return "has no words"
    lines = [line for line in instruction.query.splitlines() if line.strip()]
    return "is only a list" if len(lines) > 1 and all(map(_LIST_ITEM.match, lines)) else None


def too_short(instruction: Screened) -> str | None:
    n_words, least = len(instruction.words), instruction.params.min_words
    return f"{n_words} words, at least {least} wanted" if n_words < least else None


def too_long(instruction: Screened) -> str | None:
    n_words = len(instruction.words)
    return f"{n_words} words, at most {MOST_WORDS} wanted" if n_words > MOST_WORDS else None


def asks_for_parameters(instruction: Screened) -> str | None:
    """It should say what it wants done, and what with; not ask back, nor speak of parameters."""
    asked = _ASKS_BACK.search(instruction.query)
    return None if asked is None else f"says {asked[0]!r}"


_REPLY_KEY = re.compile(
    r"\b(?:relevant|related)_apis?\b|[\"'](?:query|relevant apis|related apis)[\"']\s*:", re.IGNORECASE
)
_LIST_ITEM = re.compile(r"\s*(?:[-*\u2022]|\d{1,2}[.)])\s")
_REFUSAL = re.compile(
    r"""
      \b as \s an? \s (?: AI | artificial\ intelligence | (?:large\ )? language\ model ) \b
    | ^\W* (?: I['\u2019]?m | I\ am ) \s sorry , ? \s (?: but \s )? I \s (?: can | am\ un | was\ un )
    | \b I \s (?: cannot | can['\u2019]?t | can\ not | am\ unable\ to | am\ not\ able\ to )
      \s (?: assist | fulfill? | comply | generate | write | create | produce ) \b
      (?= \s (?: with | this | that | the | an? | more | any | such | instructions | queries ) \b )
      (?! \s (?: this | that | the | an? ) \s \w+ \s (?: myself | alone | on\ my\ own ) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"""
      \[ [A-Za-z] [\w '/-]{1,40} \]         # [city], [your name]; no list such as [a, b]
    | < [A-Za-z] [\w '-]{1,40} >            # <city>
    | \{ \{? \s* [A-Za-z_] [\w ]{1,40} \}   # {city}, {{city}}
    | \b [Xx]{3,} \b | \b XYZ \b            # XXX
    | _{3,}
    | \b(?i: your_\w+ | lorem\ ipsum | insert\ [\w ]{1,30}\ here | \w+_?(?:id|name|number|key)_?here ) \b
    | \b(?i: (?: your-? | my-? )? (?: example | yourdomain | mydomain | yourwebsite | yoursite ) \.com ) \b
    """,
    re.VERBOSE,
)
_ASKS_BACK = re.compile(
    r"""
      \b (?: required | necessary | following | missing | input | api | which | what ) \s
         (?: input \s | query \s | api \s )? (?: parameters? | arguments ) \b
    | \b (?: provide | specify | enter | input | supply | pass | fill\ in | need ) \s
         (?: \w+ \s ){0,2} (?: parameters? | arguments? \s (?: for | of | to ) ) \b
    | \b please \s (?: provide | specify | enter | supply | share | tell\ me | give\ me )
         \s (?: me \s with \s )? your \s (?: \w+ \s )?
         (?: location | city | address | e-?mail | id | username | api\ key | zip | postal | phone | country
           | name | date\ of\ birth | coordinates ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_documented(blank: str, instruction: Screened) -> bool:
    return any(
        parameter.shown is not None and blank.lower() in json.dumps(parameter.shown).lower()
        for api in instruction.found
        for parameter in instruction.parameters.get(api.api_id, ())
    )
