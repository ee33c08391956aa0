"""Answers of known truth, made of searches that brought what was asked for.

A hub computes its answers, so what a call returned is right.  Of a search whose calls all answered, and were
made with the values of the request, answers are made whose truth follows: of the parts of the request (a call
each) all, some or none are told as they came.  Nothing here knows how answers are judged.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.exact_json import digest_of
from tasks.keep_searches import SEARCHED
from warehouse import manifest
from warehouse.connect import build_database
from warehouse.ref import Counts, StageOutput
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS, NODES, REJECTS
from warehouse.tables.annotations import Annotation, AnswerMessage, MessageToolCall, Node

RIGHT = ("right", "reworded", "plain")
SURE = ("number", "date", "code")
"""Kinds of values that are known by their look, wherever they stand."""
WRONG = (*SURE, "name", "other_call", "other_entity", "made_up", "made_up_part", "left_out", "not_called")
NONE = ("apology", "gave_up")
KINDS = (*RIGHT, *WRONG, *NONE)

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?=$|[T ])")
_APOLOGIES = (
    "Unfortunately I could not find any of this. Please try again another day.",
    "I am sorry, but the information that you asked for is not available at the moment.",
    "I was not able to fulfil this request with the functions that I have.",
)


@dataclass(frozen=True)
class Call:
    function: str
    arguments: str
    observation: str
    outcome: str = "ok"

    @cached_property
    def leaves(self) -> list[tuple[str, Any]]:
        """Keys and single values of what was returned."""
        return list(_leaves(json.loads(self.observation), ""))


@dataclass(frozen=True)
class Search:
    """A call for each part of the request, and the answer that tells of all of them."""

    base: Annotation
    query: str
    calls: tuple[Call, ...]
    answer: str

    @property
    def given(self) -> str:
        return " ".join([self.query, *(call.arguments for call in self.calls)])

    @cached_property
    def shown(self) -> str:
        return " ".join([self.given, self.answer, *(call.observation for call in self.calls)])

    @cached_property
    def numbers(self) -> set[float]:
        return {float(one) for one in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", self.shown)}

    @cached_property
    def own(self) -> dict[Call, dict[str, str]]:
        """For each call what it alone returned and nobody gave, and the answer states once; with the keys."""
        own: dict[Call, dict[str, str]] = {}
        for call in self.calls:
            others = " ".join(other.observation for other in self.calls if other is not call)
            own[call] = {
                text: key
                for key, value in call.leaves
                if len(text := _text(value)) <= 60 and len(_places(self.answer, text)) == 1
                if not _places(self.given, text) and not _places(others, text)
            }
        return own

    @cached_property
    def spans(self) -> dict[Call, tuple[int, int]]:
        """Where the answer tells what a call returned, of calls that have whole sentences of their own."""
        starts = [0, *(match.end() for match in re.finditer(r"(?<=[.!?]) (?=[A-Z])", self.answer))]
        sentences = list(zip(starts, [*starts[1:], len(self.answer)], strict=True))
        of = {
            call: {
                number
                for text in values
                for number, (start, end) in enumerate(sentences)
                if start <= _places(self.answer, text)[0] < end
            }
            for call, values in self.own.items()
        }
        spans = {}
        for call, mine in of.items():
            whole = mine and mine == set(range(min(mine), max(mine) + 1))
            if whole and not any(mine & theirs for other, theirs in of.items() if other is not call):
                spans[call] = sentences[min(mine)][0], sentences[max(mine)][1]
        return spans


@dataclass(frozen=True)
class Planted:
    """label: what is true of the answer.  values: those planted in it, or made up."""

    kind: str
    search: Search
    calls: tuple[Call, ...]
    answer: str | None
    label: str
    values: tuple[str, ...] = ()
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", digest_of([self.search.base.annotation_id, self.kind]))


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name != "_cut":
                yield from _leaves(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key)
    elif value is not None and not isinstance(value, bool) and value != "":
        yield key, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _places(text: str, value: str) -> list[int]:
    """Where a text has the value as words of its own."""
    if value not in text:
        return []
    found = re.finditer(rf"(?<![\w.#/:-]){re.escape(value)}(?![\w/:-]|[.,]\d)", text)
    return [match.start() for match in found]


def sound_searches(data: Path) -> list[Search]:
    """Of the newest run: those that made a call for each part of the request, none of them in vain."""
    newest = manifest.newest(data)
    assert newest is not None
    store = Store(data)
    instructions = {
        row.instruction_id: row for row in store.read(INSTRUCTIONS, newest.tables[INSTRUCTIONS.name])
    }
    found = []
    for row in store.read(ANNOTATIONS, newest.tables[ANNOTATIONS.name]):
        instruction = instructions[row.instruction_id]
        calls = _calls_of(row)
        sound = row.win and row.final_answer and len(calls) == len(instruction.relevant_apis)
        search = Search(row, instruction.query, calls, row.final_answer or "")
        if sound and len({call.function for call in calls}) == len(calls) and _as_asked(search):
            found.append(search)
    return sorted(found, key=lambda search: digest_of(search.base.annotation_id))


def _calls_of(row: Annotation) -> tuple[Call, ...]:
    """Those that returned JSON and no error."""
    shown = {
        message.tool_call_id: message.content or "" for message in row.messages if message.role == "tool"
    }
    made = [
        Call(call.name, call.arguments, shown.get(call.id, ""))
        for message in row.messages
        for call in message.tool_calls
        if call.name != "Finish"
    ]
    return tuple(
        call for call in made if isinstance(told := _json(call.observation), dict) and "error" not in told
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _as_asked(search: Search) -> bool:
    """Whether the values of all calls are the request's own, and each call is told of in the answer."""
    for call in search.calls:
        arguments = _json(call.arguments)
        if not isinstance(arguments, dict) or not search.own[call]:
            return False
        values = [value for _, value in _leaves(arguments, "")]
        if not all(json.dumps(value, ensure_ascii=False).strip('"') in search.query for value in values):
            return False
    return True


# What a value looks like, and one that differs.


def kind_of(text: str) -> str | None:
    if re.fullmatch(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text):
        return "number"
    if _DATE.match(text) or re.fullmatch(r"\d\d:\d\d(?::\d\d)?", text):
        return "date"
    if re.fullmatch(r"#?[A-Z0-9][A-Z0-9-]*|#[0-9a-f]{3,6}|(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9-]{3,40}", text):
        return "code" if len(text) > 1 else None
    return "name" if re.fullmatch(r"[^\W\d_]{3,}(?:[ '-][^\W\d_]+)*", text) else None


def changed(kind: str, text: str, *seed: object) -> Iterator[str]:
    """Values of the same kind that differ."""
    if kind == "date" and _DATE.match(text):
        for number in range(9):
            days = 1 + int(digest_of([*map(str, seed), number])[:4], 16) % 300
            yield (date.fromisoformat(text[:10]) + timedelta(days=days)).isoformat() + text[10:]
        return
    lead = re.match(r"-?0?\.?0*", text) if kind == "number" else None
    places = [at for at, char in enumerate(text) if char.isalnum() and at >= (lead.end() if lead else 0)]
    places = places[:1] if kind == "date" else places[:3] if kind == "number" else places
    for number in range(40):
        drawn = int(digest_of([*map(str, seed), number])[:8], 16)
        at = places[drawn % len(places)] if places else 0
        alphabet = next(
            (each for each in ("123456789", "ABCDEFGHKLMNPRSTUVWX", "abcdef") if text[at] in each),
            "0123456789",
        )
        alphabet = "012" if kind == "date" else alphabet
        other = alphabet[drawn // 97 % len(alphabet)]
        if other != text[at]:
            yield text[:at] + other + text[at + 1 :]


def _stands_nowhere(search: Search, value: str) -> bool:
    if kind_of(value) == "number":
        return float(value) not in search.numbers
    return value.lower() not in search.shown.lower()


# Answers.


def planted_among(searches: Sequence[Search], n: int) -> Iterator[Planted]:
    """Of the first n searches one answer of each kind that can be made of it; values are borrowed of all."""
    names = sorted(
        {
            text
            for search in searches
            for call in search.calls
            for _, value in call.leaves
            if kind_of(text := _text(value)) == "name" and len(text) <= 40
        }
    )
    for search in searches[:n]:
        yield from _planted_in(search, searches, names)


def _planted_in(search: Search, others: Sequence[Search], names: Sequence[str]) -> Iterator[Planted]:
    whole = Planted("right", search, search.calls, search.answer, "Solved")
    yield whole
    some = "Unsure" if len(search.calls) > 1 else "Unsolved"
    reworded = search.answer
    for values in search.own.values():
        for text in values:
            at = next(iter(_places(reworded, text)), None)
            if at is not None and (other := _otherwise(text)) != text:
                reworded = reworded[:at] + other + reworded[at + len(text) :]
    if reworded != search.answer:
        yield replace(whole, kind="reworded", answer=reworded)
    yield replace(whole, kind="plain", answer=_plain(search))
    yield from _with_a_wrong_value(whole, names, some)
    yield from _of_another_entity(whole, others, some)
    failed = replace(
        search.calls[0],
        observation='{"error":"server_error","status":503,"message":"The service is not available."}',
        outcome="server_error",
    )
    broken = [replace(failed, function=call.function, arguments=call.arguments) for call in search.calls]
    stated = tuple(text for found in search.own.values() for text in found)
    yield Planted("made_up", search, tuple(broken), search.answer, "Unsolved", stated)
    if len(search.calls) > 1:
        calls = (*search.calls[:-1], broken[-1])
        stated = tuple(search.own[search.calls[-1]])
        yield Planted("made_up_part", search, calls, search.answer, "Unsure", stated)
        for left_out, (start, end) in [*search.spans.items()][:1]:
            rest = (search.answer[:start] + search.answer[end:]).strip()
            yield Planted("left_out", search, search.calls, rest, "Unsure")
            calls = tuple(call for call in search.calls if call is not left_out)
            yield Planted("not_called", search, calls, rest, "Unsure")
    apology = _APOLOGIES[int(search.base.annotation_id[:4], 16) % len(_APOLOGIES)]
    yield Planted("apology", search, search.calls, apology, "Unsolved")
    yield Planted("gave_up", search, search.calls, None, "Unsolved")


def _otherwise(text: str) -> str:
    """The same value in another notation: a day in words, thousands apart, fewer decimals."""
    if _DATE.match(text) and len(text) == 10:
        day = date.fromisoformat(text)
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    if re.fullmatch(r"\d{4,}", text):
        return f"{int(text):,}"
    if re.fullmatch(r"-?\d+\.\d{3,}", text) and abs(float(text)) >= 1:
        return f"{float(text):,.2f}"
    return text


def _cut_from(last: Any) -> int:
    """For how many elements of a list its last one stands."""
    told = last.get("_cut") if isinstance(last, dict) else None
    return int(told.split()[0]) if told else 1


def _plain(search: Search) -> str:
    """What an assistant would write that wastes no words."""
    lines = []
    for call in search.calls:
        told = [
            (key.replace("_", " "), _text(value)) for key, value in call.leaves if len(_text(value)) <= 60
        ]
        best = sorted(told, key=lambda one: one[1] not in search.own[call])[:5]
        parts = [f"the {key} is {value}" for key, value in best]
        parts += [
            f"{len(value) - 1 + _cut_from(value[-1])} {key.replace('_', ' ')} in all"
            for key, value in json.loads(call.observation).items()
            if isinstance(value, list) and len(value) > len(best)
        ]
        lines.append(f"{'; '.join(parts)}.")
    return " ".join(line[:1].upper() + line[1:] for line in lines)


def _with_a_wrong_value(whole: Planted, names: Sequence[str], some: str) -> Iterator[Planted]:
    search, answer = whole.search, whole.search.answer
    seed = search.base.annotation_id
    by_kind: dict[str, list[str]] = defaultdict(list)
    for values in search.own.values():
        for text in values:
            if (kind := kind_of(text)) is not None:
                by_kind[kind].append(text)

    def put(kind: str, text: str, instead: str) -> Planted:
        at = _places(answer, text)[0]
        wrong = answer[:at] + instead + answer[at + len(text) :]
        return replace(whole, kind=kind, answer=wrong, label=some, values=(instead,))

    for kind, texts in sorted(by_kind.items()):
        text = min(texts, key=lambda one: digest_of([seed, one]))
        drawn = changed(kind, text, seed)
        if kind == "name":
            at = int(digest_of([seed, text])[:8], 16) % len(names)
            drawn = iter([*names[at:], *names[:at]])
        instead = next((one for one in drawn if one != text and _stands_nowhere(search, one)), None)
        if instead is not None:
            yield put(kind, text, instead)
    pairs = [
        (mine, theirs)
        for call, values in search.own.items()
        for mine in values
        for other, borrowed in search.own.items()
        if other is not call
        for theirs in borrowed
        if kind_of(mine) == kind_of(theirs) is not None
    ]
    if pairs:
        yield put("other_call", *min(pairs, key=lambda pair: digest_of([seed, *pair])))


def _of_another_entity(whole: Planted, others: Sequence[Search], some: str) -> Iterator[Planted]:
    """A part was looked up for another value than the request gives, and the answer tells of that."""
    search = whole.search
    for call, (start, end) in search.spans.items():
        arguments = json.loads(call.arguments)
        elsewhere = [(other, one) for other in others if other is not search for one in other.calls]
        for other, theirs in elsewhere:
            if theirs.function != call.function or theirs not in other.spans:
                continue
            given = json.loads(theirs.arguments)
            if arguments.keys() == given.keys():
                values = [_text(value) for _, value in _leaves(given, "")]
                if any(len(text) > 1 and _stands_nowhere(search, text) for text in values):
                    told = other.answer[slice(*other.spans[theirs])]
                    answer = f"{search.answer[:start]}{told.strip()} {search.answer[end:]}".strip()
                    calls = tuple(theirs if one is call else one for one in search.calls)
                    yield Planted("other_entity", search, calls, answer, some)
                    return


# A data folder of them.


def plant(data: Path, planted: Sequence[Planted]) -> None:
    """Shows them instead of the folder's own searches, each kind as a method."""
    newest = manifest.newest(data)
    assert newest is not None
    store = Store(data)
    rows = [annotation_of(one) for one in planted]
    nodes = [node for one in planted for node in _nodes(one)]
    tables = {
        ANNOTATIONS.name: (store.write_shard(ANNOTATIONS, rows, area="tables"),),
        NODES.name: (store.write_shard(NODES, nodes, area="tables"),),
        REJECTS.name: (),
    }
    counts = Counts(unit="instruction", n_in=len(rows), n_out=len(rows), n_rejected=0)
    stages = {name: output for name, output in newest.stages.items() if name not in {"annotate", SEARCHED}}
    stages[SEARCHED] = StageOutput(stage="annotate", shards={}, tables=tables, counts=counts)
    shown = newest.model_copy(
        update={
            "stages": stages,
            "run_id": f"{newest.run_id}-planted",
            "kind": "annotate",
            "parent": newest.run_id,
            "tables": {**newest.tables, **tables, REJECTS.name: newest.tables[REJECTS.name]},
            "finished_at": newest.finished_at + timedelta(seconds=1),
        }
    )
    manifest.commit(data, shown)
    build_database(data, shown)


def annotation_of(one: Planted) -> Annotation:
    base = one.search.base
    messages = [message for message in base.messages if message.role in {"system", "user"}][:2]
    for number, call in enumerate(one.calls):
        made = MessageToolCall(id=f"call-{number}", name=call.function, arguments=call.arguments)
        messages.append(
            AnswerMessage(role="assistant", content="Next.", tool_calls=(made,), tool_call_id=None)
        )
        messages.append(
            AnswerMessage(role="tool", content=call.observation, tool_calls=(), tool_call_id=made.id)
        )
    end = {"return_type": "give_up_and_restart"}
    if one.answer is not None:
        end = {"return_type": "give_answer", "final_answer": one.answer}
    finish = MessageToolCall(id="finish", name="Finish", arguments=json.dumps(end))
    messages.append(AnswerMessage(role="assistant", content="Done.", tool_calls=(finish,), tool_call_id=None))
    return replace(
        base,
        annotation_id=one.id,
        method=one.kind,
        win=one.answer is not None,
        finish_type="give_up" if one.answer is None else "give_answer",
        final_answer=one.answer,
        n_calls=len(one.calls),
        n_nodes=len(one.calls) + 2,
        messages=tuple(messages),
    )


def _nodes(one: Planted) -> Iterator[Node]:
    calls = [*one.calls, Call("Finish", "{}", "", "ok")]
    for number, call in enumerate([None, *calls]):
        yield Node(
            annotation_id=one.id,
            node_id=number,
            parent_id=number - 1 if number else None,
            entry=number,
            depth=number,
            kind="action_input" if call else "root",
            query_no=number,
            shown=0,
            thought=None,
            function=call.function if call else None,
            arguments=call.arguments if call else None,
            repaired=False,
            observation=call.observation if call else None,
            outcome=call.outcome if call else None,
            code=None,
            tokens=0,
            finish_reason=None,
            votes=None,
            pruned=False,
            terminal=number == len(calls),
            on_answer_path=True,
        )
