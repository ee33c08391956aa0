"""What ToolBench's published scripts do with an answer file, in our own words.

Their preprocessing makes training rows of `train_messages`; their conversion for evaluation walks the last
of `train_messages`, and the tree or the chains of a search without a result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
ANCHOR = "with a function call to actually excute your step."


def answer_files(folder: Path, method: str) -> Iterator[tuple[int, Json]]:
    """Query id and content of the files whose name has the method."""
    for path in sorted(folder.iterdir()):
        if method in path.name:
            yield int(path.name.split("_")[0]), json.loads(path.read_text("ascii"))


def training_rows(folder: Path, method: str = "DFS_woFilter_w2") -> list[Json]:
    """Rows of all files that are valid data."""
    rows = []
    for _, content in answer_files(folder, method):
        made = content["answer_generation"]
        if made["valid_data"]:
            said = [messages for messages in made["train_messages"] if "function_call" in messages[-1]]
            rows += [_row(messages, made["query"], made["function"]) for messages in said]
    return rows


def _row(messages: list[Json], query: str, functions: list[Json]) -> Json:
    turns = []
    pending = ""
    for message in messages:
        said = message["content"]
        if message["role"] == "system":
            assert ANCHOR in said
            told = f"{ANCHOR} Your output should follow this format:\nThought:\nAction\nAction Input:\n"
            listed = "\nSpecifically, you have access to the following APIs: " + str(functions)
            turns.append({"from": "system", "value": said.replace(ANCHOR, told) + listed})
        elif message["role"] != "assistant":
            turns.append({"from": message["role"], "value": said})
        elif "function_call" not in message:
            pending += "\nThought: " + said
            continue
        else:
            call = message["function_call"]
            text = (pending or "\nThought: ") + "\nAction: " + call["name"]
            turns.append({"from": "assistant", "value": text + "\nAction Input: " + call["arguments"]})
        pending = ""
    return {"id": f"Step {len(messages) - 1}: {query}", "conversations": turns}


def evaluated_steps(content: Json, method: str) -> list[str]:
    """What an evaluator is shown of an answer: thoughts, and calls with their responses."""
    if content["answer_generation"]["valid_data"]:
        return list(_steps_of(content["answer_generation"]["train_messages"][-1][2:]))
    if "CoT" in method:
        return [step for chain in content["trys"] for step in _steps_of_chain(chain["chain"])]
    return [step for node in content["tree"]["tree"]["children"] for step in _steps_below(node)]


def _steps_of(messages: list[Json]) -> Iterator[str]:
    for at, message in enumerate(messages):
        if message["role"] == "assistant" and "function_call" not in message:
            yield message["content"]
        elif message["role"] == "assistant":
            name, arguments = message["function_call"]["name"], message["function_call"]["arguments"]
            response = "" if name == "Finish" else messages[at + 1]["content"]
            yield f"{name}({arguments}) -> {response}"


def _steps_of_chain(chain: list[Json]) -> Iterator[str]:
    for at, node in enumerate(chain):
        if node["node_type"] == "Thought":
            yield node["description"]
        elif node["node_type"] == "Action":
            yield f"{node['description']}({chain[at + 1]['description']}) -> {chain[at + 1]['observation']}"


def _steps_below(node: Json) -> Iterator[str]:
    if node["node_type"] == "Thought":
        yield node["description"]
    elif node["node_type"] == "Action":
        (given,) = node["children"]
        yield f"{node['description']}({given['description']}) -> {given['observation']}"
    for child in node["children"]:
        yield from _steps_below(child)
