"""Writes instructions for documents it is shown, and says which APIs each needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from sandbox.teaching import dice, phrases
from sandbox.teaching.faults import TeacherFaults
from sandbox.teaching.parameter import Parameter, from_document
from sandbox.teaching.stages import Instruct
from sandbox.teaching.values import Chooser, is_dated
from sandbox.teaching.weaving import Said, woven
from sandbox.teaching.wording import Wish, wish_from
from sandbox.teaching.words import count_words, name_stems

Json = dict[str, Any]
_MOST_OPTIONAL = 2
_SPARE_WORDS = 2
_TOO_COMMON = frozenset(
    ("name", "text", "value", "type", "unit", "format", "url", "title", "language", "number", "word")
)


@dataclass(frozen=True, eq=False)
class Api:
    """An API as its document shows it."""

    tool: str
    name: str
    category: str
    wish: Wish
    parameters: tuple[Parameter, ...]
    response: Any
    answers: frozenset[tuple[str, ...]]

    @property
    def sayable(self) -> bool:
        """Whether a person could say all it requires in a sentence."""
        return all(parameter.kind != "object" for parameter in self.parameters if parameter.required)


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
        one = _write(_chosen(apis, number, task, *seed), task.min_words, *seed)
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
        response=response,
        answers=frozenset(_keys(response)),
    )


def _keys(value: Any) -> set[tuple[str, ...]]:
    """Stems of the keys of a response, at any depth."""
    if isinstance(value, list):
        return set().union(*map(_keys, value[:3]))
    if not isinstance(value, dict):
        return set()
    return {name_stems(str(key)) for key in value}.union(*map(_keys, value.values()))


def _chosen(apis: list[Api], number: int, task: Instruct, *seed: object) -> list[Api]:
    """One to four APIs: a turn for each as the first, companions by lot, of several tools where asked."""
    sayable = _sayable(apis, several_tools=task.several_tools)
    turns = dice.shuffled(sayable, seed[0], "turns")
    first = turns[number % len(turns)]
    others = [api for api in dice.shuffled(sayable, *seed, "others") if api is not first]
    elsewhere = [api for api in others if api.tool != first.tool]
    wanted = dice.pick(
        (1, 1, 1, 0, 0, 2, 2, 3) if not task.several_tools else (1, 1, 1, 2, 2, 3), *seed, "size"
    )
    if task.several_tools and elsewhere:
        others = [elsewhere[0], *(api for api in others if api is not elsewhere[0])]
    return _in_order([first, *others[:wanted]])


def _sayable(apis: list[Api], *, several_tools: bool) -> list[Api]:
    """APIs all of whose values can be said in a sentence, unless that leaves too few to choose from."""
    sayable = [api for api in apis if api.sayable]
    enough = 2 if several_tools and len({api.tool for api in apis}) > 1 else 1
    return sayable if len({api.tool for api in sayable}) >= enough else apis


def _in_order(apis: list[Api]) -> list[Api]:
    """Those whose required parameters another one's response names come after it."""
    return sorted(
        apis, key=lambda api: sum(_link(api, other) is not None for other in apis if other is not api)
    )


def _link(api: Api, other: Api) -> Parameter | None:
    """The required parameter without a value of its own that the other API's response can fill."""
    return next(
        (
            parameter
            for parameter in api.parameters
            if parameter.required
            and not parameter.enum
            and _nameable(parameter)
            and parameter.stems in other.answers
            and parameter.stems not in {asked.stems for asked in other.parameters}
        ),
        None,
    )


def _nameable(parameter: Parameter) -> bool:
    """Whether people would leave the value to an earlier result: codes and identifiers, no amounts."""
    if parameter.spoken in _TOO_COMMON:
        return False
    return (parameter.kind == "string" or parameter.stems[-1:] == ("id",)) and not is_dated(parameter)


def _write(apis: list[Api], min_words: int, *seed: object) -> Written:
    tone = dice.pick(phrases.tones(), *seed, "tone")
    sentences = []
    for position, api in enumerate(apis):
        sentence = phrases.capitalised(
            tone.asking(api.wish, _wanted(api, apis[:position], *seed), *seed, api.name)
        )
        sentences.append(tone.joined(sentence, *seed, position) if position else sentence)
    sentences = [phrases.capitalised(_tidied(sentence)) for sentence in sentences]
    sentences = _filled(sentences, tone, _topic(apis, *seed), min_words, *seed)
    return Written(" ".join(sentences), [[api.tool, api.name] for api in apis])


def _wanted(api: Api, before: list[Api], *seed: object) -> str:
    """The wish with the values a person gives, or with a hint at an earlier result."""
    linked = next((link for other in before if (link := _link(api, other))), None)
    if linked is not None and not dice.chance(0.6, *seed, api.name, "link"):
        linked = None
    chooser = Chooser(*seed, response=api.response)
    said = [
        Said(parameter, value)
        for parameter in api.parameters
        if parameter is not linked
        and _spoken_of(parameter, *seed, api.name)
        and (value := chooser.value(parameter)) is not None
        and not isinstance(value, dict)
    ]
    text = woven(api.wish, _few(said), *seed, api.name)
    return text if linked is None else f"{text} {phrases.linking(linked.spoken, *seed, api.name)}"


def _spoken_of(parameter: Parameter, *seed: object) -> bool:
    if parameter.required:
        return not (parameter.kind == "boolean" and parameter.has_default)
    telling = parameter.kind in {"string", "integer", "number"} and (
        bool(parameter.enum) or parameter.has_default or bool(parameter.examples)
    )
    return telling and dice.chance(0.3, *seed, parameter.name, "optional")


def _few(said: list[Said]) -> list[Said]:
    """Everything required, and not more optional values than people mention."""
    optional = [item for item in said if not item.parameter.required][:_MOST_OPTIONAL]
    return [item for item in said if item.parameter.required or item in optional]


def _topic(apis: list[Api], *seed: object) -> str:
    words = re.sub(r"[^A-Za-z ]+", " ", dice.pick(apis, *seed, "topic").category).lower().split()
    return " ".join(words[:2])


def _tidied(sentence: str) -> str:
    return re.sub(r"\s+", " ", sentence).replace(" ,", ",").replace("??", "?").strip()


def _filled(sentences: list[str], tone: phrases.Tone, topic: str, least: int, *seed: object) -> list[str]:
    """Adds a context mostly, a closing sometimes, and more of them until the instruction is long enough."""
    context = tone.context(topic, *seed)
    closings = dice.shuffled(tone.closings, *seed, "closing")
    if dice.chance(0.8, *seed, "with context"):
        sentences = [context, *sentences]
    if dice.chance(0.3, *seed, "with closing"):
        sentences = [*sentences, closings.pop()]
    while count_words(" ".join(sentences)) < least + _SPARE_WORDS and (closings or context not in sentences):
        sentences = [context, *sentences] if context not in sentences else [*sentences, closings.pop()]
    return sentences


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
