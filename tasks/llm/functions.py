"""Whether the model calls functions at all: found out at its first replies, not after every search."""

from __future__ import annotations

from tasks.errors import BrokenContract, RequestRefused
from tasks.llm.chat import ChatRequest, Reply

ENOUGH_TO_TELL = 10
# Some models think aloud before they call anything.
_THOUGHTS_BEFORE_A_CALL = 2
_LONGEST_QUOTE = 200


class FunctionWatch:
    """Watches the answers to requests that offer functions, over all searches of a run.

    Without calls a search goes on to its last permitted query and ends in nothing.  A server with
    function calling turned off, or a model that was never trained to call, answers so every time: after
    `ENOUGH_TO_TELL` of these and not a single call, all methods but `stored` raise `BrokenContract`.

    A stored reply counts only when it holds a call: the others may be from before the server was mended.
    """

    def __init__(self, *, model: str, where: str) -> None:
        self._model = model
        self._where = where
        self._has_called = False
        self._n_answers = 0
        self._n_without = 0
        self._last = ""

    def require(self, request: ChatRequest) -> None:
        """Before asking."""
        if _offers(request) and not self._has_called and self._n_without >= ENOUGH_TO_TELL:
            raise BrokenContract(
                f"the model {self._model!r} at {self._where} called no function in its first "
                f"{self._n_answers} answers to requests that offer some; the last answer: {self._last}",
                fix="turn function calling on at the server (vLLM: --enable-auto-tool-choice and the "
                "--tool-call-parser of that model; llama.cpp: --jinja), have calls written as text ([llm] "
                'tools = "text"), or set [llm] model to one that can call functions; then run the same '
                "command again: what is finished is kept",
            )

    def stored(self, request: ChatRequest, reply: Reply) -> None:
        if _offers(request) and reply.tool_calls:
            self._has_called = True

    def answered(self, request: ChatRequest, reply: Reply, *, ordinal: int) -> None:
        """ordinal: how many answers the row had before."""
        if not _offers(request):
            return
        self._n_answers += 1
        if reply.tool_calls:
            self._has_called = True
        elif ordinal >= _THOUGHTS_BEFORE_A_CALL:
            self._note(repr(reply.content))
            self.require(request)

    def refused(self, request: ChatRequest, refusal: RequestRefused) -> None:
        if _offers(request) and refusal.reason != "endpoint_failed":
            self._n_answers += 1
            self._note(refusal.message)
            self.require(request)

    def _note(self, answer: str) -> None:
        self._n_without += 1
        self._last = answer if len(answer) <= _LONGEST_QUOTE else f"{answer[:_LONGEST_QUOTE]} ..."


def _offers(request: ChatRequest) -> bool:
    return request.tools is not None and request.tool_choice != "none"
