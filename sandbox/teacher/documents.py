"""What the rules know of an API: what a person would ask of it, its parameters, and values for them.

A wish is made from the description alone, in the same words for a document and for an offered function:
what was written is found again when it is searched.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

Json = dict[str, Any]


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENDINGS = (
    *(("ations", "at"), ("ation", "at"), ("ities", "ity"), ("ings", ""), ("ions", ""), ("ies", "y")),
    *(("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ing", ""), ("ion", ""), ("ed", "")),
)
_STOP = word_set(
    "a about after all also an and any are as at be before between both but by can could do does each "
    "for from give get how i if in into is it its me my need of on one only or our out please return "
    "returns show so some such tell than that the their them then there these this to us use used "
    "want was we were what when where which while who will with would you your api apis endpoint tool "
    "function find"
)
PREPOSITIONS = word_set("from to in at since until before after by of on between for as within")
_SHORT = {"lat": "latitude", "lng": "longitude", "lon": "longitude", "passwd": "password", "qty": "quantity"}
_SHORT |= {"max": "maximum", "min": "minimum", "num": "number", "tz": "time zone", "lang": "language"}


# Words.


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A rough stem: enough for "convert", "converts" and "converting" to meet."""
    word = word.lower()
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + instead
            break
    else:
        if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
            word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


@lru_cache(maxsize=16384)
def stems(text: str) -> tuple[str, ...]:
    """Stems of the telling words of a text, in order."""
    return tuple(stem(word) for word in re.findall(r"[^\W\d_]+|\d+", text) if word.lower() not in _STOP)


@lru_cache(maxsize=16384)
def spoken(name: str) -> str:
    """A name as people say it: "maxResults" is "maximum results", "is_from" is "from"."""
    name = re.sub(r"^is_(?=(?:from|class|return|false|true|id|and)$)|^[Xx][-_](?=\w+[-_]?\w)", "", name)
    parts = re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z]{3})(?=\d)", name)
    name = " ".join(_SHORT.get(part.lower(), part.lower()) for part in parts if part)
    return "number" if name == "n" else re.sub(r"^n (?=\w)", "number of ", name)


@lru_cache(maxsize=16384)
def name_stems(name: str) -> tuple[str, ...]:
    return tuple(map(stem, spoken(name).split()))


def first_sentences(text: str, most: int) -> str:
    """The first sentences up to `most` characters, at least one; cut at a word when that one is longer."""
    pieces = re.split(r"(?<=[.!?])\s+|\n\s*\n", text.strip())
    kept = pieces[0]
    for piece in pieces[1:]:
        if len(kept) + 1 + len(piece) > most:
            break
        kept = f"{kept} {piece}"
    return kept if len(kept) <= most else kept[:most].rsplit(" ", 1)[0].rstrip(",;:- ")


# Wishes.

_NOISE = re.compile(r"<[^>]+>|\{[^{}]*\}|https?://\S+|[*`#]+|\[[A-Z]+\]|\[|\]|_{2,}|\s*\([^()]*\)")
_LEAD = re.compile(
    r"""^(?:
      (?:summary|description)\s*: | \W*deprecated\W+ | v?\d+(?:\.\d+)*[.:)-]\s
    | (?:[\w`/-]+\s){0,3}(?:endpoint|method|operation|resource)[^:.]{0,15}:
    | (?:this|the|an?)\s(?:\w+\s)?(?:api|endpoint|method|function|service|operation|call|route)\s
      (?=\w+s\b|will\b|can\b|allows?\b|lets?\b)
    | (?:will|can\sbe\sused\sto|(?:is|are)\sused\sto|(?:allow|enable|let)s?\s(?:you|us|users?)\s(?:to\s)?
        |use\s(?:this|it)\s(?:\w+\s)?to|you\scan)\s
    | \w+ly\s(?=\d|\w+s\b) | \d+\s(?=\w+s\b)
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_TELLING = word_set(
    "get return fetch retrieve list show give provide obtain display find tell report view name state look"
)
_DOING = word_set(
    "calculate compute convert create delete update add send set check validate generate search "
    "translate format compare count decode encode describe explain build make sort filter split solve "
    "read write"
)
_ASKING = ("whether", "how", "what", "which", "when", "where", "who", "why", "if")
_FOLLOWS = word_set(
    "a an the all every each one two both its their some any those how what which whether when where by"
)


@lru_cache(maxsize=8192)
def wish_of(description: str, name: str) -> str:
    """What a person wants done: "Computes the date of Easter; ..." is "compute the date of Easter".

    name: serves where the description says nothing.
    """
    found = re.search(r'description of this function is:\s*"?(.*?)"?\s*$', description, re.DOTALL)
    text = found[1] if found else re.sub(r"\s*\bAn API of the tool \".*\" \(.*\)\.\s*$", "", description)
    text = " ".join(_NOISE.sub(" ", re.sub(r"(?<=\w)\(e?s\)", "s", text)).replace('"', "").split())
    for sentence in re.split(r"(?<=[\w)\]][.!?])\s", text):
        said = re.sub(r"\s+(?=[,;:.])", "", sentence)
        for _ in range(3):
            said = _LEAD.sub("", said)
        said = re.split(r";\s| -+ |: ", said)[0].strip(" .!?:;,-{}")
        if len(said.split()) > 1 and re.search(r"[^\W\d_]{3}", said):
            return _as_wish(" ".join(said.split()[:30]))
    path = re.sub(r"\{[^{}]*\}", " ", re.sub(r"^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\b", "", name))
    return _as_wish(f"the {spoken(path).removeprefix('get ') or 'overview'}")


def _as_wish(said: str) -> str:
    first, _, rest = said.partition(" ")
    verb = _base(first.lower().rstrip(","))
    follows = rest.split(" ", 1)[0].lower()
    inflected = first.lower().rstrip(",") != verb
    known = verb in _TELLING | _DOING
    if not known and not (inflected and (follows in _FOLLOWS or "-" in first or _verbal(first, follows))):
        said = said if not re.match(r"[A-Z][a-z]*(?:\s|$)", said) else said[:1].lower() + said[1:]
        article = "" if said.split(" ")[0] in _FOLLOWS | set(_ASKING) else "the "
        return f"tell me {article}{said}"
    # "how many moles and molecules a sample holds" has one verb.
    joint = ", (?:and )?(?:then )?" if rest.startswith(_ASKING) else "(?:,|,? and|,? and then) "
    rest = re.sub(
        rf"({joint})(\w{{3,}}s)(?= (?:the|an?|its|their|all|both|it|them|those|how|what|which)\b)",
        lambda second: second[1] + _base(second[2]),
        rest,
    )
    if verb not in _TELLING:
        return f"{verb} {rest}"
    rest = re.sub(r"^(?:(?:you|me|us|back|up|out|of)\s)+", "", rest)
    fronted = re.fullmatch(r"((?:for|in|on|at|of) [^,]+), (.+)", rest)
    rest = f"{fronted[2]} {fronted[1]}" if fronted else rest
    follows = rest.split(" ", 1)[0].lower()
    asks = rest.startswith(_ASKING)
    told = asks or follows in _FOLLOWS or follows in PREPOSITIONS
    return f"{'tell' if asks else 'give'} me {rest if told else f'the {rest}'}"


def as_done(wish: str) -> str:
    """A wish as the one who fulfils it speaks of it: "give me the date" is "find the date"."""
    done = re.sub(rf"^(?:give|tell) me (?=(?:{'|'.join(_ASKING)})\b)", "find out ", wish)
    done = re.sub(r"^(?:give|tell) me ", "find ", done)
    return re.sub(r"\bme\b", "you", re.sub(r"\bmy\b", "your", done))


def _verbal(first: str, follows: str) -> bool:
    """A capital at the start of a sentence, and no preposition after it: "Percent-encodes text"."""
    return first[:1].isupper() and not first.endswith(",") and follows not in PREPOSITIONS | {"and", "or"}


def _base(verb: str) -> str:
    if verb.endswith("ies"):
        return f"{verb[:-3]}y"
    if verb.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith(("ss", "us", "is")) else verb


# Parameters.


@dataclass(frozen=True, eq=False)
class Parameter:
    """As a document or a function's schema describes it."""

    name: str
    required: bool
    schema: Json

    @cached_property
    def kind(self) -> str:
        kind = self.schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "string")
        usual = {"int": "integer", "float": "number", "double": "number", "bool": "boolean", "list": "array"}
        kind = usual.get(str(kind).lower(), str(kind).lower())
        return kind if kind in {"integer", "number", "boolean", "array", "object"} else "string"

    @cached_property
    def enum(self) -> list[Any]:
        listed = self.schema.get("enum")
        return listed if isinstance(listed, list) else []

    @cached_property
    def shown(self) -> list[Any]:
        """Values that the documents show and that it may have."""
        listed = self.schema.get("examples")
        shown = [self.schema.get(key) for key in ("default", "example", "example_value")]
        shown += listed if isinstance(listed, list) else []
        described = re.findall(
            r"(?:e\.\s?g\.|for example|such as|like|example:)[\s:]*[\"'`]?([\w+][\w.+:/-]*)",
            str(self.schema.get("description") or ""),
            re.IGNORECASE,
        )
        shown += [one.rstrip(".,:;") for one in described if self.kind == "string"]
        return [value for value in shown if value not in (None, "", [], {}) and self.fit(value) is not None]

    def fit(self, value: Any) -> Any:
        """The value as the parameter's type wants it, None where it cannot be."""
        if self.enum:
            return next((one for one in self.enum if str(one).lower() == str(value).lower()), None)
        if self.kind in {"number", "integer"}:
            return self._number(value)
        if self.kind == "boolean":
            usual = {"true": True, "false": False, "yes": True, "no": False}
            return value if isinstance(value, bool) else usual.get(str(value).lower())
        if self.kind == "array":
            return value if isinstance(value, list) else [value]
        if self.kind == "object":
            return value if isinstance(value, dict) else None
        return None if isinstance(value, (dict, list, bool)) else str(value)

    def _number(self, value: Any) -> float | int | None:
        try:
            number = float(str(value).replace(",", ""))
        except ValueError:
            return None
        if not math.isfinite(number) or not self.allows(number):
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if self.kind == "integer" or (number.is_integer() and "." not in str(value)):
            return int(number) if number.is_integer() else None
        return number

    def bound(self, which: str) -> float | None:
        """which: "minimum" or "maximum"."""
        values = (self.schema.get(key) for key in (which, f"exclusive{which.title()}"))
        return next((v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)), None)

    def allows(self, number: float) -> bool:
        low, high = self.bound("minimum"), self.bound("maximum")
        return (low is None or number >= low) and (high is None or number <= high)


@dataclass(frozen=True, eq=False)
class Api:
    """An API of a document, or an offered function.

    called, response: a call of it that was answered; words: stems of all that is said of it.
    """

    name: str
    wish: str
    parameters: tuple[Parameter, ...]
    tool: str = ""
    called: Json = field(default_factory=dict)
    response: Any = None
    words: frozenset[str] = frozenset()

    @property
    def required(self) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.required]


def of_document(document: Json) -> Api:
    listed = document.get("parameters")
    parameters = tuple(
        Parameter(str(entry.get("name", "")), bool(entry.get("required")), entry)
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, dict)
    )
    called = document.get("arguments")
    name, description = str(document.get("api_name", "")), str(document.get("api_description") or "")
    return Api(
        name=name,
        wish=wish_of(description, name),
        parameters=parameters,
        tool=str(document.get("tool_name", "")),
        called=called if isinstance(called, dict) else {},
        response=document.get("response"),
        words=_words(name, description, parameters),
    )


def of_function(function: Json) -> Api:
    schema = function.get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    listed = schema.get("required") if isinstance(schema, dict) else None
    required = {str(name) for name in listed} if isinstance(listed, list) else set()
    parameters = tuple(
        Parameter(str(name), name in required, inner)
        for name, inner in (properties.items() if isinstance(properties, dict) else ())
        if isinstance(inner, dict)
    )
    name, description = str(function.get("name", "")), str(function.get("description") or "")
    own_name = name.split("_for_", maxsplit=1)[0]
    words = _words(name, description, parameters)
    return Api(name, wish_of(description, own_name), parameters, words=words)


def _words(name: str, description: str, parameters: tuple[Parameter, ...]) -> frozenset[str]:
    said = {*name_stems(name), *stems(description[:320])}
    return frozenset(said.union(*(name_stems(parameter.name) for parameter in parameters)))
