"""Which stage a request belongs to, and what it shows: the one place that knows how prompts are laid out.

A request is recognised by its offered functions (a search offers `Finish`) or by the heading of its
system message.  Anything else is `Unknown`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sandbox.teaching.blocks import calls_in, json_in, json_value, objects_in, texts_in
from sandbox.teaching.by_name import named_function
from sandbox.teaching.judged import Judged, judged

Json = dict[str, Any]

FINISH = "Finish"
_COMPRESS_HEADING = "# Task: shorten one API document"
_INSTRUCT_HEADING = "# Task: write instructions for a set of APIs"
_PROBE_HEADING = "# Task: arguments to try an API"
_RANK_CLOSING = "Reply with one letter and nothing else: A or B."
_SEVERAL_TOOLS_HEADING = "# The APIs of several tools"
_APIS_HEADING = re.compile(r"^# The APIs? (?:of|to)\b.*$", re.MULTILINE)
_TASK_HEADING = re.compile(r"^# Your task$", re.MULTILINE)
_CANDIDATE = re.compile(r'^<candidate number="\d+">\n(.*?)\n</candidate>$', re.MULTILINE | re.DOTALL)
_CANDIDATE_CALL = re.compile(
    r"function: (?P<function>[^\n]*)\narguments: (?P<arguments>.*?)\nobservation: (?P<observation>.*)"
    r"(?:\nended: (?P<ended>[^\n]*))?\Z",
    re.DOTALL,
)
_TRIED_CALL = re.compile(r"arguments: (?P<arguments>.*?)\nanswer: (?P<answer>.*)\Z", re.DOTALL)
_WRITE_N = re.compile(r"^Write (\d+) instructions?\b", re.MULTILINE)
_LAST_COMPLEX = re.compile(r"^- The last (\d+) are long and complex", re.MULTILINE)
_AT_LEAST = re.compile(r"[Aa]t least (\d+) words")
_BUDGET = re.compile(r"<budget>(\d+)")


@dataclass(frozen=True)
class Compress:
    document: Json
    response: Any
    shape: Any
    max_tokens: int


@dataclass(frozen=True)
class Instruct:
    """n_complex: how many of the n, the last ones, are to be long and complex."""

    documents: list[Json]
    n: int
    min_words: int
    several_tools: bool
    n_complex: int = 0


@dataclass(frozen=True)
class Exchange:
    """A call that was made, or text without one (`function` None), and what came back."""

    thought: str | None
    function: str | None
    arguments: str = ""
    observation: str | None = None


@dataclass(frozen=True)
class Candidate:
    """An earlier attempt at the same step; `function` None: it was text alone."""

    function: str | None
    arguments: str = ""


@dataclass(frozen=True)
class Search:
    query: str
    tools: list[Json]
    history: list[Exchange]
    candidates: list[Candidate]
    may_call: bool
    must_call: bool
    forced: str | None


@dataclass(frozen=True)
class Rank:
    """Two candidates for a step of a search."""

    first: Step
    second: Step


@dataclass(frozen=True)
class Step:
    """What a candidate does; `function` None: it is text alone, or nothing."""

    function: str | None
    arguments: str = ""
    observation: str = ""


@dataclass(frozen=True)
class Trying:
    """wanted: names of the parameters that need a value; tried: the calls so far and their answers."""

    document: Json
    wanted: list[str]
    tried: list[tuple[Json, str]]


@dataclass(frozen=True)
class Unknown:
    wants_json: bool


@dataclass(frozen=True)
class ByName:
    """A function that the person asks for by its name."""

    function: Json
    said: str


Stage = ByName | Compress | Instruct | Search | Rank | Judged | Trying | Unknown


def recognise(request: Json) -> Stage:
    """What a request asks for.  Never fails: what does not parse is `Unknown`."""
    texts = {role: _text_of(request, role) for role in ("system", "user")}
    if texts["system"].endswith(_RANK_CLOSING):
        return Rank(_step(texts["user"], "A"), _step(texts["user"], "B"))
    if any(_function_name(tool) == FINISH for tool in request.get("tools") or ()):
        return _search(request)
    stage: Stage | None = judged(**texts)
    if _COMPRESS_HEADING in texts["system"]:
        stage = _compress(texts["user"])
    elif _INSTRUCT_HEADING in texts["system"]:
        stage = _instruct(texts["user"])
    elif _PROBE_HEADING in texts["system"]:
        stage = _trying(texts["user"])
    function = named_function(request, texts["user"])
    if stage is None and function is not None:
        stage = ByName(function, texts["user"])
    wants = (request.get("response_format") or {}).get("type", "text")
    return stage or Unknown(wants_json=wants in {"json_object", "json_schema"})


def _function_name(tool: Any) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    return str(function.get("name", "")) if isinstance(function, dict) else ""


def _text_of(request: Json, role: str) -> str:
    return "\n\n".join(
        content_text(message) for message in request["messages"] if message.get("role") == role
    )


def content_text(message: Json) -> str:
    """The text of a message, whether it is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _asked_part(text: str) -> str:
    """What follows the worked examples."""
    headings = list(_APIS_HEADING.finditer(text))
    return text[headings[-1].start() :] if headings else text


def _compress(text: str) -> Compress | None:
    part = _asked_part(text)
    document, budget = json_in(part, "document"), _BUDGET.search(part)
    if not isinstance(document, dict) or budget is None:
        return None
    return Compress(document, json_in(part, "response"), json_in(part, "shape"), int(budget.group(1)))


def _instruct(text: str) -> Instruct | None:
    part = _asked_part(text)
    tasks = list(_TASK_HEADING.finditer(part))
    task = part[tasks[-1].start() :] if tasks else part
    documents = objects_in(part, "document")
    if not documents:
        return None
    n, words, last = _WRITE_N.search(task), _AT_LEAST.search(task), _LAST_COMPLEX.search(task)
    return Instruct(
        documents=documents,
        n=int(n.group(1)) if n else 10,
        min_words=int(words.group(1)) if words else 0,
        n_complex=int(last.group(1)) if last else 0,
        several_tools=part.startswith(_SEVERAL_TOOLS_HEADING),
    )


def _search(request: Json) -> Search:
    messages = request["messages"]
    users = [number for number, message in enumerate(messages) if message.get("role") == "user"]
    first = users[0] if users else 0
    candidates = (
        _candidates(content_text(messages[-1])) if len(users) > 1 and users[-1] == len(messages) - 1 else []
    )
    choice = request.get("tool_choice", "auto")
    forced = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    return Search(
        query=content_text(messages[first]).strip(),
        tools=[tool["function"] for tool in request["tools"] if _function_name(tool)],
        history=_history(messages[first + 1 :]),
        candidates=candidates,
        may_call=choice != "none",
        must_call=choice == "required" or forced is not None,
        forced=forced,
    )


def _history(messages: list[Json]) -> list[Exchange]:
    observations = {
        message.get("tool_call_id"): content_text(message)
        for message in messages
        if message.get("role") == "tool"
    }
    history: list[Exchange] = []
    for message in messages:
        if message.get("role") != "assistant":
            continue
        thought = content_text(message) or None
        calls = message.get("tool_calls") or []
        if not calls:
            history.append(Exchange(thought, None))
        for call in calls:
            function = call.get("function") or {}
            history.append(
                Exchange(
                    thought,
                    str(function.get("name", "")),
                    str(function.get("arguments", "")),
                    observations.get(call.get("id")),
                )
            )
    return history


def _trying(text: str) -> Trying | None:
    document, wanted = json_in(text, "document"), json_in(text, "parameters")
    if not isinstance(document, dict) or not isinstance(wanted, list):
        return None
    calls = [found for call in texts_in(text, "call") if (found := _TRIED_CALL.match(call))]
    tried = [(value, call["answer"]) for call in calls if isinstance(value := json_value(call[1]), dict)]
    return Trying(document, [str(name) for name in wanted], tried)


def _step(text: str, name: str) -> Step:
    """The candidate of that name; of several calls the last one, which is where it stands."""
    found = texts_in(text, "candidate", rf' name="{name}"')
    calls = calls_in(found[0]) if found else []
    return Step(**calls[-1]) if calls else Step(None)


def _candidates(text: str) -> list[Candidate]:
    found = []
    for block in _CANDIDATE.findall(text):
        call = _CANDIDATE_CALL.match(block)
        if call:
            found.append(Candidate(call["function"], call["arguments"]))
        else:
            found.append(Candidate(None))
    return found
