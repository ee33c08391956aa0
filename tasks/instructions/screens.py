"""What makes an instruction unfit, one function a fault, in their order.

A screen looks at one instruction and says what is wrong with it, or None; the first fault found is the reason
of the reject.  Nothing here asks whether an instruction is sensible; that takes a judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, TypeAlias

from tasks.errors import BadRow
from tasks.instructions.missing_value import missing_values
from tasks.instructions.names import OfferedNames
from tasks.instructions.params import InstructParams
from tasks.instructions.similarity import words_of
from warehouse.tables.catalogue import Parameter
from warehouse.tables.instructions import Candidate, NamedApi, RelevantApi

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

MOST_WORDS = 500
"""Longer instructions are a model that did not stop."""
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """An instruction under the screens.

    found, unknown: the APIs it names that are among the offered ones, and those that are not.
    parameters: of the offered APIs, by api_id.
    """

    query: str
    words: tuple[str, ...]
    found: tuple[RelevantApi, ...]
    unknown: tuple[NamedApi, ...]
    offered: tuple[NamedApi, ...]
    parameters: Mapping[str, tuple[Parameter, ...]]
    scenario: str
    params: InstructParams


Screen: TypeAlias = Callable[[Screened], str | None]
"""Gives None when all is well, else the detail of the reject."""


def no_relevant_api(instruction: Screened) -> str | None:
    return None if instruction.found or instruction.unknown else "names no API that it needs"


def hallucinated_api(instruction: Screened) -> str | None:
    named = ", ".join(f"{name.tool_name!r}: {name.api_name!r}" for name in instruction.unknown)
    return f"not among the offered APIs: {named}" if named else None


def too_few_apis(instruction: Screened) -> str | None:
    """A set with fewer APIs than `[instruct] min_apis` asks no more of an instruction than it has."""
    least = min(instruction.params.min_apis, len(instruction.offered))
    n_apis = len(instruction.found)
    return f"needs {n_apis} APIs, at least {least} wanted" if n_apis < least else None


def not_multi_tool(instruction: Screened) -> str | None:
    """Sets of several tools are drawn for instructions that need several."""
    tools = {api.api_id.rpartition("/")[0] for api in instruction.found}
    return None if instruction.scenario == "G1" or len(tools) >= 2 else f"needs {', '.join(tools)} alone"


_ENGLISH = "en"
# Hardly any English sentence does without them, and other languages have few of them.
_ENGLISH_WORD = re.compile(
    "the|an?|to|of|and|i|for|in|on|with|me|my|you|your|is|are|be|it|this|that|what|which|can|could|please"
)
_ENOUGH_ENGLISH = 0.2
_SURE = 0.9


def wrong_language(instruction: Screened) -> str | None:
    """Only when the language is told with certainty: names and codes can look like any."""
    wanted, words = instruction.params.language, instruction.words
    n_english = sum(map(bool, map(_ENGLISH_WORD.fullmatch, words))) if wanted == _ENGLISH else -1
    if not wanted or n_english >= _ENOUGH_ENGLISH * len(words):
        return None
    found, probability = _identifier().classify(instruction.query)
    if found == wanted or probability < _SURE:
        return None
    return f"is in {found!r}, {wanted!r} wanted"


@cache
def _identifier() -> LanguageIdentifier:
    # Its table takes a second to load; most texts are told by their words.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


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


def missing_value(instruction: Screened) -> str | None:
    return missing_values(instruction.query, instruction.found, instruction.parameters)


SCREENS: Mapping[str, Screen] = {
    screen.__name__: screen
    for screen in (
        no_relevant_api,
        hallucinated_api,
        too_few_apis,
        not_multi_tool,
        leaks_json,
        refusal,
        placeholder,
        not_a_request,
        too_short,
        too_long,
        wrong_language,
        names_a_tool,
        names_an_api,
        asks_for_parameters,
        missing_value,
    )
}
"""Every screen of a single instruction by its reject reason, in the order they are asked."""


def screened(
    candidate: Candidate,
    scenario: str,
    offered: OfferedNames,
    parameters: Mapping[str, tuple[Parameter, ...]],
    params: InstructParams,
) -> tuple[RelevantApi, ...]:
    """The APIs that an instruction needs, as the catalogue spells them, each once.

    scenario, offered: of its sample; parameters: of the offered APIs, by api_id.  Raises BadRow with the
    reason of the first screen that it fails among those that `params` has on.
    """
    found = {name: offered.find(name) for name in candidate.relevant_apis}
    api_ids = dict.fromkeys(api_id for api_id in found.values() if api_id is not None)
    needed = [(api_id, offered.names[api_id]) for api_id in api_ids]
    instruction = Screened(
        query=candidate.query,
        words=tuple(words_of(candidate.query)),
        found=tuple(
            RelevantApi(tool_name=name.tool_name, api_name=name.api_name, api_id=api_id)
            for api_id, name in needed
        ),
        unknown=tuple(name for name, api_id in found.items() if api_id is None),
        offered=tuple(offered.names.values()),
        parameters=parameters,
        scenario=scenario,
        params=params,
    )
    for reason, screen in SCREENS.items():
        detail = screen(instruction) if params.is_on(reason) else None
        if detail is not None:
            raise BadRow(reason, detail[:_LONGEST_DETAIL])
    return instruction.found
