"""Turns what a document says an API does into what a person asks for.

"Returns the current weather for a city." becomes the thing "the current weather for a city";
"Converts an amount between two currencies." becomes the deed "convert an amount between two currencies".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from sandbox.teaching.words import plain, word_set

_LONGEST = 24  # words
_SUBJECT = re.compile(
    r"""^(?:(?:with|by)\s(?:the|this)\s.{3,60}?,?\s(?=you\s(?:can|will))
    |(?:(?:this|the|our|an?)\s)?(?:[\w-]+\s){0,3}?(?:api|endpoint|resource|method|function|service|operation|call|route
        |request|tool|query)s?\s(?=(?:will|can|may|is|are|allow|let|enable|help|return|give|provide|retrieve
        |get|fetch|list|show|find|search|respond|contain|generate|calculate|compute|convert|check|tell|accept
        |which|that|to|for)\w*\b)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_HELPERS = re.compile(
    r"""^(?:you\scan\s(?:use\s(?:this|the)\s(?:\w+\s)?(?:to\s)?)?|you(?:'ll|\swill)\s|will\s|can\s(?:be\sused\sto\s)?|may\s
    |(?:is|are)\s(?:used\sto|able\sto|designed\sto)\s|(?:allow|enable|help|let)s?\s(?:you|us|users|the\suser|one)?\s?(?:to\s)?
    |use\s(?:this|it|the)\s(?:\w+\s)?to\s|used\sto\s|which\s|that\s|to\s|for\s(?=\w+ing\s)|also\s|simply\s|easily\s|currently\s)+""",
    re.IGNORECASE | re.VERBOSE,
)
_KNOWING = word_set("knowing")
_DOING = word_set("doing")
_SECOND_VERB = re.compile(rf"(\band|\bor|;) ((?:{'|'.join(sorted(_KNOWING | _DOING))})s)\b")
_SECOND_TELLING = re.compile(
    rf"(,? and) (?:{'|'.join(sorted(_KNOWING))})s (?=which|whether|how|what|the|an?\b)"
)
_FILLERS = re.compile(
    r"^(?:you|me|us|users?|the user|back|with|up|out|only|in|about|on)\s+(?=\S)", re.IGNORECASE
)
_DETERMINED = word_set("determined")
_NOUNS_AS_WELL = word_set("nouns_as_well")
_NO_START = word_set("no_start")
_ASKING = word_set("asking")
_CUT = re.compile(
    r"(?:,|;| -| \u2013|:| which| including| in order| so that| based on| as well as| such as)(?=\s)"
)
_HOW = re.compile(
    r"(?<=\w{3}) by (?:providing|passing|sending|specifying|entering|supplying) .*$", re.IGNORECASE
)
_MARKUP = re.compile(r"<[^>]+>|https?://\S+|[*`#]+|\[|\]|_{2,}")
_SELF_REFERENCE = re.compile(
    r"\s(?:with|by|from|in|using|through|via)\s(?:this|the|our)?\s?(?:endpoint|api)\b", re.IGNORECASE
)
_PARENTHESES = re.compile(r"\s*\([^()]*\)")
_WRAPPED = re.compile(r"description of this function is:\s*\"?(.*?)\"?\s*$", re.DOTALL)
_BELONGING = re.compile(r"\s*\bAn API of the tool \".*\" \(.*\)\.\s*$")
_DANGLING = re.compile(
    r"[\s,;:\u2013-]+(?:and|or|of|for|in|with|the|an?|to|by|from|on|at|as|its|their)?$", re.IGNORECASE
)


@dataclass(frozen=True)
class Wish:
    """kind: `thing` ("the weather"), `fact` ("whether it rains") or `deed` ("convert an amount")."""

    kind: Literal["thing", "fact", "deed"]
    text: str


@lru_cache(maxsize=8192)
def wish_from(description: str, name: str) -> Wish:
    """What is wanted of an API; its name serves where the description says nothing."""
    said = _gist(description)
    if len(said.split()) < 2 or said.split()[0].lower() in _NO_START:
        said = plain(name)
    wish = _wish(said)
    return Wish(wish.kind, _personal(wish.text).split(";")[0].rstrip())


def api_description(function_description: str) -> str:
    """The API's own description within that of a function."""
    wrapped = _WRAPPED.search(function_description)
    return wrapped.group(1) if wrapped else _BELONGING.sub("", function_description)


def _gist(description: str) -> str:
    text = _MARKUP.sub("", api_description(description))
    lines = [line.strip(" -•➞\t") for line in text.splitlines()]
    line = next((line for line in lines if len(line.split()) > 1), "")
    sentence = re.split(r"(?<=[a-z0-9)\]])[.!?](?=\s|$)|\.{2,}", line.replace("e.g. ", "e.g.\u00a0"))[0]
    sentence = _PARENTHESES.sub("", sentence).replace('"', "").strip(" .!?:;,")
    sentence = _SELF_REFERENCE.sub("", sentence)
    for _ in range(2):
        sentence = _HELPERS.sub("", _SUBJECT.sub("", sentence)).strip()
    return _shorter(sentence)


def _shorter(sentence: str) -> str:
    sentence = _HOW.sub("", sentence)
    words = sentence.split()
    if len(words) <= _LONGEST:
        return sentence
    for cut in _CUT.finditer(sentence):
        if 5 <= len(sentence[: cut.start()].split()) <= _LONGEST:
            return sentence[: cut.start()]
    return _DANGLING.sub("", " ".join(words[:_LONGEST]))


def _personal(said: str) -> str:
    said = re.sub(r"\b(?:your|the user's|a user's)\b", "my", said, flags=re.IGNORECASE)
    said = re.sub(r"\b(for|to|give|gives|send|sends|with|tell|tells)\s+you\b", r"\1 me", said)
    return re.sub(r"\byou\b", "I", said)


def _wish(said: str) -> Wish:
    first, _, rest = said.partition(" ")
    if rest.lower().startswith("of "):
        return _thing(said)
    verb = _verb(first, rest)
    if verb in _KNOWING and rest:
        return _thing(_without_fillers(rest))
    if verb and rest:
        return _deed(verb, rest)
    return _thing(said)


def _deed(verb: str, rest: str) -> Wish:
    if verb == "look" and rest.lower().startswith("up "):
        return _thing(rest[3:])
    if verb in {"check", "determine", "tell"} and rest.split(maxsplit=1)[0].lower() in _ASKING:
        return _thing(rest)
    return Wish(
        "deed",
        _SECOND_VERB.sub(
            lambda match: f"{' and' if match[1] == ';' else match[1]} {_base_forms(match[2])[0]}",
            f"{verb} {rest}",
        ),
    )


def _without_fillers(rest: str) -> str:
    while True:
        shorter = _FILLERS.sub("", rest, count=1)
        if shorter == rest:
            return rest
        rest = shorter


def _verb(first: str, rest: str) -> str | None:
    """The base form when the first word is a verb."""
    lower = first.lower().strip(",")
    follows = rest.split(" ", 1)[0].lower()
    forms = _base_forms(lower)
    if lower.endswith("ing") and follows in _DETERMINED:  # "retrieving the list", but not "working days"
        forms = [lower[:-3], f"{lower[:-3]}e"]
    for base in forms:
        noun_as_well = base in _NOUNS_AS_WELL and lower == base and follows not in _DETERMINED
        if (base in _KNOWING or base in _DOING) and not noun_as_well:
            return base
    if lower.endswith("s") and not lower.endswith("ss") and follows in _DETERMINED | _ASKING:
        return next(iter(_base_forms(lower)), None)
    return None


def _base_forms(word: str) -> list[str]:
    forms = [word]
    if word.endswith("ies"):
        forms.insert(0, word[:-3] + "y")
    elif word.endswith(("ches", "shes", "sses", "xes", "zes")):
        forms.insert(0, word[:-2])
    elif word.endswith("s"):
        forms.insert(0, word[:-1])
    return forms


def _thing(text: str) -> Wish:
    text = text.strip()
    first = text.split(" ", 1)[0]
    lower = first.lower().strip(",")
    if lower in _ASKING:
        return Wish("fact", _lower_first("whether" + text[2:] if lower == "if" else text))
    text = _SECOND_TELLING.sub(r"\1 ", _lower_first(text))
    if lower in {"list", "random", "short"}:
        return Wish("thing", f"a {text}")
    return Wish("thing", text if lower in _DETERMINED else f"the {text}")


def _lower_first(text: str) -> str:
    first = text.split(" ", 1)[0]
    ordinary = first[1:] == first[1:].lower() and not any(letter.isdigit() for letter in first)
    return text[:1].lower() + text[1:] if ordinary else text
