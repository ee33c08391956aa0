"""What a server lists and answers, kept as it is: the SDK would refuse a whole listing for one malformed
tool, and a whole answer for one field.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

from mcp.client import Transport
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCResponse

Message = SessionMessage | Exception

_KEPT = "toolloom/answer"
_FRAME = ("_meta", "resultType")  # of every result


class Listed:
    """Collects the tools of the pages that pass by."""

    def __init__(self) -> None:
        self._tools: list[Any] = []

    def taken(self) -> list[Any]:
        """The tools since the last time, as the server wrote them."""
        tools, self._tools = self._tools, []
        return tools

    def note(self, message: Message) -> Message:
        """Keeps the tools of a page, and leaves in it what the SDK needs for calls; packs answers of tools.

        Without output schemas: like an HTTP API's, an answer that is not quite as documented is an answer.
        """
        answer = message.message if isinstance(message, SessionMessage) else None
        if not isinstance(answer, JSONRPCResponse):
            return message
        if isinstance(answer.result.get("tools"), list) and "content" not in answer.result:
            tools = answer.result["tools"]
            self._tools = list(tools)
            answer.result["tools"] = [
                _needed(tool)
                for tool in tools
                if isinstance(tool, dict) and isinstance(tool.get("name"), str)
            ]
            if isinstance(answer.result.get("nextCursor"), int):  # some servers count
                answer.result["nextCursor"] = str(answer.result["nextCursor"])
        elif _is_answer(answer.result):
            frame = {name: answer.result[name] for name in _FRAME if name in answer.result}
            answer.result = {**frame, "content": [], "structuredContent": {_KEPT: answer.result}}
        return message


def unpacked(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool's answer as the server wrote it, from what the SDK makes of one that `Listed` has packed."""
    structured = result.get("structuredContent")
    kept = structured.get(_KEPT) if isinstance(structured, dict) else None
    return kept if isinstance(kept, dict) else result


@asynccontextmanager
async def noting_tools(transport: Transport, listed: Listed) -> AsyncIterator[tuple[_Noting, Any]]:
    """The streams of `transport`, every incoming message shown to `listed`."""
    async with transport as (incoming, outgoing):
        yield _Noting(incoming, listed), outgoing


class _Noting:
    def __init__(self, incoming: Any, listed: Listed) -> None:
        self._incoming = incoming
        self._listed = listed

    async def receive(self) -> Message:
        return self._listed.note(await self._incoming.receive())

    async def aclose(self) -> None:
        await self._incoming.aclose()

    def __aiter__(self) -> _Noting:
        return self

    async def __anext__(self) -> Message:
        return self._listed.note(await self._incoming.__anext__())

    async def __aenter__(self) -> _Noting:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _is_answer(result: dict[str, Any]) -> bool:
    """Whether it is a tool's, complete and with something to read; all else is the SDK's to judge."""
    if result.get("resultType", "complete") != "complete":
        return False
    readable = isinstance(result["content"], list) if "content" in result else False
    return readable or ("content" not in result and result.get("structuredContent") is not None)


def _needed(tool: dict[str, Any]) -> dict[str, Any]:
    schema = tool.get("inputSchema")
    usable = isinstance(schema, dict) and schema.get("type") == "object"
    return {"name": tool["name"], "inputSchema": schema if usable else {"type": "object"}}
