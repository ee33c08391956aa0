"""Which APIs a request asks for, the values it gives, and one step of a search for its answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sandbox.teacher import faults as dice
from sandbox.teacher.documents import Api, Parameter, as_done, first_sentences, name_stems, of_function, stems
from sandbox.teacher.faults import TeacherFaults
from sandbox.teacher.observations import read
from sandbox.teacher.prompts import FINISH, Search, parsed
from sandbox.teacher.protocol import Call, Reply
from sandbox.teacher.values import mended_arguments, read_free, read_said, value_for
from sandbox.teacher.writing import EARLIER, Try, phrases, telling_facts, with_values

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a request and the API that serves it.  literal: it has the very words of its description."""

    api: Api
    text: str
    literal: bool


@lru_cache(maxsize=1024)
def apis_of(functions: str) -> tuple[Api, ...]:
    return tuple(
        of_function(function) for function in json.loads(functions) if function.get("name") != FINISH
    )


def parts_of(query: str, apis: Sequence[Api]) -> list[Part]:
    """What a request asks for, in its order: first by the words of descriptions, else by what they share."""
    lowered = query.lower()
    places: list[tuple[int, int, Api]] = []
    for api in apis:
        wish = api.wish.lower()
        at = lowered.find(wish if len(wish) < 120 else wish[:120])
        if at >= 0:
            places.append((at, at + len(wish), api))
    places.sort(key=lambda place: (place[0], -place[1]))
    kept: list[tuple[int, int, Api]] = []
    for place in places:
        if not kept or place[0] >= kept[-1][1]:
            kept.append(place)
    ends = [*(at for at, _, _ in kept[1:]), len(query)][: len(kept)]
    found = [Part(api, query[at:end], literal=True) for (at, _, api), end in zip(kept, ends, strict=True)]
    return found or _likely_parts(query, apis)


def _likely_parts(query: str, apis: Sequence[Api]) -> list[Part]:
    """For each sentence the API that shares most with it, words counting by how few APIs have them."""
    n_having = Counter(word for api in apis for word in api.words)
    found: dict[str, tuple[float, int, Part]] = {}
    for number, sentence in enumerate(
        re.split(r"(?<=[.!?;])\s+|,? and (?=(?:tell|give|show|find)\b)", query)
    ):
        words = set(stems(sentence)) | {word.lower() for word in sentence.split()} & n_having.keys()
        for api in apis:
            wished = set(stems(api.wish))
            score = sum((1 + (word in wished)) / n_having[word] for word in words & api.words)
            if score >= 1.0 and len(words & (wished | set(name_stems(api.name)))) >= min(2, len(wished)):
                part = Part(api, sentence, literal=False)
                if api.name not in found or score > found[api.name][0]:
                    found[api.name] = (score, number, part)
    best: dict[int, tuple[float, int, Part]] = {}
    for score, number, part in found.values():
        if number not in best or score > best[number][0]:
            best[number] = (score, number, part)
    return [part for _, _, part in sorted(best.values(), key=lambda one: one[1])]


def given_values(part: Part, query: str) -> Json:
    """The values that a request gives for the parameters of the API."""
    parameters, given = part.api.parameters, {}
    after = part.text[len(part.api.wish) :] if part.literal else part.text
    for parameter in parameters:
        value = read_said(parameter, after)
        if value is not None:
            given[parameter.name] = value
    if part.literal and (given or EARLIER in after or not part.api.required):
        return given
    taken = {str(value) for value in given.values()}
    for text in (part.text, query):
        for apart in (False, True):
            for parameter in parameters:
                if parameter.name not in given and (parameter.required or not apart):
                    value = read_free(parameter, text, taken, apart=apart and parameter.required)
                    if value is not None:
                        given[parameter.name] = value
    return given


_MOST_TRIES = 3  # of one function on one path
_MOST_OTHERS = 2  # functions beside the plan


class Situation:
    """What a search request shows: the plan, what was tried, what was found."""

    def __init__(self, search: Search, faults: TeacherFaults) -> None:
        self.search = search
        self.faults = faults
        self.apis = apis_of(json.dumps(search.functions))
        self.tries = [
            Try(api, arguments, read(step.observation))
            for step in search.history
            for api in self.apis
            if api.name == step.function and isinstance(arguments := parsed(step.arguments or "{}"), dict)
        ]
        self.found: dict[str, Try] = {}
        for one in self.tries:
            if one.observation.error is None:
                self.found.setdefault(one.api.name, one)
        called = [(step.function, parsed(step.arguments or "{}")) for step in search.candidates]
        self.barred = [(one.api.name, one.arguments) for one in self.tries] + called
        trail = "|".join(f"{one.api.name}{json.dumps(one.arguments, sort_keys=True)}" for one in self.tries)
        self.seed = (faults.seed, search.query, trail)

    @cached_property
    def plan(self) -> list[Part]:
        return parts_of(self.search.query, self.apis) or [Part(api, "", False) for api in self.apis[:1]]

    def next_step(self) -> Reply:
        if not self.search.may_call:
            return Reply(self.told())
        if self.search.forced == FINISH:
            return self._finish()
        if self.search.forced is not None:
            parts = {part.api.name: part for part in (*self._others(), *self.plan)}
            return self._call(parts[self.search.forced])
        return self._restart() or self._mend() or self._advance()

    def _restart(self) -> Reply | None:
        """Giving up although a way is open: some tasks look hopeless throughout, some branches do."""
        if not self.tries or self.search.candidates:
            return None
        if dice.chance(self.faults.hopeless, *self.seed[:2], "hopeless"):
            return self._give_up("hopeless")
        stuck = 3 if self.tries[-1].observation.error is not None else 1
        early = dice.chance(stuck * self.faults.early_give_up, *self.seed, "early")
        return self._give_up("early_give_up") if early and self._pending() else None

    def _pending(self) -> list[Part]:
        tried = {one.api.name for one in self.tries}
        return [part for part in self.plan if part.api.name not in tried]

    def _mend(self) -> Reply | None:
        """After an error: the same function with the arguments its message suggests."""
        last = self.tries[-1] if self.tries else None
        if last is None or last.observation.error is None or self.search.candidates:
            return None
        failures = [one for one in self.tries if one.api is last.api and one.observation.error is not None]
        if len(failures) >= _MOST_TRIES:
            return None
        mended = mended_arguments(last.api, last.arguments, last.observation, *self.seed)
        if mended is None or (last.api.name, mended) in self.barred:
            return None
        thought = dice.pick(phrases("mending"), *self.seed)
        return Reply(thought, (Call(last.api.name, json.dumps(mended, ensure_ascii=False)),))

    def _advance(self) -> Reply:
        """The next open part of the plan; else another way while nothing was found; else the end."""
        for part in self._pending():
            if (part.api.name, self._arguments(part)) not in self.barred:
                return self._call(part)
        if not self.found or (self.search.candidates and self._pending()):
            called = {name for name, _ in self.barred}
            beside = [part for part in self._others() if part.api.name not in called]
            if beside and len(called) < len(self.plan) + _MOST_OTHERS:
                return self._call(beside[0])
        return self._finish()

    def _others(self) -> list[Part]:
        """Functions beside the plan, those first that share most with the request."""
        planned = {part.api.name for part in self.plan}
        words = set(stems(self.search.query))
        others = sorted(self.apis, key=lambda api: -len(words & api.words))
        return [Part(api, self.search.query, False) for api in others if api.name not in planned]

    def _arguments(self, part: Part) -> Json:
        """Values of the request, then of what was found, then of the documents."""
        arguments = given_values(part, self.search.query)
        for parameter in part.api.required:
            if parameter.name not in arguments:
                value = self._observed(part.api, parameter)
                value = value_for(part.api, parameter, *self.seed[:2]) if value is None else value
                if value is not None:
                    arguments[parameter.name] = value
        return {one.name: arguments[one.name] for one in part.api.parameters if one.name in arguments}

    def _observed(self, api: Api, parameter: Parameter) -> Any:
        """A fact whose key says the same: "id" is that of what lists the like, "bucket id" of a bucket."""
        names = name_stems(parameter.name)
        about = set(names[:-1]) or set(name_stems(api.name))
        for key, origin in ((names, None), (names[-1:], about)):
            for one in self.found.values():
                if origin is None or (len(names) > 1 and origin & set(name_stems(one.api.name))):
                    for fact in one.observation.facts:
                        if name_stems(fact.key) == key and (value := parameter.fit(fact.value)) is not None:
                            return value
        return None

    def _call(self, part: Part) -> Reply:
        thought = dice.pick(phrases("thoughts"), *self.seed).replace("{function}", part.api.name)
        arguments = json.dumps(self._arguments(part), ensure_ascii=False)
        return Reply(thought.replace("{wish}", as_done(part.api.wish)), (Call(part.api.name, arguments),))

    def _finish(self) -> Reply:
        """An answer from what was observed; giving up where nothing was."""
        if not self.found:
            return self._give_up()
        arguments = {"return_type": "give_answer", "final_answer": self.told()}
        thought = dice.pick(phrases("finishing"), *self.seed)
        return Reply(thought, (Call(FINISH, json.dumps(arguments, ensure_ascii=False)),))

    def _give_up(self, *faults: str) -> Reply:
        call = Call(FINISH, json.dumps({"return_type": "give_up_and_restart"}))
        return Reply(dice.pick(phrases("giving_up"), *self.seed), (call,), faults=faults)

    def told(self) -> str:
        """The answer: a sentence or more for each finding, and one for each part that could not be had."""
        planned = [one for part in self.plan if (one := self.found.get(part.api.name))]
        sentences = [
            dice.pick(phrases("answers"), *self.seed, one.api.name)
            .replace("{wish}", with_values(one.api, one.arguments))
            .replace("{facts}", telling_facts(one))
            for one in planned or self.found.values()
        ]
        for part in self.plan:
            errors = [one.observation.error for one in self.tries if one.api is part.api]
            if errors and part.api.name not in self.found:
                reason = first_sentences(" ".join((errors[-1] or "it failed").split()), 140).rstrip(".")
                sentences.append(f"I could not {as_done(part.api.wish)}: {reason}.")
        return " ".join(sentences) or "I could not find anything that answers the request."


def with_slips(  # noqa: PLR0911  # one for each slip
    reply: Reply, search: Search, digest: str, faults: TeacherFaults
) -> Reply:
    """The reply, or what a careless model would have made of it.  At most one slip a reply."""
    if not reply.calls:
        return reply
    call = reply.calls[0]

    def slipped(fault: str, *calls: Call) -> Reply:
        return Reply(reply.content, calls, faults=(*reply.faults, fault))

    last = search.history[-1].function if search.history else ""
    if call.function == FINISH:
        answers = "final_answer" in call.arguments and last != FINISH
        if answers and dice.chance(faults.empty_answer, faults.seed, digest, "empty"):
            empty = dice.pick(({"final_answer": ""}, {}), digest)
            return slipped("empty_answer", Call(FINISH, json.dumps({"return_type": "give_answer", **empty})))
        return reply
    drawn = dice.unit(faults.seed, digest, "slip")
    if drawn < faults.hallucinated_function:
        return slipped(
            "hallucinated_function", Call(_invented(call.function, search, digest), call.arguments)
        )
    drawn -= faults.hallucinated_function
    if drawn < faults.malformed_arguments and call.arguments != "{}":
        broken = dice.pick(
            (
                *(call.arguments[:-1], call.arguments.replace('"', "'"), f"{call.arguments[:-1]},}}"),
                *(f"{call.arguments}  // as asked", f"```json\n{call.arguments}\n```"),
            ),
            *(digest, "broken"),
        )
        return slipped("malformed_arguments", Call(call.function, broken))
    drawn -= faults.malformed_arguments
    if 0 <= drawn < faults.thought_only and not search.must_call and last is not None and reply.content:
        return slipped("thought_only")
    return reply


def _invented(name: str, search: Search, digest: str) -> str:
    """A name that is nearly right."""
    known = {function["name"] for function in search.functions}
    own = name.split("_for_", maxsplit=1)[0]
    options = (f"{name}_v2"[-64:], f"get_{own}"[:64], f"{own}_lookup"[-64:], f"functions_{own}"[:64])
    return next((one for one in dice.shuffled(options, digest) if one not in known), f"{name[:60]}_v3")
