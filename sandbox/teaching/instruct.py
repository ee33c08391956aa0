"""Writes instructions for documents it is shown, and says which APIs each needs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sandbox.teaching import dice, phrases
from sandbox.teaching.arranging import arranged, tidied
from sandbox.teaching.faults import TeacherFaults
from sandbox.teaching.observation import is_cut_mark
from sandbox.teaching.parameter import Parameter, from_document
from sandbox.teaching.saying import Said, is_nested
from sandbox.teaching.stages import Instruct
from sandbox.teaching.values import Chooser, is_dated
from sandbox.teaching.weaving import referred, speaks_of, woven
from sandbox.teaching.wording import Wish, wish_from
from sandbox.teaching.words import name_stems, plain, stem, stem_set

Json = dict[str, Any]
_MOST_OPTIONAL = 2
_LONGEST_PASTED = 240  # characters
_COMPLEX = 2  # companions of the first API in what is to be complex
_IDENTIFIER = ("id",)
_VERBS = (stem_set("knowing") | stem_set("doing")) - stem_set("nouns_as_well")
_TOO_COMMON = frozenset(
    (
        *("from", "to", "since", "until", "before", "after", "at", "in"),  # no noun to refer to
        *("name", "text", "value", "type", "unit", "format", "url", "title", "language", "number", "word"),
        *(
            "code",
            "content",
            "message",
            "key",
            "data",
            "body",
            "input",
            "string",
            "path",
            "query",
            "expression",
        ),
    )
)


@dataclass(frozen=True, eq=False)
class Api:
    """An API as its document shows it."""

    tool: str
    name: str
    category: str
    wish: Wish
    parameters: tuple[Parameter, ...]
    called: Any
    response: Any
    answers: frozenset[tuple[str, ...]]

    @property
    def topic(self) -> str:
        return phrases.topic_of(self.category, self.tool)

    @cached_property
    def valued(self) -> bool:
        """Whether a person could say all it requires in a sentence."""
        chooser = Chooser("sayable", response=self.response, called=self.called)
        return all(is_sayable(chooser.value(one)) for one in self.parameters if one.required)


@dataclass(frozen=True)
class Written:
    query: str
    apis: list[list[str]]

    def as_json(self) -> Json:
        return {"query": self.query, "relevant_apis": self.apis}


def instructions(task: Instruct, digest: str, faults: TeacherFaults) -> tuple[list[Json], tuple[str, ...]]:
    """`task.n` instructions and the names of the faults that were built in."""
    apis = [_api(document) for document in task.documents]
    written: list[Written] = []
    committed: list[str] = []
    for number in range(task.n):
        seed = (digest, number)
        is_complex = number >= task.n - task.n_complex
        chosen = _chosen(apis, number, task, *seed, fewest=_COMPLEX if is_complex else 0)
        one = _write(chosen, task.min_words * (1 + is_complex), *seed)
        one, fault = _flawed(one, written, faults, *seed)
        written.append(one)
        committed += [fault] if fault else []
    return [one.as_json() for one in written], tuple(committed)


def _api(document: Json) -> Api:
    listed = document.get("parameters")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    name = str(document.get("api_name", ""))
    response = document.get("response")
    return Api(
        tool=str(document.get("tool_name", "")),
        name=name,
        category=str(document.get("category", "")),
        wish=wish_from(str(document.get("api_description") or ""), name),
        parameters=tuple(from_document(entry) for entry in entries),
        called=document.get("arguments"),
        response=response,
        answers=frozenset(_keys(response)),
    )


def _keys(value: Any) -> set[tuple[str, ...]]:
    """Stems of the keys of a response under which values stand, at any depth.

    What holds objects is no value, and a plural that is one number or text counts things or joins them.
    """
    if isinstance(value, list):
        return set().union(*map(_keys, value[:3]))
    if not isinstance(value, dict):
        return set()
    named = {name_stems(str(key)) for key, inner in value.items() if _is_value_of(str(key), inner)}
    return named.union(*map(_keys, value.values()))


def _is_value_of(key: str, value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, (dict, list)) for item in value if not is_cut_mark(item))
    last = plain(key).rpartition(" ")[2]
    return not isinstance(value, dict) and (
        not last.endswith("s") or stem(last) in {last, last.removesuffix("e")}
    )


def _chosen(apis: list[Api], number: int, task: Instruct, *seed: object, fewest: int) -> list[Api]:
    """One to four APIs: a turn for each as the first, companions by lot, of several tools where asked.

    fewest: companions, if there are as many.
    """
    sayable = _sayable(apis, several_tools=task.several_tools)
    turns = dice.shuffled(sayable, seed[0], "turns")
    first = turns[number % len(turns)]
    others = [api for api in dice.shuffled(sayable, *seed, "others") if api is not first]
    wanted = dice.pick(
        (1, 1, 1, 0, 0, 2, 2, 3) if not task.several_tools else (1, 1, 1, 2, 2, 3), *seed, "size"
    )
    chosen = _with_companions(first, others, max(wanted, fewest))
    if task.several_tools:
        chosen = _of_several_tools(chosen, [*others, *apis])
    return _in_order(chosen)


def _with_companions(first: Api, others: list[Api], wanted: int) -> list[Api]:
    """First one that brings what the first needs, then any that fit."""
    chosen = [first]
    feeding = [api for api in others if api.valued and _link(first, api)]
    if feeding and (wanted or not first.valued):
        chosen.append(feeding[0])
    for api in others:
        fits = api.valued or any(_link(api, earlier) for earlier in chosen)
        new = all(api.wish != earlier.wish for earlier in chosen)
        if fits and new and len(chosen) <= wanted:
            chosen.append(api)
    return chosen


def _of_several_tools(chosen: list[Api], others: list[Api]) -> list[Api]:
    """With one of another tool in place of the last, or beside those that belong together."""
    elsewhere = [api for api in others if api.tool != chosen[0].tool]
    if not elsewhere or any(api in elsewhere for api in chosen):
        return chosen
    kept = chosen[:-1] if len(chosen) > 2 else chosen
    return [*kept, next((api for api in elsewhere if api.valued), elsewhere[0])]


def _sayable(apis: list[Api], *, several_tools: bool) -> list[Api]:
    """APIs all of whose values can be said in a sentence, unless that leaves too few to choose from."""
    valued = [api for api in apis if api.valued]
    sayable = [api for api in apis if api.valued or any(_link(api, other) for other in valued)]
    enough = 2 if several_tools and len({api.tool for api in apis}) > 1 else 1
    return sayable if len({api.tool for api in sayable}) >= enough else apis


def _in_order(apis: list[Api]) -> list[Api]:
    """Those whose required parameters another one's response names come right after it."""
    ordered = [api for api in apis if not any(_link(api, other) for other in apis if other is not api)]
    for api in apis:
        if api not in ordered:
            feeding = [place for place, other in enumerate(ordered) if _link(api, other)]
            ordered.insert(feeding[-1] + 1 if feeding else len(ordered), api)
    return ordered


def _link(api: Api, other: Api) -> Parameter | None:
    """The required parameter without a value of its own that the other API's response can fill."""
    return next(
        (
            parameter
            for parameter in api.parameters
            if parameter.required
            and not parameter.enum
            and _nameable(parameter)
            and _answered(parameter, api, other)
        ),
        None,
    )


def _answered(parameter: Parameter, api: Api, other: Api) -> bool:
    """Whether the other's response has the parameter, or what it lists has the identifier meant."""
    asked = {one.stems for one in other.parameters if one.required}
    if parameter.stems[-1:] != _IDENTIFIER:
        return parameter.stems in other.answers and parameter.stems not in {
            one.stems for one in other.parameters
        }
    listed = set(parameter.stems[:-1]) or set(name_stems(api.name)) - _VERBS
    told = parameter.stems in other.answers or _IDENTIFIER in other.answers
    return told and bool(listed & set(name_stems(other.name))) and parameter.stems not in asked


def _nameable(parameter: Parameter) -> bool:
    """Whether people would leave the value to an earlier result: codes and identifiers, no amounts."""
    if parameter.spoken in _TOO_COMMON:
        return False
    return (parameter.kind == "string" or parameter.stems[-1:] == _IDENTIFIER) and not is_dated(parameter)


def _write(apis: list[Api], min_words: int, *seed: object) -> Written:
    tone = dice.pick(phrases.tones(), *seed, "tone")
    wishes = [_wanted(api, apis[:position], *seed) for position, api in enumerate(apis)]
    topic = dice.pick([api.topic for api in apis], *seed, "topic")
    query = " ".join(arranged(wishes, tone, topic, min_words, *seed))
    return Written(query, [[api.tool, api.name] for api in apis])


def _wanted(api: Api, before: list[Api], *seed: object) -> Wish:
    """The wish with the values a person gives, or with a hint at an earlier result."""
    linked = next((link for other in before if (link := _link(api, other))), None)
    if linked is not None and api.valued and not dice.chance(0.75, *seed, api.name, "link"):
        linked = None
    chooser = Chooser(*seed, response=api.response, called=api.called)
    said = [
        Said(parameter, value)
        for parameter in api.parameters
        if parameter is not linked
        and _spoken_of(parameter, api.wish, *seed, api.name)
        and is_sayable(value := chooser.value(parameter))
    ]
    text = woven(api.wish, _few(said), *seed, api.name)
    if linked is not None:
        noun = " ".join(linked.spoken.split()[:-1]) if linked.stems[-1:] == _IDENTIFIER else linked.spoken
        text = referred(text, linked) or f"{text} {phrases.linking(noun, *seed, api.name)}"
    return Wish(api.wish.kind, tidied(text))


def is_sayable(value: Any) -> bool:
    """Whether a person could say the value in a sentence, or would paste it in."""
    return value is not None and not (is_nested(value) and len(json.dumps(value)) > _LONGEST_PASTED)


def _spoken_of(parameter: Parameter, wish: Wish, *seed: object) -> bool:
    if parameter.required or speaks_of(wish, parameter):
        return not (parameter.kind == "boolean" and parameter.has_default)
    telling = parameter.kind in {"string", "integer", "number"} and (
        bool(parameter.enum) or parameter.has_default or bool(parameter.examples)
    )
    return telling and dice.chance(0.3, *seed, parameter.name, "optional")


def _few(said: list[Said]) -> list[Said]:
    """Everything required, and not more optional values than people mention."""
    optional = [item for item in said if not item.parameter.required][:_MOST_OPTIONAL]
    return [item for item in said if item.parameter.required or item in optional]


def _flawed(
    one: Written, earlier: list[Written], faults: TeacherFaults, *seed: object
) -> tuple[Written, str | None]:
    """Now and then what real models get wrong, for the next stage to find."""
    drawn = dice.unit(faults.seed, *seed, "flaw")
    flaws = (
        ("hallucinated_api", faults.hallucinated_api, _with_invented_api),
        ("short_instruction", faults.short_instruction, _cut_short),
        ("names_tool", faults.names_tool, _naming_tool),
    )
    for name, rate, spoil in flaws:
        if drawn < rate:
            return spoil(one), name
        drawn -= rate
    if earlier and drawn < faults.near_duplicate:
        return _reworded(dice.pick(earlier, *seed, "copied")), "near_duplicate"
    return one, None


def _with_invented_api(one: Written) -> Written:
    tool, name = one.apis[-1]
    return replace(
        one, apis=[*one.apis[:-1], [tool, f"{name} Details" if " " in name else f"{name}_details"]]
    )


def _cut_short(one: Written) -> Written:
    return replace(one, query=" ".join(one.query.split()[:9]).rstrip(",;:") + "?")


def _naming_tool(one: Written) -> Written:
    return replace(one, query=f"Use {one.apis[0][0]} for this. {one.query}")


def _reworded(one: Written) -> Written:
    query = (
        one.query.replace("Please ", "Please do ", 1) if "Please " in one.query else f"{one.query} Thank you."
    )
    return replace(one, query=query)
