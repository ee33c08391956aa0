"""What a search is given: a request, functions, a model to ask and something that makes the calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tasks import exact_json
from tasks.exact_json import Json
from tasks.llm.chat import ChatRequest, Reply

FINISH = "Finish"


@dataclass(frozen=True, slots=True)
class Function:
    """A function on offer.  text: JSON text of its item in OpenAI's `tools`."""

    name: str
    text: bytes

    @classmethod
    def of(cls, name: str, description: str, parameters: Json) -> Function:
        """parameters: JSON schema of its one argument object."""
        function = {"name": name, "description": description, "parameters": parameters}
        return cls(name, exact_json.dumps({"type": "function", "function": function}))

    def wire(self) -> Json:
        """As an item of OpenAI's `tools`."""
        item: Json = exact_json.loads(self.text)
        return item


@dataclass(frozen=True, slots=True)
class ToolNote:
    """A tool as the system message introduces it."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What a call showed.  outcome: one word; code: ToolBench's status code, None where it has none."""

    text: str
    outcome: str
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """width: children of a node; max_depth: see `Rules.depth_counts_replies`; max_queries: of one search.

    max_tokens: sent and received; once they are reached, nothing more is asked.
    """

    width: int = 2
    max_depth: int = 12
    max_queries: int = 200
    max_tokens: int | None = None


class Ask(Protocol):
    """Asks the model; `ordinal` numbers the queries of a search from 0.

    Raises `RequestRefused` when the endpoint refuses this request, `StopRun` when the run must end.
    """

    async def __call__(self, request: ChatRequest, ordinal: int) -> Reply: ...


class Execute(Protocol):
    """Calls a function that is on offer; `ordinal` numbers the calls of a search from 0."""

    async def __call__(self, function: str, arguments: Mapping[str, Any], ordinal: int) -> Observation: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One request to be fulfilled.  functions: in the order offered, `Finish` last; it may be left out.

    tools: for the system message, unless that is to be brief.
    """

    query: str
    functions: Sequence[Function]
    tools: Sequence[ToolNote] = ()
    brief: bool = False
