"""Asking again for a reply that could not be used, with what was wrong with it.

The same request would bring the same reply where the temperature is 0.
"""

from __future__ import annotations

from dataclasses import replace

import prompts
from tasks.llm.chat import ChatRequest, Message

_LONGEST_QUOTE = 2_000


def asked_again(request: ChatRequest, said: str, why: str) -> ChatRequest:
    """The request behind its unusable reply, of which the beginning is shown.  why: for the model."""
    quoted = said.strip()[:_LONGEST_QUOTE] or "(nothing)"
    note = prompts.load("again/unusable_reply").render(why=why)
    shown = request.transcript.extend(Message("assistant", quoted), Message("user", note))
    return replace(request, transcript=shown)
