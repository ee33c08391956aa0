"""Which value a query mentions belongs to which parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from sandbox.teaching.fitting import fitting
from sandbox.teaching.mentions import Mention, Written, mentions, words_after, words_before, written_out
from sandbox.teaching.parameter import Parameter
from sandbox.teaching.plan import Subtask
from sandbox.teaching.saying import SOURCE, TARGET
from sandbox.teaching.values import is_dated, look
from sandbox.teaching.words import name_stems, stem, stems

# How sure one must be of a pair; an optional parameter must be spoken of.
_REQUIRED_ENOUGH = 1.0
_OPTIONAL_ENOUGH = 1.9
_REFERS_BACK = re.compile(
    r"\b(?:turns? up there|of those|of them|from (?:that|the) result|comes? out of that|just found)\b",
    re.IGNORECASE,
)
_ADDRESS_KINDS = frozenset({"url", "email", "ip", "domain", "phone"})
_RELATED = {
    "url": ("http", "link", "website", "uri"),
    "domain": ("host", "website", "site"),
    "phone": ("number", "mobile"),
}
_ITEM = r'(?:"[^"]*"|(?!and\b|or\b)[^\s,"]+)'
_LIST = re.compile(rf"{_ITEM}(?:, {_ITEM})*(?:,? (?:and|or) {_ITEM})?")
_LIST_ITEM = re.compile(rf"(?<!\w){_ITEM}")
_FROM_WORDS = frozenset({"from", "since", "between", "starting"})
_TO_WORDS = frozenset({"to", "into", "in", "until", "till", "and"})
_NUMBERED = frozenset(name_stems("id code number zip"))


def values_in_query(subtask: Subtask, query: str) -> dict[Parameter, Any]:
    """The values the query gives for parameters of the subtask's function, in their types."""
    span = (subtask.start, subtask.start + len(subtask.clause))
    chosen: dict[Parameter, Any] = dict(_written(subtask.function.parameters, query, span))
    rest: list[Parameter] = []
    for parameter in subtask.function.parameters:
        if parameter in chosen:
            continue
        if parameter.enum:
            chosen[parameter] = _named_option(parameter, query, span)
        elif parameter.kind == "boolean":
            chosen[parameter] = _switch(parameter, subtask.clause)
        elif parameter.kind != "object":
            rest.append(parameter)
    named = {parameter: value for parameter, value in chosen.items() if value is not None}
    return named | _paired(rest, query, span, alone=bool(_REFERS_BACK.search(subtask.clause)))


def _written(
    parameters: Sequence[Parameter], query: str, span: tuple[int, int]
) -> Iterator[tuple[Parameter, Any]]:
    """Objects and tables that the query has as JSON: first those it names, the clause's own before others."""
    left = sorted(written_out(query), key=lambda one: not span[0] <= one.start < span[1])
    nested = [parameter for parameter in parameters if _is_nested(parameter)] if left else []
    named = {parameter: [one for one in left if _named_before(parameter, one, query)] for parameter in nested}
    for parameter in sorted(nested, key=lambda one: not named[one]):
        kind = dict if parameter.kind == "object" else list
        fits = [one for one in (*named[parameter], *left) if one in left and isinstance(one.value, kind)]
        best = next(iter(fits), None)
        if best is not None:
            left.remove(best)
            yield parameter, best.value


def _is_nested(parameter: Parameter) -> bool:
    listed = parameter.kind == "array" and parameter.items.get("type") in {"array", "object"}
    return listed or parameter.kind == "object"


def _named_before(parameter: Parameter, written: Written, query: str) -> bool:
    before = {stem(word) for word in words_before(query, written.start, 3)}
    return before.issuperset(parameter.stems)


def _paired(
    parameters: Sequence[Parameter], query: str, span: tuple[int, int], *, alone: bool
) -> dict[Parameter, Any]:
    """Each mention goes to the parameter it suits best, the clause's own first, the surest pairs first.

    alone: only what the clause itself mentions, the rest comes from an earlier result.
    """
    at = {
        one.start: one
        for one in mentions(query)
        if (_within(one, span) or not alone)
        and not any(json.start <= one.start < json.end for json in written_out(query))
    }
    pairs = sorted(
        (not _within(mention, span), -_suits(parameter, mention, query, span), mention.start, order)
        for order, parameter in enumerate(parameters)
        for mention in at.values()
    )
    chosen: dict[Parameter, Any] = {}
    taken: set[int] = set()
    for elsewhere, doubt, start, order in pairs:
        parameter = parameters[order]
        if elsewhere and not parameter.required:
            continue
        enough = _REQUIRED_ENOUGH if parameter.required else _OPTIONAL_ENOUGH
        if -doubt >= enough and parameter not in chosen and start not in taken:
            value, used = _mentioned(parameter, at[start], query)
            if value is not None:
                chosen[parameter] = value
                taken |= used
    return chosen


def _mentioned(parameter: Parameter, mention: Mention, query: str) -> tuple[Any, set[int]]:
    """The value of a mention and where its parts are; a list goes on with commas and "and"."""
    if parameter.kind != "array":
        return fitting(mention.text, parameter), {mention.start}
    found = _LIST.match(query, mention.start)
    end = found.end() if found else mention.end
    texts = [text.strip('"').rstrip(".?!;:)") for text in _LIST_ITEM.findall(query[mention.start : end])]
    kind = str(parameter.items.get("type", "number" if mention.kind == "number" else "string"))
    item = Parameter(parameter.name, kind, required=True)
    values = list(takewhile(lambda value: value is not None, (fitting(text, item) for text in texts)))
    used = {one.start for one in mentions(query) if mention.start <= one.start < end}
    return values or None, used


def _suits(parameter: Parameter, mention: Mention, query: str, span: tuple[int, int]) -> float:
    """How well a mention serves as the parameter's value; 0 where it cannot."""
    kind = _kind_suits(parameter, mention)
    if kind <= 0:
        return 0.0
    cue = _cue(parameter, mention, query)
    shaped = [look(example) for example in parameter.examples if not isinstance(example, (dict, list))]
    shape = (0.8 if look(mention.text) in shaped else -0.3) if shaped and not parameter.numeric else 0.0
    here = 0.6 if _within(mention, span) else -0.7
    return kind + cue + shape + here


def _within(mention: Mention, span: tuple[int, int]) -> bool:
    return span[0] <= mention.start < span[1]


def _kind_suits(parameter: Parameter, mention: Mention) -> float:
    if parameter.numeric:
        return 0.7 if mention.kind == "number" and fitting(mention.text, parameter) is not None else 0.0
    if parameter.kind == "array":
        return (
            0.4
            if not _is_nested(parameter) and mention.kind in {"number", "quoted", "code", "proper"}
            else 0.0
        )
    dated = is_dated(parameter)
    if mention.kind in {"date", "time"}:
        return 1.3 if dated or (mention.kind == "time" and "time" in parameter.stems) else 0.0
    return 0.0 if dated else _text_suits(parameter, mention)


def _text_suits(parameter: Parameter, mention: Mention) -> float:
    if mention.kind in _ADDRESS_KINDS:
        return 0.9 if mention.kind in parameter.spoken or _looks_like_one(parameter, mention) else 0.05
    if mention.kind == "number":
        digits = any(str(example).strip("+-").replace(".", "").isdigit() for example in parameter.examples)
        return 0.6 if digits or _NUMBERED & set(parameter.stems) else 0.05
    return {"quoted": 0.9, "code": 0.6, "proper": 0.1 if mention.opens_sentence else 0.5}[mention.kind]


def _looks_like_one(parameter: Parameter, mention: Mention) -> bool:
    text = f"{parameter.spoken} {parameter.description}".lower()
    return mention.kind in text or any(word in text for word in _RELATED.get(mention.kind, ()))


def _cue(parameter: Parameter, mention: Mention, query: str) -> float:
    """How plainly the words around a mention name the parameter."""
    before = words_before(query, mention.start)
    after = words_after(query, mention.end)
    wanted = parameter.stems
    said = {stem(word): distance for distance, word in reversed(list(enumerate(before)))}
    for distance, word in enumerate(after):
        said.setdefault(stem(word), distance + 1)
    hits = [said[one] for one in wanted if one in said]
    named = sum(1.0 - 0.16 * distance for distance in hits) / max(len(wanted), 1) * 1.8
    return max(named, 0.0) + _direction(parameter, before)


def _direction(parameter: Parameter, before: Sequence[str]) -> float:
    words = set(parameter.spoken.split())
    words_of_way = _FROM_WORDS | (_TO_WORDS if "between" in before else _TO_WORDS - {"and"})
    near = next((word for word in before[:3] if word in words_of_way), None)
    if near is None:
        return 0.0
    is_source = near in _FROM_WORDS
    if words & SOURCE:
        return 1.2 if is_source else -0.6
    if words & TARGET:
        return -0.6 if is_source else 1.2
    return 0.0


def _named_option(parameter: Parameter, query: str, span: tuple[int, int]) -> Any:
    """The enumerated value the query speaks of, the nearest to the parameter's name first."""
    best: tuple[float, Any] | None = None
    for option in parameter.enum:
        for found in re.finditer(rf"(?<![\w-]){re.escape(str(option))}(?![\w-])", query, re.IGNORECASE):
            mention = Mention(found.start(), found.end(), found.group(), "quoted")
            worth = 0.8 + _cue(parameter, mention, query) + 0.02 * len(str(option))
            worth += 0.6 if span[0] <= found.start() < span[1] else -0.9
            if best is None or worth > best[0]:
                best = (worth, option)
    enough = _REQUIRED_ENOUGH if parameter.required else _OPTIONAL_ENOUGH
    return best[1] if best is not None and best[0] >= enough else None


def _switch(parameter: Parameter, clause: str) -> bool | None:
    wanted = [one for one in parameter.stems if len(one) > 2]
    said = set(stems(clause)) | {stem(word) for word in clause.lower().split()}
    if not wanted or not said.issuperset(wanted):
        return None
    return not re.search(
        rf"\b(?:no|not|without)\s+(?:\w+\s)?{re.escape(parameter.spoken.split()[0])}|set to no\b",
        clause,
        re.IGNORECASE,
    )
