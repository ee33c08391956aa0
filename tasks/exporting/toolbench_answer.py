"""A search as an answer file of ToolBench, which its preprocessing and evaluation scripts read.

Its messages are in the protocol of ToolBench's time: one `function_call` a message.  Where a message has a
thought and a call, published scripts drop the thought; so here a thought is a message of its own, before the
one with the call, a form the published data has, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import prompts
from tasks import exact_json
from tasks.exact_json import Json
from tasks.exporting.folder import ExportFolder, json_streams
from tasks.exporting.params import Diversity
from tasks.exporting.searches import Search, Source
from warehouse.tables.annotations import Annotation, AnswerMessage, MessageToolCall, Node

# ToolBench's preprocessing insists on these words in the system message, and puts its own behind them.
ANCHOR = "with a function call to actually excute your step."
_FORMAT = " Your output should follow this format:\nThought:\nAction\nAction Input:\n"


@dataclass(slots=True)
class Conversation:
    """messages: up to the last word of the model.  ends: how many messages each step has for its history.

    A step ends in a call, or in a reply that makes none.  beside: for each step where its reply begins, and
    what that was asked with besides.
    """

    messages: list[Json] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    beside: list[tuple[int, str | None]] = field(default_factory=list)

    @property
    def steps(self) -> Iterator[list[Json]]:
        """For each step, the history and, last, what the model said."""
        for end, (begin, text) in zip(self.ends, self.beside, strict=True):
            asked = [] if text is None else [{"role": "user", "content": text}]
            yield [*self.messages[:begin], *asked, *self.messages[begin:end]]


def conversation_of(
    messages: Sequence[AnswerMessage], asked_beside: Sequence[str | None] = ()
) -> Conversation:
    """The conversation of an answer path; parallel calls come one after the other, each with its result.

    asked_beside: for each reply, what it was asked with and no later one saw; empty: nothing.
    """
    said = Conversation()
    texts = iter(asked_beside)
    if not messages or messages[0].role != "system":  # converted answers have lost theirs
        said.messages.append({"role": "system", "content": ""})
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        if message.role != "assistant":
            content = message.content or ""
            said.messages.append({"role": message.role, "content": content})
            continue
        results = _results(messages[at : at + len(message.tool_calls)])
        at += len(results)
        _take_reply(said, message, results, next(texts, None))
    said.messages = said.messages[: said.ends[-1]] if said.ends else said.messages
    _with_anchor(said.messages)
    return said


def _results(following: Sequence[AnswerMessage]) -> list[str]:
    """What the calls of a reply showed, as far as it is there."""
    results: list[str] = []
    for message in following:
        if message.role != "tool":
            break
        results.append(message.content or "")
    return results


def _take_reply(
    said: Conversation, message: AnswerMessage, results: Sequence[str], asked_beside: str | None
) -> None:
    begin = len(said.messages)
    if message.content or not message.tool_calls:
        said.messages.append({"role": "assistant", "content": message.content or ""})
    if not message.tool_calls:
        said.ends.append(len(said.messages))
    for number, call in enumerate(message.tool_calls):
        said.messages.append(_called(call))
        said.ends.append(len(said.messages))
        shown = results[number] if number < len(results) else ""
        said.messages.append({"role": "function", "name": call.name, "content": shown})
    said.beside += [(begin, asked_beside)] * max(len(message.tool_calls), 1)


def _called(call: MessageToolCall) -> Json:
    function_call = {"name": call.name, "arguments": call.arguments}
    return {"role": "assistant", "content": None, "function_call": function_call}


def _with_anchor(messages: list[Json]) -> None:
    """Sees to it that the first message, the system's, has the words that scripts look for."""
    text = messages[0]["content"]
    if ANCHOR not in text:
        sentence = prompts.load("export/act_sentence").render().strip()
        messages[0] = messages[0] | {"content": f"{text.rstrip()}\n\n{sentence}".lstrip()}


def training_row(query: str, messages: Sequence[Json], functions: Sequence[Json]) -> Json | None:
    """A step as ToolLLaMA is trained on it: Thought, Action and Action Input as text.

    None for a step that ends without a call.  The same row comes out of ToolBench's own preprocessing.
    """
    if "function_call" not in messages[-1]:
        return None
    turns: list[Json] = []
    thoughts = ""
    for message in messages:
        if message["role"] != "assistant":
            turns.append({"from": message["role"], "value": _value(message, functions)})
            thoughts = ""
        elif "function_call" not in message:
            thoughts += f"\nThought: {message['content']}"
        else:
            call = message["function_call"]
            action = f"\nAction: {call['name']}\nAction Input: {call['arguments']}"
            turns.append({"from": "assistant", "value": (thoughts or "\nThought: ") + action})
            thoughts = ""
    return {"id": f"Step {len(messages) - 1}: {query}", "conversations": turns}


def _value(message: Json, functions: Sequence[Json]) -> str:
    if message["role"] != "system":
        return str(message["content"])
    text = message["content"].replace(ANCHOR, ANCHOR + _FORMAT)
    return f"{text}\nSpecifically, you have access to the following APIs: {functions}"


_FINISH = "Finish"


def answer_of(search: Search, diversity: Diversity = Diversity.DROP) -> Json:
    """The whole file.  A give-up is valid data of its own `finish_type`, as in the published files."""
    tree = ToolbenchTree(search)
    annotation = search.annotation
    answer: Json = {"win": annotation.win}
    if annotation.method.startswith("react"):
        tries = tree.tries()
        answer |= {"try_count": len(tries), "trys": tries}
    return answer | {
        "tree": tree.nested(),
        "forward_args": _limits(annotation),
        "compare_candidates": tree.answers(),
        "answer_generation": _generation(search, diversity, valid=annotation.win or search.gave_up),
    }


def functions_of(annotation: Annotation) -> list[Json]:
    """The functions offered, in ToolBench's form, which lists the optional parameters as well."""
    return [_function(tool["function"]) for tool in exact_json.loads(annotation.functions)]


def _function(function: Json) -> Json:
    parameters = function.get("parameters") or {"type": "object", "properties": {}, "required": []}
    if function["name"] != _FINISH and "optional" not in parameters:
        required = parameters.get("required", [])
        optional = [name for name in parameters.get("properties", {}) if name not in required]
        parameters = {**parameters, "required": required, "optional": optional}
    return {**function, "parameters": parameters}


def _generation(search: Search, diversity: Diversity, *, valid: bool) -> Json:
    annotation = search.annotation
    steps = conversation_of(annotation.messages, search.asked_beside(diversity)).steps
    return {
        "valid_data": valid,
        "query_count": annotation.n_queries,
        "total_tokens": annotation.tokens_in + annotation.tokens_out,
        "final_answer": _finish_arguments(annotation.messages) if valid else "",
        "function": functions_of(annotation),
        "chain": [],
        "train_messages": list(steps) if valid else [],
        "query": search.instruction.query,
        "finish_type": "give_up" if valid and not annotation.win else "give_answer",
    }


def _finish_arguments(messages: Sequence[AnswerMessage]) -> str:
    """ToolBench's final answer is all that Finish was called with, as JSON text."""
    calls = [call for message in messages for call in message.tool_calls if call.name == _FINISH]
    return calls[-1].arguments if calls else ""


def _limits(annotation: Annotation) -> Json:
    """The settings of the search, as far as they are known; those of the paper otherwise."""
    depth = annotation.max_depth or 12
    kind, _, tries = annotation.method.partition("@")
    if kind == "react":
        return {
            "single_chain_max_step": depth,
            "pass_at": int(tries) if tries.isdecimal() else 1,
            "answer": 1,
        }
    return {
        "single_chain_max_step": depth,
        "tree_beam_size": annotation.width or 2,
        "max_query_count": annotation.max_queries or 200,
        "answer": 1,
        "with_filter": annotation.method == "dfs_ranked",
    }


_TYPES = {"root": "Action Input", "thought": "Thought", "action": "Action", "action_input": "Action Input"}
_ELO = 1000.0  # what a node has that was never compared with another
_CALLS_FINISHED = 3  # calls, from the answer upwards, whose nodes count as finished


class ToolbenchTree:
    """The nodes of a search by id; `children` are nested in them."""

    def __init__(self, search: Search) -> None:
        self._rows = {row.node_id: row for row in search.nodes}
        finished = self._finished(search.nodes)
        n_children = dict.fromkeys(self._rows, 0)
        for row in search.nodes:
            if row.parent_id is not None:
                n_children[row.parent_id] += 1
        self._nodes = {
            row.node_id: _node(row, row.node_id in finished, n_children[row.node_id]) for row in search.nodes
        }

    def nested(self) -> Json:
        """size, max_length and the tree itself."""
        nested = {node_id: {**node, "children": []} for node_id, node in self._nodes.items()}
        for row in self._rows.values():
            if row.parent_id is not None:
                nested[row.parent_id]["children"].append(nested[row.node_id])
        longest = 1 + max(row.depth for row in self._rows.values())
        return {"size": len(nested), "max_length": longest, "tree": nested[min(nested)]}

    def answers(self) -> list[list[Json]]:
        """For each answer, the nodes from below the root down to it, without their children."""
        return [self._chain(row) for row in self._rows.values() if row.terminal]

    def tries(self) -> list[Json]:
        """For chains: each chain from below the root to its last node, and whether it was won."""
        parents = {row.parent_id for row in self._rows.values()}
        ends = [
            row for row in self._rows.values() if row.node_id not in parents and row.parent_id is not None
        ]
        return [{"chain": self._chain(row), "win": row.terminal} for row in ends]

    def _chain(self, row: Node) -> list[Json]:
        return [self._nodes[node.node_id] for node in reversed(list(self._upwards(row)))]

    def _upwards(self, row: Node) -> Iterable[Node]:
        """From a node to the one below the root."""
        while row.parent_id is not None:
            yield row
            row = self._rows[row.parent_id]

    def _finished(self, rows: Sequence[Node]) -> set[int]:
        finished: set[int] = set()
        for row in rows:
            if row.terminal:
                calls = 0
                for node in self._upwards(row):
                    finished.add(node.node_id)
                    calls += node.kind == "action_input"
                    if calls == _CALLS_FINISHED:
                        break
                else:
                    finished.add(rows[0].node_id)  # the root is of type Action Input as well
        return finished


def _node(row: Node, finished: bool, n_children: int) -> Json:
    node: Json = {
        "is_terminal": False,  # so in all published files, answers among them
        "pruned": row.pruned,
        "finished": finished,
        "depth": row.depth,
        "node_type": _TYPES[row.kind],
        "description": _description(row),
        "Elo": _ELO if row.votes is None else row.votes,
    }
    if row.votes is not None:
        node["matching_time"] = 0
    if row.kind == "action_input" and row.observation is not None:
        node["observation"] = row.observation
    if row.code is not None:
        node["observation_code"] = row.code
    node |= {"child_count": n_children, "expand_num": row.entry or 0}
    return node | ({"io_state": {}} if _TYPES[row.kind] == "Action Input" else {})


def _description(row: Node) -> str:
    """A reply that failed is a thought that says why."""
    if row.kind == "thought":
        return row.thought if row.thought is not None else row.observation or ""
    return (row.function if row.kind == "action" else row.arguments) or ""


def export_toolllama(source: Source, folder: ExportFolder) -> None:
    """Writes a file for each level of generalisation."""
    diversity = source.params.diversity
    with json_streams(folder) as streams:
        for search in source.results(among=_method, trees=diversity is Diversity.KEEP):
            name = f"toolllama_G123_{_method(search)}_{search.label}.json"
            functions = functions_of(search.annotation)
            for step in conversation_of(search.annotation.messages, search.asked_beside(diversity)).steps:
                row = training_row(search.instruction.query, step, functions)
                if row is not None:
                    streams.write(name, row)


def _method(search: Search) -> str:
    return "cot" if search.annotation.method.startswith("react") else "dfs"
