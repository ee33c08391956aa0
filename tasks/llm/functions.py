"""Whether the model calls functions at all: found out at its first replies, not after every search."""

from __future__ import annotations

from collections.abc import Callable

from tasks.errors import BrokenContract, RequestRefused
from tasks.llm.chat import ChatRequest, Reply
from tasks.llm.context import TOO_LONG

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

    def __init__(self, *, model: str, where: str, in_words: Callable[[], bool] = lambda: False) -> None:
        """in_words: whether functions are told in words already, and calls read from the text."""
        self._model = model
        self._where = where
        self._in_words = in_words
        self._has_called = False
        self._n_answers = 0
        self._n_without = 0
        self._n_too_long = 0
        self._last = ""

    def require(self, request: ChatRequest) -> None:
        """Before asking."""
        if _offers(request) and not self._has_called and self._n_without >= ENOUGH_TO_TELL:
            raise self._broken()

    def _broken(self) -> BrokenContract:
        if self._n_too_long == self._n_without:
            return BrokenContract(
                f"the first {self._n_answers} requests that offer functions to the model {self._model!r} at "
                f"{self._where} are longer than its context; the last answer: {self._last}",
                fix="serve the model with a longer context (vLLM: --max-model-len; llama.cpp: --ctx-size), "
                "or lower [llm] max_tokens or the sizes in [sample]; then run the same command again: what "
                "is finished is kept",
            )
        mend = (
            "set [llm] model to one that can call functions (calls are read from its text already)"
            if self._in_words()
            else "turn function calling on at the server (vLLM: --enable-auto-tool-choice and the "
            "--tool-call-parser of that model; llama.cpp: --jinja), have calls written as text ([llm] "
            'tools = "text"), or set [llm] model to one that can call functions'
        )
        return BrokenContract(
            f"the model {self._model!r} at {self._where} called no function in its first "
            f"{self._n_answers} answers to requests that offer some; the last answer: {self._last}",
            fix=f"{mend}; then run the same command again: what is finished is kept",
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
            self._n_too_long += refusal.reason == TOO_LONG
            self._note(refusal.message)
            self.require(request)

    def _note(self, answer: str) -> None:
        self._n_without += 1
        self._last = answer if len(answer) <= _LONGEST_QUOTE else f"{answer[:_LONGEST_QUOTE]} ..."


def _offers(request: ChatRequest) -> bool:
    return request.tools is not None and request.tool_choice != "none"
