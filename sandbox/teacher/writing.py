"""What the teacher writes: instructions, from what documents say, and answers, from what calls returned."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.teacher import faults as dice
from sandbox.teacher.documents import (
    Api,
    Parameter,
    as_done,
    first_sentences,
    name_stems,
    of_document,
    spoken,
    stems,
)
from sandbox.teacher.faults import TeacherFaults
from sandbox.teacher.observations import Fact, Observation, as_text, is_cut_mark, length_of, read
from sandbox.teacher.prompts import Instruct
from sandbox.teacher.values import said, value_for

Json = dict[str, Any]


EARLIER = "that turns up there"


@cache
def phrases(kind: str) -> list[str]:
    read_from = Path(__file__).parent / "phrases.toml"
    phrases: list[str] = tomllib.loads(read_from.read_text(encoding="utf-8"))[kind]
    return phrases


def instructions(task: Instruct, digest: str, faults: TeacherFaults) -> tuple[Json, tuple[str, ...]]:
    """The reply and the names of the faults that were built into it."""
    apis = [of_document(document) for document in task.documents]
    written: list[Json] = []
    committed: list[str] = []
    for number in range(task.n):
        seed = (digest, number)
        drafted = draft(task, apis, number)
        query, named = drafted.query, [[api.tool, api.name] for api in drafted.apis]
        drawn = dice.unit(faults.seed, *seed, "flaw")
        flaws = ("hallucinated_api", "short_instruction", "names_tool", "near_duplicate")
        flaw = None
        for flaw in flaws:
            if drawn < getattr(faults, flaw):
                break
            drawn -= getattr(faults, flaw)
        else:
            flaw = None
        match flaw:
            case "hallucinated_api":
                tool, name = named[-1]
                named[-1] = [tool, f"{name} Details" if " " in name else f"{name}_details"]
            case "short_instruction":
                query = " ".join(query.split()[:9]).rstrip(",;:") + "?"
            case "names_tool":
                query = f"Use {named[0][0]} for this. {query}"
            case "near_duplicate" if written:
                copied = dice.pick(written, *seed, "copied")
                query, named = f"{copied['query']} Thank you.", copied["relevant_apis"]
        committed += [flaw] if flaw and (flaw != "near_duplicate" or written) else []
        written.append({"query": query, "relevant_apis": named})
    return {"instructions": written}, tuple(committed)


def _chosen(apis: list[Api], number: int, several_tools: bool, fewest: int, *seed: object) -> list[Api]:
    """One to four APIs: a turn for each as the first, companions by lot, what feeds another one before it."""
    usable = [
        api for api in apis if _valued(api) or any(_link(api, other) for other in apis if _valued(other))
    ]
    n_tools = len({api.tool for api in usable})
    pool = usable if usable and (not several_tools or n_tools > 1) else apis
    turns = dice.shuffled(pool, seed[0], "turns")
    first = turns[number % len(turns)]
    others = [api for api in dice.shuffled(pool, *seed, "others") if api.wish != first.wish]
    feeding = [api for api in others if _valued(api) and _link(first, api)]
    sizes = (1, 1, 1, 2, 2, 3) if several_tools else (1, 1, 1, 0, 0, 2, 2, 3)
    wanted = max(dice.pick(sizes, *seed, "size"), fewest, 0 if _valued(first) else 1)
    chosen = [first]
    for api in (*feeding[:1], *others):
        new = api not in chosen and all(api.wish != other.wish for other in chosen)
        if new and len(chosen) <= wanted and (_valued(api) or any(_link(api, one) for one in chosen)):
            chosen.append(api)
    elsewhere = [api for api in others if api.tool != first.tool]
    if several_tools and elsewhere and all(api.tool == first.tool for api in chosen):
        chosen = [*(chosen[:-1] if len(chosen) > 2 else chosen), elsewhere[0]]
    return sorted(chosen, key=lambda api: any(_link(api, one) for one in chosen if one is not api))


def _valued(api: Api) -> bool:
    """Whether a person could say all it requires in a sentence."""
    return all(sayable(value_for(api, parameter, "sayable")) for parameter in api.required)


def sayable(value: Any) -> bool:
    return value is not None and (not isinstance(value, (list, dict)) or len(json.dumps(value)) <= 240)


def _link(api: Api, other: Api) -> Parameter | None:
    """The required code or identifier of the API that the other one's response holds."""
    found = {name_stems(fact.key) for fact in read(json.dumps(other.response)).facts}
    asked = {name_stems(parameter.name) for parameter in other.parameters}
    for parameter in api.required:
        names = name_stems(parameter.name)
        if parameter.kind in {"string", "integer"} and not parameter.enum and names not in asked:
            own = names[-1:] == ("id",) and ("id",) in found
            about = set(names[:-1]) or set(name_stems(api.name)) - {"get", "list", "show"}
            if (own and about & set(name_stems(other.name))) or (names in found and _is_code(names)):
                return parameter
    return None


def _is_code(names: tuple[str, ...]) -> bool:
    """Whether people leave such a value to an earlier result: identifiers, no dates, names or amounts."""
    return names[-1:] in {("id",), ("sku",), ("uuid",), ("key",), ("iata",), ("icao",), ("iban",), ("etag",)}


@dataclass(frozen=True)
class Draft:
    """An instruction and what went into it: its APIs, and the values that it states for each.

    A value that is left to an earlier result is `EARLIER`.
    """

    query: str
    apis: list[Api]
    values: list[Json]


def draft(task: Instruct, apis: list[Api], number: int) -> Draft:
    """The instruction of that number, before anything goes wrong with it."""
    seed = (task.digest, number)
    is_complex = number >= task.n - task.n_complex
    chosen = _chosen(apis, number, task.several_tools, 2 if is_complex else 0, *seed)
    values = [_values_to_state(api, chosen[:place], *seed) for place, api in enumerate(chosen)]
    frames = [dice.pick(phrases("openings"), *seed, "opening")]
    frames += dice.shuffled(phrases("links"), *seed, "links")[: len(chosen) - 1]
    parts = []
    for frame, api, stated in zip(frames, chosen, values, strict=True):
        joint = dice.pick(("with", "using", "given", "for", "taking"), *seed, api.name, "joint")
        asked = frame.replace("{wish}", f"{api.wish}, {joint} {_listed(api, stated)}" if stated else api.wish)
        parts.append(asked[:1].upper() + asked[1:])
    if dice.chance(0.6, *seed, "prelude"):
        parts.insert(0, dice.pick(phrases("preludes"), *seed))
    least = task.min_words * (1 + is_complex) + dice.between(0, 12, *seed, "length")
    for closing in dice.shuffled(phrases("closings"), *seed, "closings"):
        if len(" ".join(parts).split()) > least:
            break
        parts.append(closing)
    return Draft(" ".join(parts), chosen, values)


def _listed(api: Api, stated: Json) -> str:
    given = [
        f"the {spoken(one.name)} {EARLIER}" if stated[one.name] == EARLIER else said(one, stated[one.name])
        for one in api.parameters
        if one.name in stated
    ]
    return f"{', '.join(given[:-1])} and {given[-1]}" if given[1:] else given[0]


def _values_to_state(api: Api, before: list[Api], *seed: object) -> Json:
    """All that is required and a few others, but for what an earlier result brings."""
    linked = next((link for other in before if (link := _link(api, other))), None)
    if linked is not None and _valued(api) and dice.chance(0.25, *seed, api.name, "link"):
        linked = None
    stated: Json = {}
    optional = 0
    for parameter in api.parameters:
        telling = parameter.kind in {"string", "integer", "number"} and (parameter.enum or parameter.shown)
        wanted = parameter.required or (
            telling and optional < 2 and dice.chance(0.3, *seed, api.name, parameter.name, "optional")
        )
        if parameter is linked:
            stated[parameter.name] = EARLIER
        elif wanted and sayable(value := value_for(api, parameter, *seed)):
            optional += not parameter.required
            stated[parameter.name] = value
    return stated


@dataclass(frozen=True, eq=False)
class Try:
    """A call that was made of an offered function, with arguments that were JSON."""

    api: Api
    arguments: Json
    observation: Observation


def with_values(api: Api, arguments: Json) -> str:
    """What was done, and with which values."""
    given = [said(one, arguments[one.name]) for one in api.parameters if sayable(arguments.get(one.name))]
    return f"{as_done(api.wish)} ({', '.join(given)})" if given else as_done(api.wish)


_MOST_FACTS, _MOST_OF_ENTRY, _MOST_ENTRIES, _MOST_VALUES, _LONGEST_TEXT = 8, 3, 4, 12, 160
_DULL = frozenset(
    map(str, name_stems("id url link href image icon hash token status ok success timestamp version"))
)


def telling_facts(one: Try) -> str:
    """Values by their names, then lists with their first entries; nothing but what the call returned."""
    asked = set(stems(one.api.wish))
    given = {as_text(argument).lower() for argument in one.arguments.values()}
    leaves = list(_leaves(one.observation.value, ())) or list(one.observation.facts)
    lists = [leaf for leaf in leaves if not _is_plain(leaf)][:2]
    single = [leaf for leaf in leaves if _is_plain(leaf)]
    parts = _best(single, asked, given, _MOST_FACTS - 2 * len(lists))
    for leaf in lists:
        shown = [entry for entry in leaf.value if not is_cut_mark(entry)][:_MOST_ENTRIES]
        entries = [_best(_plain_leaves(entry), asked, given, _MOST_OF_ENTRY) for entry in shown]
        told = ", ".join(f"({', '.join(entry)})" for entry in entries)
        rest = length_of(leaf.value) - len(shown)
        parts.append(
            f"{_name(leaf.path)} {told}{f', of {length_of(leaf.value)} in all' if rest else ''}".strip()
        )
    return "; ".join(parts)


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[Fact]:
    """Single values, and whole lists."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif value not in (None, "", []) and not is_cut_mark(value):
        yield Fact(path, value)


def _is_plain(leaf: Fact) -> bool:
    return not isinstance(leaf.value, list) or not any(isinstance(one, (dict, list)) for one in leaf.value)


def _plain_leaves(entry: Any) -> list[Fact]:
    """Those of an entry; of lists within it, those of the first entry."""
    plain: list[Fact] = []
    for leaf in _leaves(entry, ()):
        plain += [leaf] if _is_plain(leaf) else _plain_leaves(leaf.value[0])
    return plain


def _best(leaves: list[Fact], asked: set[str], given: set[str], most: int) -> list[str]:
    """Those that tell most, in their order; what was known before only where nothing else came back."""
    fresh = [leaf for leaf in leaves if as_text(leaf.value).lower() not in given] or leaves
    best = sorted(fresh, key=lambda leaf: _dullness(leaf, asked))[:most]
    return [_statement(leaf) for leaf in fresh if leaf in best]


def _dullness(fact: Fact, asked: set[str]) -> float:
    """Lower for names and what the wish speaks of, higher for what lies deep, is long or for machines."""
    words = {stem for step in fact.path if isinstance(step, str) for stem in name_stems(step)}
    text = as_text(fact.value)
    dull = 0.4 * len(fact.path) - 2 * bool(words & (asked | {"name", "title"})) + 2 * bool(words & _DULL)
    return dull + 1.5 * text.startswith(("http", "data:")) + 0.01 * max(len(text) - 40, 0)


def _statement(fact: Fact) -> str:
    """`rank 3`, `rgb 63, 124 and 172`, `valid yes`."""
    value = fact.value if isinstance(fact.value, list) else [fact.value]
    told = [_text(entry, among=len(value) > 1) for entry in value if not is_cut_mark(entry)]
    rest = length_of(value) - _MOST_VALUES
    if rest > 0:
        told = [*told[:_MOST_VALUES], f"{rest} more"]
    listed = f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else "".join(told)
    return f"{_name(fact.path)} {listed}".strip()


def _name(path: Sequence[str | int]) -> str:
    """The key as words, with the one above it, where that says something."""
    keys = [step for step in path if isinstance(step, str)]
    above = [
        key for key in keys[-2:-1] if key.lower() not in {"data", "result", "results", "response", "items"}
    ]
    return " ".join(map(spoken, [*above, *keys[-1:]]))


def _text(value: Any, *, among: bool) -> str:
    """A value as it came; in quotes where it ends like a sentence, or has several words among others."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = first_sentences(as_text(value), _LONGEST_TEXT)
    return f'"{text}"' if text[-1:] in ".,;:!?" or (among and " " in text) else text
