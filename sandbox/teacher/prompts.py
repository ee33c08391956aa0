"""What a request asks for and what it shows: the one place that knows how prompts are laid out.

A request is recognised by its offered functions (a search offers `Finish`) or by the heading of its
system message.  Anything else is `Unknown`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import orjson

Json = dict[str, Any]
FINISH = "Finish"


@dataclass(frozen=True)
class Step:
    """A call and what came back; `function` None: text alone."""

    function: str | None = None
    arguments: str = ""
    observation: str = ""


@dataclass(frozen=True)
class Compress:
    document: Json
    response: Any
    shape: Any
    max_tokens: int


@dataclass(frozen=True)
class Instruct:
    """n_complex: how many of the n, the last ones, are to be long and complex; seed: of the request."""

    documents: list[Json]
    n: int = 10
    min_words: int = 0
    several_tools: bool = False
    n_complex: int = 0
    seed: int | None = None

    @cached_property
    def digest(self) -> str:
        """What is written depends on it alone: asked again, the same is written."""
        asked = repr((self.documents, self.n, self.min_words, self.several_tools, self.n_complex, self.seed))
        return hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Trying:
    """wanted: names of the parameters that need a value; tried: the calls so far and their answers."""

    document: Json
    wanted: list[str]
    tried: list[tuple[Json, str]]


@dataclass(frozen=True)
class Search:
    """candidates: earlier attempts at the same step; forced: the function that must be called."""

    query: str
    functions: list[Json]
    history: list[Step]
    candidates: list[Step]
    may_call: bool = True
    must_call: bool = False
    forced: str | None = None


@dataclass(frozen=True)
class Rank:
    """Two candidates for a step of a search."""

    first: Step
    second: Step


@dataclass(frozen=True)
class Solution:
    """An answer, "" where none was given, and the calls on the way to it."""

    answer: str
    calls: tuple[Step, ...]


Judged = Literal["answer_status", "task_status", "preference", "instruction"]


@dataclass(frozen=True)
class Judge:
    """shown: the functions or documents; solutions: one, or two to choose between."""

    kind: Judged
    query: str
    shown: list[Json]
    solutions: list[Solution]


@dataclass(frozen=True)
class ByName:
    """A function that the person asks for by its name."""

    function: Json
    said: str


@dataclass(frozen=True)
class Unknown:
    wants_json: bool


Task = ByName | Compress | Instruct | Judge | Rank | Search | Trying | Unknown


def recognise(request: Json) -> Task:
    """What a request asks for.  Never fails: what does not parse is `Unknown`."""
    system, user = (_text_of(request, role) for role in ("system", "user"))
    functions = [
        tool["function"] for tool in request.get("tools") or () if isinstance(tool.get("function"), dict)
    ]
    if system.endswith("Reply with one letter and nothing else: A or B."):
        return Rank(*(_last_call(_block(user, "candidate", f' name="{name}"')) for name in "AB"))
    if any(function.get("name") == FINISH for function in functions):
        return _search(request, functions)
    for heading, read in _HEADINGS.items():
        if heading in system and (task := read(user)) is not None:
            return replace(task, seed=request.get("seed")) if isinstance(task, Instruct) else task
    for function in functions:
        if request.get("tool_choice") != "none" and str(function.get("name")) in user:
            return ByName(function, user)
    wants = (request.get("response_format") or {}).get("type", "text")
    return Unknown(wants_json=wants in {"json_object", "json_schema"})


def _text_of(request: Json, role: str) -> str:
    return "\n\n".join(content_of(message) for message in request["messages"] if message.get("role") == role)


def content_of(message: Json) -> str:
    """The text of a message, whether it is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def parsed(text: str) -> Any:
    """The text as JSON, None where it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text)  # takes NaN and huge integers, which orjson refuses
    except (ValueError, RecursionError):
        return None


# Blocks: what stands between a prompt's tags, each on a line of its own.


def _blocks(text: str, name: str, attributes: str = "") -> list[str]:
    pattern = rf"^<{name}{attributes}>\n(.*?)^</{name}>$"
    return [found.removesuffix("\n") for found in re.findall(pattern, text, re.MULTILINE | re.DOTALL)]


def _block(text: str, name: str, attributes: str = "") -> str:
    return next(iter(_blocks(text, name, attributes)), "")


def _objects(text: str, name: str) -> list[Json]:
    return [value for value in map(parsed, _blocks(text, name)) if isinstance(value, dict)]


_CALL = re.compile(
    r"^function: (?P<function>[^\n]*)\narguments: (?P<arguments>.*?)\nobservation: (?P<observation>.*?)"
    r"(?=\nfunction: |\nended: [^\n]*\Z|\s*\Z)",
    re.DOTALL | re.MULTILINE,
)


def _calls(text: str) -> list[Step]:
    return [Step(**found.groupdict()) for found in _CALL.finditer(text)]


def _last_call(text: str) -> Step:
    """Of several calls the last one, which is where the search stands."""
    return next(reversed(_calls(text)), Step())


def _asked_part(text: str) -> str:
    """What follows the worked examples."""
    headings = list(re.finditer(r"^# The APIs? (?:of|to)\b.*$", text, re.MULTILINE))
    return text[headings[-1].start() :] if headings else text


def _compress(text: str) -> Compress | None:
    part = _asked_part(text)
    document, budget = parsed(_block(part, "document")), re.search(r"<budget>(\d+)", part)
    if not isinstance(document, dict) or budget is None:
        return None
    response, shape = (parsed(_block(part, name)) for name in ("response", "shape"))
    return Compress(document, response, shape, int(budget[1]))


def _instruct(text: str) -> Instruct | None:
    part = _asked_part(text)
    documents = _objects(part, "document")
    task = part.rpartition("\n# Your task\n")[2]

    def number(pattern: str, otherwise: int = 0) -> int:
        found = re.search(pattern, task, re.MULTILINE | re.IGNORECASE)
        return int(found[1]) if found else otherwise

    return documents and Instruct(  # type: ignore[return-value]  # an empty list is as good as None
        documents,
        n=number(r"^Write (\d+) instructions?\b", 10),
        min_words=number(r"at least (\d+) words"),
        several_tools=part.startswith("# The APIs of several tools"),
        n_complex=number(r"^- The last (\d+) are long and complex"),
    )


def _trying(text: str) -> Trying | None:
    document, wanted = (parsed(_block(text, name)) for name in ("document", "parameters"))
    if not isinstance(document, dict) or not isinstance(wanted, list):
        return None
    calls = [call.removeprefix("arguments: ").partition("\nanswer: ") for call in _blocks(text, "call")]
    tried = [(value, answer) for said, _, answer in calls if isinstance(value := parsed(said), dict)]
    return Trying(document, [str(name) for name in wanted], tried)


def _search(request: Json, functions: list[Json]) -> Search:
    messages = request["messages"]
    users = [number for number, message in enumerate(messages) if message.get("role") == "user"]
    first = users[0] if users else 0
    hint = content_of(messages[-1]) if len(users) > 1 and users[-1] == len(messages) - 1 else ""
    choice = request.get("tool_choice", "auto")
    forced = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    return Search(
        query=" ".join(content_of(messages[first]).split()),
        functions=[function for function in functions if function.get("name")],
        history=_history(messages[first + 1 :]),
        candidates=[_last_call(block) for block in _blocks(hint, "candidate", r' number="\d+"')],
        may_call=choice != "none",
        must_call=choice == "required" or forced is not None,
        forced=forced,
    )


def _history(messages: list[Json]) -> list[Step]:
    observed = {
        message.get("tool_call_id"): content_of(message)
        for message in messages
        if message.get("role") == "tool"
    }
    history: list[Step] = []
    for message in messages:
        if message.get("role") == "assistant":
            calls = [(call.get("id"), call.get("function") or {}) for call in message.get("tool_calls") or []]
            history += [
                Step(str(said.get("name", "")), str(said.get("arguments", "")), observed.get(call_id, ""))
                for call_id, said in calls
            ] or [Step()]
    return history


def _solution(text: str) -> Solution:
    answer = next(reversed(_blocks(text, "answer")), "").strip()
    calls = [call for step in _blocks(text, "step", r' number="\d+"') for call in _calls(step)]
    return Solution("" if answer == "(no answer was given)" else answer, tuple(calls))


def _solutions(text: str) -> list[Solution]:
    return [_solution(_block(text, "solution", f' name="{name}"')) for name in "AB"]


_HEADINGS: dict[str, Callable[[str], Task | None]] = {
    "# Task: shorten one API document": _compress,
    "# Task: write instructions for a set of APIs": _instruct,
    "# Task: arguments to try an API": _trying,
    "# Task: judge whether an answer fulfils its request": lambda text: Judge(
        "answer_status", _block(text, "request"), [], [_solution(text)]
    ),
    "# Task: judge whether a request can be fulfilled": lambda text: Judge(
        "task_status", _block(text, "request"), _objects(text, "function"), []
    ),
    "# Task: choose the better of two solutions": lambda text: Judge(
        "preference", _block(text, "request"), [], _solutions(text)
    ),
    "# Task: judge an instruction": lambda text: Judge(
        "instruction", _block(text, "instruction"), _objects(text, "document"), []
    ),
}
