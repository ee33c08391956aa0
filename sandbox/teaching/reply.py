"""What the rules say, before it is put into OpenAI's protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]
_CHARACTERS_PER_TOKEN = 4.0


def count_tokens(text: str) -> int:
    """A plausible number of tokens; not those of any model."""
    return round(len(text) / _CHARACTERS_PER_TOKEN) + 1 if text else 0


@dataclass(frozen=True)
class Call:
    """A function call; arguments: its text, JSON unless a fault made it otherwise."""

    function: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """Text, a call, or both.  faults: names of the model faults that shaped it."""

    content: str | None = None
    calls: tuple[Call, ...] = ()
    cut: bool = False
    faults: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        return count_tokens(self.content or "") + sum(
            count_tokens(call.function) + count_tokens(call.arguments) for call in self.calls
        )

    @property
    def finish_reason(self) -> str:
        if self.cut:
            return "length"
        return "tool_calls" if self.calls else "stop"

    def within(self, max_tokens: int | None) -> Reply:
        """The reply as a model would leave it that has to stop after so many tokens."""
        if max_tokens is None or self.tokens <= max_tokens:
            return self
        left = int(max_tokens * _CHARACTERS_PER_TOKEN)
        content = (self.content or "")[:left]
        left -= len(content)
        calls = tuple(Call(call.function, call.arguments[:left]) for call in self.calls if left > 0)
        return replace(self, content=content or None, calls=calls, cut=True)

    def message(self, digest: str) -> Json:
        """The assistant message of the protocol; call ids come from the request's digest."""
        message: Json = {"role": "assistant", "content": self.content, "refusal": None}
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": f"call_{digest[:20]}{number:02d}",
                    "type": "function",
                    "function": {"name": call.function, "arguments": call.arguments},
                }
                for number, call in enumerate(self.calls)
            ]
        return message
