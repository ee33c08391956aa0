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
_VERBS = "|".join(sorted(_KNOWING | _DOING))
_TOLD = "the|an?|it|them|those|its|their|all|both|each|to|that|advice|which|whether|how|what|when|where"
_SECOND_VERB = re.compile(
    rf"(\band|\bor|\bthen|,) ((?:{_VERBS})(?:s|es)?)(?= (?:{_TOLD})\b)"
    rf"|(;) ((?:{_VERBS})(?:s|es)?)\b(?! (?:it|they|are|is)\b)"
)
_SECOND_TELLING = re.compile(
    rf"(,? and) (?:{'|'.join(sorted(_KNOWING))})s? "
    r"(?=(?:which|whether|how|what|the|an?|both|all|its|their|each)\b)"
)
_FRONTED = re.compile(r"^,? ?((?:for|in|on|at) [^,]+), (.+)$")
_LABEL = re.compile(
    r"""^(?:[\w`/ {}-]{0,40}\b
    (?:endpoint|method|operation|resource|route|handler|view|call|request)\b[^:.]{0,15}:\s+
    |\W*deprecated\W+|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\b[\s:/-]+|v?\d+(?:\.\d+)*[.:)-]\s+
    |(?:summary|description)\s*:\s+)+""",
    re.IGNORECASE | re.VERBOSE,
)
_QUESTION = re.compile(r"^(?:do|can|may) (?=\w)", re.IGNORECASE)
_IN_PATH = re.compile(r"\{[^{}]*\}")
_METHOD = re.compile(r"^(?P<method>GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)(?=[\s_/:-])")
_METHOD_VERBS = {"POST": "send ", "PUT": "put ", "PATCH": "change ", "DELETE": "delete "}
_MOST_SENTENCES = 4
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
    sentences = _sentences(description)[:_MOST_SENTENCES]
    said = next((gist for sentence in sentences if _says_something(gist := _gist(sentence))), "")
    wish = _wish(said or _spoken_name(name))
    return Wish(wish.kind, _personal(wish.text).split(";")[0].rstrip())


def _says_something(gist: str) -> bool:
    words = gist.split()
    return len(words) > 1 and words[0].lower().rstrip(":,") not in _NO_START


def _spoken_name(name: str) -> str:
    """A name in words: "GET /links/{n}" is "link", "delete_user" is "delete user"."""
    method = _METHOD.match(name)
    verb = _METHOD_VERBS.get(method[1], "") if method else ""
    rest = name[method.end("method") :].lstrip(" _-:") if method else name
    spoken = _spoken_path(rest) if rest.startswith("/") else plain(_IN_PATH.sub(" ", rest))
    says_what_to_do = spoken.split(" ")[0] in _DOING - _NOUNS_AS_WELL
    return spoken if says_what_to_do else f"{verb}{spoken or 'overview'}"


def _spoken_path(path: str) -> str:
    """What a path leads to: its last fixed step, one of them where a value follows."""
    steps = [step for step in path.split("/") if step]
    fixed = [plain(_IN_PATH.sub(" ", step)) for step in steps]
    named = [step for step in fixed if step]
    if not named:
        return ""
    if len(named) > 1 and named[-1] in _DOING - _NOUNS_AS_WELL:
        return f"{named[-1]} the {named[-2]}"
    one_of_them = not fixed[-1] and named[-1].endswith("s") and not named[-1].endswith(("ss", "us"))
    return _base_forms(named[-1])[0] if one_of_them else named[-1]


def api_description(function_description: str) -> str:
    """The API's own description within that of a function."""
    wrapped = _WRAPPED.search(function_description)
    return wrapped.group(1) if wrapped else _BELONGING.sub("", function_description)


def _sentences(description: str) -> list[str]:
    text = _MARKUP.sub("", re.sub(r"(?<=\w)\((e?s)\)", r"\1", api_description(description)))
    lines = [line.strip(" -•➞\t").replace("e.g. ", "e.g.\u00a0") for line in text.splitlines()]
    return [
        sentence for line in lines for sentence in re.split(r"(?<=[a-z0-9)\]][.!?])(?=\s|$)|\.{2,}", line)
    ]


def _gist(sentence: str) -> str:
    """What a sentence of a description says, without the words that only lead up to it."""
    asks = sentence.rstrip().endswith("?")
    sentence = _PARENTHESES.sub("", sentence).replace('"', "").strip(" .!?:;,")
    sentence = _SELF_REFERENCE.sub("", _LABEL.sub("", sentence))
    if asks:
        return _QUESTION.sub("whether ", sentence)
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
    first, _, rest = _without_adverbs(said).partition(" ")
    if rest.lower().startswith("of "):
        return _thing(said)
    verb = _verb(first, rest)
    if verb in _KNOWING and rest:
        return _thing(_FRONTED.sub(r"\2 \1", _without_fillers(rest)))
    if verb and rest:
        return _deed(verb, rest)
    return _thing(said)


def _without_adverbs(said: str) -> str:
    """Without what stands before a verb: "Absolutely 302 Redirects n times" redirects."""
    words = said.split()
    before = 0
    while before < min(3, len(words) - 1) and re.fullmatch(
        r"\w+ly|[\dX/]*\d[\dX/]*", words[before], re.IGNORECASE
    ):
        before += 1
    follows = " ".join(words[before + 1 :])
    return " ".join(words[before:]) if before and _verb(words[before], follows) else said


def _deed(verb: str, rest: str) -> Wish:
    if verb == "look" and rest.lower().startswith("up "):
        return _thing(rest[3:])
    if verb in {"check", "determine", "tell"} and _asks(rest):
        return _thing(rest)
    rest = re.sub(rf"^and (?:{'|'.join(sorted(_KNOWING))})s? (?=the|an?|its|all\b)", "", rest)
    return Wish("deed", _SECOND_VERB.sub(_second_verb, f"{verb} {rest}"))


def _second_verb(found: re.Match[str]) -> str:
    """ "wraps a text; returns the lines": who asks for the first gets the second."""
    joint, verb = found[1] or " and", found[2] or found[4]
    base = next((form for form in _base_forms(verb) if form in _KNOWING | _DOING), verb)
    if base in _KNOWING and not found.string[found.end() :].startswith(" to "):
        base = "find out" if _asks(found.string[found.end() :]) else "get"
    return f"{joint} {base}"


def _asks(text: str) -> bool:
    return text.split(maxsplit=1)[:1] != [] and text.split(maxsplit=1)[0].lower() in _ASKING


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
        asked = _lower_first("whether" + text[2:] if lower == "if" else text)
        return Wish("fact", _SECOND_TELLING.sub(r"\1 ", asked))
    text = _SECOND_TELLING.sub(r"\1 ", _lower_first(text))
    if lower in {"list", "random", "short"}:
        return Wish("thing", f"a {text}")
    return Wish("thing", text if lower in _DETERMINED else f"the {text}")


def _lower_first(text: str) -> str:
    first = text.split(" ", 1)[0]
    ordinary = first[1:] == first[1:].lower() and not any(letter.isdigit() for letter in first)
    return text[:1].lower() + text[1:] if ordinary else text
