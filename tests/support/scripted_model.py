"""A model that follows a script."""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.llm.chat import ChatRequest, Reply


@dataclass
class ScriptedModel:
    """Says what its script says, in order, and fails when that runs out."""

    script: list[Reply | Exception]
    asked: list[tuple[str, int, ChatRequest]] = field(default_factory=list)
    name: str = "scripted"

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        self.asked.append((row_id, ordinal, request))
        said = self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    def prompt(self, number: int) -> str:
        """What was sent in the user message of a request."""
        return str(self.asked[number][2].transcript.messages()[-1].content)
