"""Converted answers, as the published evaluators (ToolEval, StableToolBench) read them.

<model>/G1_tool.json             {query id: {query, available_tools, answer}}, of a model and a test set
test_query_ids/G1_tool.json      the ids of a test set, which their scripts want beside

The training split, which is no test set, is G1_train.json.  `answer_details` is the path that is judged,
without branches: the one to the answer, else of the last give-up, else the last that was tried.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import IO

from tasks.exact_json import Json, digest_of
from tasks.exporting.folder import MARKER, ExportFolder, json_text
from tasks.exporting.searches import IMPORTED, Indexed, Search, Source
from tasks.exporting.toolbench import method_name, query_id_of
from tasks.exporting.toolbench_answer import functions_of
from warehouse.tables.annotations import AnswerMessage, Node

_FINISH = "Finish"
_IDS = "test_query_ids"
_LONGEST = 200  # file systems take 255
_NO_NAME = re.compile(r"[^\w.@-]+", re.ASCII)
_TWICE = "its query has the number of another one of the same model and test set"

Made = tuple[str, str, str, str]
"""Model, method, rules and offer of a search."""


def export_tooleval(source: Source, folder: ExportFolder) -> None:
    """Writes a file for each model and test set, whatever the searches ended with."""
    names = folder_names(source.index)
    ids: dict[str, set[int]] = defaultdict(set)
    with ExitStack() as files:
        objects: dict[str, _JsonObject] = {}
        for search in source.searches():
            annotation, scenario = search.annotation, search.instruction.scenario
            set_name = f"{scenario}_{search.level.removeprefix('test_')}"
            made = (annotation.model, annotation.method, annotation.rules, annotation.offer)
            name = f"{names[made]}/{set_name}.json"
            if name not in objects:
                objects[name] = _JsonObject(
                    files.enter_context(folder.file(name).open("w", encoding="ascii"))
                )
            query_id = query_id_of(annotation.instruction_id)
            if not objects[name].write(query_id, entry_of(search)):
                source.left_out[_TWICE] += 1
                continue
            ids[set_name].add(query_id)
            folder.written[name] = folder.written.get(name, 0) + 1
        for written in objects.values():
            written.end()
    for set_name, of_set in sorted(ids.items()):
        path = f"{_IDS}/{set_name}.json"
        places = {str(query_id): at for at, query_id in enumerate(sorted(of_set))}
        folder.file(path).write_text(json.dumps(places, indent=1) + "\n", encoding="ascii")
        folder.written[path] = len(places)


class _JsonObject:
    """A JSON object, written a value at a time."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._keys: set[int] = set()

    def write(self, key: int, value: Json) -> bool:
        """Whether the key is new."""
        if key in self._keys:
            return False
        self._stream.write(f'{"," if self._keys else "{"}\n"{key}": {json_text(value)}')
        self._keys.add(key)
        return True

    def end(self) -> None:
        self._stream.write("\n}\n")


def folder_names(index: Iterable[Indexed]) -> Mapping[Made, str]:
    """What the folder of each model is called: where it searched by one method and was imported, as it was.

    Else the method goes behind, as in `chatgpt_CoT@1`; and what else tells searches apart, where it must.
    """
    made = sorted({(search.model, search.method, search.rules, search.offer) for search in index})
    of_model = Counter(model for model, *_ in made)
    names: dict[Made, str] = {}
    taken = {_IDS, MARKER}
    for model, method, rules, offer in made:
        alone = model and offer == IMPORTED and of_model[model] == 1
        parts = [model] if alone else [model, _method(method, None)]
        name = _name(parts)
        if name in taken:
            name = _name([*parts, rules, offer])
        while name in taken:
            name += "_"
        taken.add(name)
        names[model, method, rules, offer] = name
    return names


def _method(method: str, width: int | None) -> str:
    """As ToolBench calls it; a method of others as they do."""
    known = method.partition("@")[0] in ("react", "dfsdt", "dfs_ranked")
    return method_name(method, width) if known else method


def _name(parts: Sequence[str]) -> str:
    """A name of a folder, for a model of whatever name: neither hidden nor too long."""
    name = "_".join(_NO_NAME.sub("-", part) for part in parts if part).lstrip(".") or "answers"
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}-{digest_of(parts)[:8]}"


def entry_of(search: Search) -> Json:
    """A search as a converted answer."""
    annotation = search.annotation
    steps = list(_steps_said(annotation.messages) if annotation.messages else _steps_tried(search.nodes))
    finished = [step["message"]["arguments"] for step in steps if _is_finish(step)]
    ended = annotation.win or search.gave_up
    chain: list[Json] = []
    for step in reversed([_step("system", ""), _step("user", ""), *steps]):
        chain = [{**step, "next": chain}]
    return {
        "query": search.instruction.query,
        "available_tools": functions_of(annotation),
        "answer": {
            "method": _method(annotation.method, annotation.width),
            "total_steps": len(steps) + 2,
            "final_answer": finished[-1] if ended and finished else annotation.final_answer or "",
            "answer_details": chain,
        },
    }


def _is_finish(step: Json) -> bool:
    return bool(step["role"] == "tool" and step["message"]["name"] == _FINISH)


def _step(role: str, message: str | Json) -> Json:
    return {"role": role, "message": message}


def _call(name: str, arguments: str, response: str) -> Json:
    """Evaluators look for the name of Finish in what Python writes of this, the name first."""
    shown = "" if name == _FINISH else response
    return _step("tool", {"name": name, "arguments": arguments, "response": shown})


def _steps_said(messages: Sequence[AnswerMessage]) -> Iterator[Json]:
    seen = {message.tool_call_id: message.content or "" for message in messages if message.role == "tool"}
    for message in messages:
        if message.role == "assistant":
            if message.content or not message.tool_calls:
                yield _step("assistant", message.content or "")
            for call in message.tool_calls:
                yield _call(call.name, call.arguments, seen.get(call.id, ""))


def _steps_tried(nodes: Sequence[Node]) -> Iterator[Json]:
    """Along the last path of a tree without a result."""
    rows = {node.node_id: node for node in nodes}
    path: list[Node] = []
    at = nodes[-1] if nodes else None
    while at is not None and at.parent_id is not None:
        path.append(at)
        at = rows.get(at.parent_id)
    for node in reversed(path):
        if node.kind == "thought":
            yield _step("assistant", node.thought if node.thought is not None else node.observation or "")
        elif node.kind == "action_input":
            yield _call(node.function or "", node.arguments or "", node.observation or "")
