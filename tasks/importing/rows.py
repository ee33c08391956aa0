"""From an answer file to the rows of a search."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tasks import exact_json
from tasks.errors import BadRow
from tasks.exact_json import Json, digest_of
from tasks.importing.answer_files import MALFORMED, ReadAnswer, ReadNode, is_number, json_text, text_of
from tasks.importing.files import AnswerFile
from tasks.importing.queries import Asked
from warehouse.tables.annotations import Annotation, AnswerMessage, MessageToolCall, Node
from warehouse.tables.instructions import Instruction

OFFER = "imported"
RULES = "toolbench"

FINISH = "Finish"
_UNCLOSED = re.compile(r'"\s*\}?\s*$')
_ANSWERED = 3
_NO_CALL = (1, 2)  # codes of calls that were not made: no such function, bad arguments
_OUTCOMES = {
    0: "ok",
    1: "unknown_function",
    2: "invalid_arguments",
    3: "answered",
    4: "gave_up",
    5: "timeout",
    6: "not_found",
    7: "unauthorized",
    8: "unsubscribed",
    9: "rate_limited",
    10: "rate_limited",
    11: "error_message",
    12: "connection_error",
    -1: "refused",
}


@dataclass(frozen=True, slots=True)
class ImportedRows:
    """The rows of one answer file."""

    instruction: Instruction
    annotation: Annotation
    nodes: tuple[Node, ...]


class OfSet(Protocol):
    """A file of answers.  split: train, or the level of a test set."""

    @property
    def scenario(self) -> str: ...

    @property
    def split(self) -> str: ...


def rows_of(file: AnswerFile, answer: ReadAnswer, asked: Asked | None = None) -> ImportedRows:
    """asked: what a query file says of it.  Raises `BadRow` for an answer whose parts do not fit together."""
    offered = [api_id_of(_name(each)) for each in answer.functions if each.get("name") != FINISH]
    instruction = instruction_of(file, file.query_id, answer.query, offered, asked)
    method, width = _method(file, answer)
    messages = _messages(answer)
    _refuse_unfinished(answer, messages)
    limits = answer.limits
    rows = annotation_of(
        instruction,
        method=method,
        width=width,
        model=file.model,
        finish_type="give_answer" if answer.win else "give_up" if answer.valid else "none",
        final_answer=answer_text(answer.final_answer) if answer.valid else None,
        functions=answer.functions,
        messages=messages,
        nodes=lambda annotation_id: _nodes(annotation_id, answer),
    )
    annotation = replace(
        rows.annotation,
        win=answer.win,
        n_queries=answer.n_queries,
        tokens_in=answer.n_tokens,
        stopped_by=_stopped_by(answer),
        max_depth=_limit(limits, "single_chain_max_step"),
        max_queries=_limit(limits, "max_query_count"),
    )
    return replace(rows, annotation=annotation)


def annotation_of(
    instruction: Instruction,
    *,
    method: str,
    width: int | None,
    model: str,
    finish_type: str,
    final_answer: str | None,
    functions: Sequence[Json],
    messages: tuple[AnswerMessage, ...],
    nodes: Callable[[str], Iterable[Node]],
) -> ImportedRows:
    """nodes: the tree, for an annotation's id.  An answer that says something is won."""
    annotation_id = digest_of([instruction.instruction_id, method, width, model, OFFER])
    tree = tuple(nodes(annotation_id))
    win = finish_type == "give_answer" and final_answer is not None
    annotation = Annotation(
        annotation_id=annotation_id,
        instruction_id=instruction.instruction_id,
        offer=OFFER,
        offered_api_ids=instruction.api_ids,
        method=method,
        rules=RULES,
        model=model,
        win=win,
        finish_type=finish_type,
        final_answer=final_answer,
        n_queries=len({node.query_no for node in tree} - {None}),
        n_calls=sum(_is_call(node) for node in tree),
        tokens_in=0,
        tokens_out=0,
        cost_usd=None,
        n_nodes=len(tree),
        depth=max(node.depth for node in tree),
        stopped_by="answered" if win else "exhausted",
        messages=messages,
        functions=text_of(json_text([{"type": "function", "function": function} for function in functions])),
        wall_s=0.0,
        width=width,
    )
    return ImportedRows(instruction, annotation, tree)


def answer_text(final: str) -> str:
    """What Finish told the person, of all that it was called with; where that is cut, as far as it goes."""
    try:
        told = exact_json.lenient(final)
    except (ValueError, RecursionError):
        _, found, cut = final.partition('"final_answer": "')
        return _UNCLOSED.sub("", cut).replace("\\n", "\n").replace('\\"', '"') if found else final
    return text_of(told.get("final_answer")) if isinstance(told, dict) else final


def instruction_of(
    file: OfSet, query_id: int, query: str, offered: Sequence[str], asked: Asked | None
) -> Instruction:
    """The query under an id that names it and tells equal numbers of different queries apart.

    offered: APIs, as far as the names of functions say; asked: what a query file says.
    """
    api_ids = tuple(dict.fromkeys(offered if asked is None else asked.offered))
    digest = digest_of(query)[:8]
    return Instruction(
        instruction_id=f"toolbench-{file.scenario}-{query_id}-{digest}",
        sample_id=digest_of([file.scenario, sorted(api_ids)]),
        scenario=file.scenario,
        split=file.split,
        query=query,
        relevant_apis=() if asked is None else asked.needed,
        api_ids=api_ids,
        api_fingerprints=("",) * len(api_ids),
        n_words=len(query.split()),
        model=OFFER,
        prompt_digest="",
        seed_ids=(),
        api_list=None if asked is None else f"[{', '.join(asked.documented)}]",
    )


def _name(function: Json) -> str:
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise BadRow(MALFORMED, "a function has no name")
    return text_of(name)


def api_id_of(function: str) -> str:
    """`<tool>/<api>` from `<api>_for_<tool>`: answer files know no category."""
    api, _, tool = function.rpartition("_for_")
    return f"{tool}/{api}" if api else function


_NO_NAME = re.compile(r"[^\w.@+-]+")  # names of methods become names of files
_METHODS = re.compile(r"(?:.*_)?(?:(CoT)(?:@(\w{1,16}))?|(DFS(?:_woFilter)?)(?:_w(\d{1,4}))?)")


def method_of(named: str) -> tuple[str, int | None]:
    """Our name of a method of ToolBench, and its width; other methods keep the name they have.

    The name may begin with that of a model, as in `chatgpt_CoT`; where nothing says otherwise, DFS is the one
    of the paper, which does not rank.
    """
    found = _METHODS.fullmatch(named.strip())
    if found is None:
        return _NO_NAME.sub("-", named.strip())[:100], None
    chain, tries, tree, width = found.groups()
    if chain:
        return f"react@{tries or 1}", None
    ranked = tree == "DFS" and width is not None
    return "dfs_ranked" if ranked else "dfsdt", int(width) if width else None


def _method(file: AnswerFile, answer: ReadAnswer) -> tuple[str, int | None]:
    """As the file's name says, else as its settings do."""
    limits = answer.limits
    if answer.chains and not (file.method or "").startswith("CoT"):
        return f"react@{_limit(limits, 'pass_at') or 1}", None
    if file.method is not None:
        method, width = method_of(file.method)
        return method, width if method.startswith("react") else width or _limit(limits, "tree_beam_size")
    ranked = limits.get("with_filter") is True
    return "dfs_ranked" if ranked else "dfsdt", _limit(limits, "tree_beam_size")


def _limit(limits: Json, name: str) -> int | None:
    found = limits.get(name)
    return found if is_number(found) and isinstance(found, int) and found > 0 else None


def _stopped_by(answer: ReadAnswer) -> str:
    if answer.win:
        return "answered"
    most = _limit(answer.limits, "max_query_count")
    return "max_queries" if most is not None and answer.n_queries >= most else "exhausted"


def _nodes(annotation_id: str, answer: ReadAnswer) -> tuple[Node, ...]:
    query_no = queries_of(answer.nodes)
    on_path = _result_path(answer)
    return tuple(
        Node(
            annotation_id=annotation_id,
            node_id=number,
            parent_id=read.parent,
            entry=read.entry,
            depth=read.depth,
            kind=read.kind,
            query_no=query_no[number],
            shown=0,
            thought=read.text if read.kind == "thought" else None,
            function=_function(answer.nodes, read),
            arguments=read.text if read.kind == "action_input" else None,
            repaired=False,
            observation=read.observation,
            outcome=_outcome(answer.nodes, read),
            code=read.code,
            tokens=0,
            finish_reason=None,
            votes=read.elo,
            pruned=read.pruned,
            terminal=_is_answer(read),
            on_answer_path=number in on_path,
        )
        for number, read in enumerate(answer.nodes)
    )


def _function(nodes: list[ReadNode], read: ReadNode) -> str | None:
    """Of an action, and of its input."""
    if read.kind == "action":
        return read.text
    if read.kind != "action_input" or read.parent is None or nodes[read.parent].kind != "action":
        return None
    return nodes[read.parent].text


def _outcome(nodes: list[ReadNode], read: ReadNode) -> str | None:
    if read.code is None:
        return None
    if read.code == 2 and _function(nodes, read) == FINISH:
        return "bad_finish"
    return _OUTCOMES.get(read.code, "ok")


def _is_answer(read: ReadNode) -> bool:
    return read.kind == "action_input" and read.code == _ANSWERED and not read.pruned


def _is_call(node: Node) -> bool:
    return node.kind == "action_input" and node.function != FINISH and node.code not in _NO_CALL


def _result_path(answer: ReadAnswer) -> set[int]:
    """From the root to the answer."""
    at = next((n for n, read in enumerate(answer.nodes) if _is_answer(read)), None) if answer.win else None
    path: set[int] = set()
    while at is not None:
        path.add(at)
        at = answer.nodes[at].parent
    return path


def _messages(answer: ReadAnswer) -> tuple[AnswerMessage, ...]:
    """The conversation in the protocol of today: calls with ids, results that name them."""
    messages: list[AnswerMessage] = []
    call_id = None
    for number, message in enumerate(answer.messages):
        read = _message(message, f"call_{number}", call_id)
        if read.tool_calls:
            call_id = read.tool_calls[0].id
            if number - 1 not in answer.own_replies and _is_thought_of_call(messages, read):
                read = replace(read, content=messages.pop().content)
        messages.append(read)
    return tuple(messages)


def _message(message: Json, new_id: str, last_id: str | None) -> AnswerMessage:
    role = "tool" if message.get("role") == "function" else message.get("role")
    if role not in ("system", "user", "assistant", "tool"):
        raise BadRow(MALFORMED, f"a message has the role {role!r}")
    content, call = message.get("content"), message.get("function_call")
    calls: tuple[MessageToolCall, ...] = ()
    if isinstance(call, dict):
        arguments = text_of(call.get("arguments"))
        calls = (MessageToolCall(id=new_id, name=_name(call), arguments=arguments),)
    return AnswerMessage(
        role=role,
        content=None if content is None else text_of(content),
        tool_calls=calls,
        tool_call_id=last_id if role == "tool" else None,
    )


def _is_thought_of_call(messages: list[AnswerMessage], called: AnswerMessage) -> bool:
    """Whether the message before, when it was no reply of its own, is the thought of this call."""
    if called.content or not messages:
        return False
    return messages[-1].role == "assistant" and not messages[-1].tool_calls


def _refuse_unfinished(answer: ReadAnswer, messages: tuple[AnswerMessage, ...]) -> None:
    """A search that was won has a path to its answer."""
    if not answer.win:
        return
    said = [message for message in messages if message.role == "assistant"]
    last = said[-1].tool_calls if said else ()
    if not last or last[-1].name != FINISH:
        raise BadRow(MALFORMED, "it was won, but its train_messages do not end with a call of Finish")


def queries_of(nodes: Sequence[ReadNode]) -> list[int | None]:
    """For each node in pre-order the number of its reply; the root has none.

    The search numbers each node that it enters (`expand_num`), and it enters the last node of a reply
    only.  So a thought that was entered is a reply of its own, one that was not goes with the call below
    it; likewise a call that was not entered goes with the next one.  In chains nothing is numbered: there
    a thought goes with the call below it, and every call ends its reply.
    """
    numbered = any(node.entry for node in nodes)
    queries: list[int | None] = []
    asked = 0
    for node in nodes:
        parent = None if node.parent is None else nodes[node.parent]
        if parent is None:
            queries.append(None)
        elif parent.kind != "root" and _goes_on(parent, node, numbered=numbered):
            queries.append(queries[node.parent or 0])
        else:
            queries.append(asked)
            asked += 1
    return queries


def _goes_on(parent: ReadNode, node: ReadNode, *, numbered: bool) -> bool:
    """Whether a node belongs to the reply of the one above it."""
    if node.kind == "action_input":
        return True
    if node.kind == "thought" or parent.entry is not None:
        return False
    return parent.kind == "thought" or numbered
