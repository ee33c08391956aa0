"""Rows as today's trainers read them: TRL's and LLaMA-Factory's, for imitation and for preferences.

trl            <level>.jsonl, and with reflections_, preferences_, unpaired_ before the level
llamafactory   likewise in .json, and dataset_info.json

A preference is of two replies to the same conversation, one on the way to the answer and one that led
nowhere (view `pairs`; after Chen et al., arXiv 2406.07115).  Unpaired are the same replies one by one, each
with whether it is to be made.  A reflection is a reply that mends the wrong call before it; what is before it
is read and not learned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from operator import attrgetter

from tasks import exact_json
from tasks.exact_json import Json
from tasks.exporting.folder import ExportFolder, Streams, json_streams, json_text
from tasks.exporting.openai_messages import NO_JSON, NotJson, calls_with_ends, training_example
from tasks.exporting.params import Diversity
from tasks.exporting.searches import Search, Source
from warehouse.tables.annotations import AnswerMessage, MessageToolCall, Node

STRAY_CALL = "it calls a function that does not exist, and the format cannot say that this is not learned"
NO_TURNS = "its turns do not alternate, as the format wants"
UNPLACED = "a preference of it has no place in its conversation"
PREFERENCES = "preferences"
UNPAIRED = "unpaired"
REFLECTIONS = "reflections"

_UNKNOWN_FUNCTION = "unknown_function"
_WRONG = frozenset(
    {_UNKNOWN_FUNCTION, "invalid_arguments", "bad_finish", "client_error", "not_found", "error_message"}
)
_RIGHT = frozenset({"ok", "answered"})

_CALL_BEGINS, _CALL_ENDS = "<tool_call>", "</tool_call>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A row of the view `pairs`."""

    annotation_id: str
    point: int
    chosen_node: int
    rejected_node: int
    reason: str


@dataclass(frozen=True, slots=True)
class Preference:
    """Two replies to a conversation, in OpenAI's form."""

    prompt: list[Json]
    chosen: Json
    rejected: Json


@dataclass(frozen=True, slots=True)
class _Trainer:
    """How a trainer wants its rows.  imitation: None where a conversation has no place in the format, as for
    `reflection`, which is learned from its last message alone.

    asked_beside: whether a preference can have a turn of the user's after what a call returned.
    """

    suffix: str
    imitation: Callable[[Sequence[Json], Sequence[Json]], Json | None]
    reflection: Callable[[Sequence[Json], Sequence[Json]], Json | None]
    preference: Callable[[Preference, Sequence[Json]], Json | None]
    unpaired: Callable[[Preference, Sequence[Json], bool], Json | None]
    asked_beside: bool


def export_trl(source: Source, folder: ExportFolder) -> None:
    """For `SFTTrainer`, `DPOTrainer` and `KTOTrainer`: arguments are objects, `tools` is JSON text.

    As text, since `datasets` would give each function the parameters of all others.
    """
    with json_streams(folder) as streams:
        _write(source, streams, _TRL)


def export_llamafactory(source: Source, folder: ExportFolder) -> None:
    """In its sharegpt form, with the entries that its `dataset_info.json` needs."""
    with json_streams(folder) as streams:
        _write(source, streams, _LLAMAFACTORY)
    entries = {f"toolloom_{name.removesuffix('.json')}": _entry(name) for name in folder.written}
    folder.file("dataset_info.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def _write(source: Source, streams: Streams, trainer: _Trainer) -> None:
    pairs = {
        key: list(found)
        for key, found in groupby(source.rows(Pair, "export_pairs"), attrgetter("annotation_id"))
    }
    diversity = source.params.diversity if trainer.asked_beside else Diversity.DROP
    for search in source.searches():
        if source.is_result(search, ""):
            why = _write_conversation(streams, trainer, search)
            if why is not None:
                source.left_out[why] += 1
        for pair in pairs.get(search.annotation.annotation_id, ()):
            if not _write_preference(streams, trainer, search, pair, diversity):
                source.left_out[UNPLACED] += 1


def _write_conversation(streams: Streams, trainer: _Trainer, search: Search) -> str | None:
    """Why it has no row, if it has none."""
    try:
        example = training_example(search.annotation, search.instruction.query)
    except NotJson:
        return NO_JSON
    for at in reflections_in(example["messages"], search.nodes):
        reflection = trainer.reflection(example["messages"][: at + 1], example["tools"])
        if reflection is not None:
            streams.write(f"{REFLECTIONS}_{search.label}.{trainer.suffix}", reflection)
    if any("weight" in message for message in example["messages"]):
        return STRAY_CALL
    row = trainer.imitation(example["messages"], example["tools"])
    if row is None:
        return NO_TURNS
    streams.write(f"{search.label}.{trainer.suffix}", row)
    return None


def reflections_in(messages: Sequence[Json], nodes: Sequence[Node]) -> list[int]:
    """Which messages mend a wrong call of the reply before them.

    It is mended by a call of the same function with other arguments, or, where there is no such function, by
    one of a function that there is; a reply that calls anything that fails mends nothing.
    """
    replies = [(at, calls) for at, calls in enumerate(calls_with_ends(messages, nodes) or ()) if calls]
    return [
        at
        for (_, before), (at, calls) in pairwise(replies)
        if all(node.outcome in _RIGHT for _, node in calls)
        and any(_mends(*right, *wrong) for right in calls for wrong in before)
    ]


def _mends(right: Json, mending: Node, wrong: Json, failing: Node) -> bool:
    if failing.outcome == _UNKNOWN_FUNCTION:
        return mending.outcome == "ok"  # to say that all is known would be no way to call it
    same = failing.outcome in _WRONG and right["name"] == wrong["name"]
    return bool(same and exact_json.loads(right["arguments"]) != exact_json.loads(wrong["arguments"]))


def _write_preference(
    streams: Streams, trainer: _Trainer, search: Search, pair: Pair, diversity: Diversity
) -> bool:
    try:
        found = preference_of(search, pair, diversity)
    except NotJson:
        return False
    if found is None:
        return False
    tools = exact_json.loads(search.annotation.functions)
    paired = trainer.preference(found, tools)
    alone = [trainer.unpaired(found, tools, good) for good in (True, False)]
    if paired is None:
        return False
    streams.write(f"{PREFERENCES}_{search.level}.{trainer.suffix}", paired)
    for row in alone:
        streams.write(f"{UNPAIRED}_{search.level}.{trainer.suffix}", row)
    return True


def preference_of(search: Search, pair: Pair, diversity: Diversity = Diversity.DROP) -> Preference | None:
    """The conversation up to where both replies came, and the replies; None where it has no such place.

    diversity: whether it ends with what the preferred reply was asked with besides.  Raises `NotJson`.
    """
    messages = search.annotation.messages
    before = {
        node.query_no
        for node in search.nodes
        if node.on_answer_path and node.node_id <= pair.point and node.query_no is not None
    }
    said = [at for at, message in enumerate(messages) if message.role == "assistant"]
    if len(before) >= len(said):
        return None
    prompt = messages[: said[len(before)]]
    chosen, rejected = (
        training_example(replace(search.annotation, messages=(*prompt, reply)), search.instruction.query)[
            "messages"
        ]
        for reply in (messages[said[len(before)]], _reply_of(search.nodes, pair.rejected_node))
    )
    same = chosen[:-1]
    if not same or same[-1]["role"] == "assistant" or rejected[:-1] != same:
        return None
    besides = [text for text in search.asked_beside(diversity)[len(before) : len(before) + 1] if text]
    asked = [{"role": "user", "content": text} for text in besides]
    return Preference([*same, *asked], _plain(chosen[-1]), _plain(rejected[-1]))


def _reply_of(nodes: Sequence[Node], first: int) -> AnswerMessage:
    """What the model said in the reply that begins with a node."""
    of_id = {node.node_id: node for node in nodes}
    number = of_id[first].query_no
    own = [node for node in nodes if node.query_no == number]
    thoughts = [node.thought for node in own if node.kind == "thought" and node.thought]
    calls = tuple(
        MessageToolCall(id=f"{number}.{at}", name=node.function or "", arguments=node.arguments or "")
        for at, node in enumerate(node for node in own if node.kind == "action_input")
    )
    return AnswerMessage(
        role="assistant", content="\n".join(thoughts) or None, tool_calls=calls, tool_call_id=None
    )


def _plain(message: Json) -> Json:
    """Without the weight: what a preference rejects is learned from, whatever it calls."""
    return {key: value for key, value in message.items() if key != "weight"}


def trl_messages(messages: Sequence[Json]) -> list[Json]:
    """`content` is never null, arguments are objects, and what a call showed says whose it is."""
    names = {
        call["id"]: call["function"]["name"] for message in messages for call in message.get("tool_calls", ())
    }
    written = []
    for message in messages:
        row = {"role": message["role"], "content": message["content"] or ""}
        if message["role"] == "tool":
            row |= {"name": names.get(message["tool_call_id"], ""), "tool_call_id": message["tool_call_id"]}
        if "tool_calls" in message:
            row["tool_calls"] = [
                call
                | {
                    "function": call["function"]
                    | {"arguments": exact_json.loads(call["function"]["arguments"])}
                }
                for call in message["tool_calls"]
            ]
        written.append(row)
    return written


def _trl_preference(found: Preference, tools: Sequence[Json]) -> Json:
    *prompt, chosen = trl_messages([*found.prompt, found.chosen])
    (rejected,) = trl_messages([found.rejected])
    return {"prompt": prompt, "chosen": [chosen], "rejected": [rejected], "tools": json_text(tools)}


def _trl_unpaired(found: Preference, tools: Sequence[Json], good: bool) -> Json:
    *prompt, reply = trl_messages([*found.prompt, found.chosen if good else found.rejected])
    return {"prompt": prompt, "completion": [reply], "label": good, "tools": json_text(tools)}


def _trl_reflection(messages: Sequence[Json], tools: Sequence[Json]) -> Json:
    *prompt, reply = trl_messages(messages)
    return {"prompt": prompt, "completion": [reply], "tools": json_text(tools)}


_TRL = _Trainer(
    "jsonl",
    lambda messages, tools: {"messages": trl_messages(messages), "tools": json_text(tools)},
    _trl_reflection,
    _trl_preference,
    _trl_unpaired,
    asked_beside=True,
)


def _turns(messages: Sequence[Json]) -> tuple[str, list[Json]] | None:
    """The system's text, and turns that alternate; results of parallel calls are one turn."""
    system = ""
    turns: list[Json] = []
    for message in messages:
        content = message["content"] or ""
        if message["role"] == "system":
            system = content
        elif message["role"] == "tool" and turns and turns[-1]["from"] == "observation":
            turns[-1]["value"] += f"\n{content}"
        elif message["role"] == "assistant":
            turns.append(_turn(message))
        else:
            turns.append({"from": {"user": "human"}.get(message["role"], "observation"), "value": content})
    asks, replies = turns[::2], turns[1::2]
    alternate = {turn["from"] for turn in asks} <= {"human", "observation"} and {
        turn["from"] for turn in replies
    } <= {"gpt", "function_call"}
    return (system, turns) if alternate and turns else None


def _turn(message: Json) -> Json:
    """A reply; where it calls, its thought stands before the mark that its templates look for."""
    thought = message["content"] or ""
    if "tool_calls" not in message:
        return {"from": "gpt", "value": thought}
    calls = [
        {
            "name": call["function"]["name"],
            "arguments": exact_json.loads(call["function"]["arguments"]),
        }
        for call in message["tool_calls"]
    ]
    called = json_text(calls[0] if len(calls) == 1 else calls)
    if thought and _CALL_BEGINS not in thought:
        called = f"{thought}\n{_CALL_BEGINS}{called}{_CALL_ENDS}"
    return {"from": "function_call", "value": called}


def _sharegpt(messages: Sequence[Json], tools: Sequence[Json]) -> Json | None:
    found = _turns(messages)
    if found is None:
        return None
    system, turns = found
    return {
        "conversations": turns,
        "system": system,
        "tools": json_text([tool["function"] for tool in tools]),
    }


def _sharegpt_imitation(messages: Sequence[Json], tools: Sequence[Json]) -> Json | None:
    row = _sharegpt(messages, tools)
    return row if row is not None and len(row["conversations"]) % 2 == 0 else None


def _sharegpt_preference(found: Preference, tools: Sequence[Json]) -> Json | None:
    row = _sharegpt(found.prompt, tools)
    if row is None or len(row["conversations"]) % 2 == 0:
        return None
    return row | {"chosen": _turn(found.chosen), "rejected": _turn(found.rejected)}


def _sharegpt_unpaired(found: Preference, tools: Sequence[Json], good: bool) -> Json | None:
    row = _sharegpt([*found.prompt, found.chosen if good else found.rejected], tools)
    return None if row is None else row | {"kto_tag": good}


_LLAMAFACTORY = _Trainer(
    "json",
    _sharegpt_imitation,
    _sharegpt_imitation,
    _sharegpt_preference,
    _sharegpt_unpaired,
    asked_beside=False,
)


def _entry(name: str) -> Mapping[str, object]:
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    entry: dict[str, object] = {"file_name": name, "formatting": "sharegpt", "columns": columns}
    if name.startswith(PREFERENCES):
        entry |= {"ranking": True, "columns": columns | {"chosen": "chosen", "rejected": "rejected"}}
    if name.startswith(UNPAIRED):
        entry["columns"] = columns | {"kto_tag": "kto_tag"}
    return entry
