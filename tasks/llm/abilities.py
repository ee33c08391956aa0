"""What a model endpoint can do beyond plain chat, and what is done where it cannot."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

_WITHOUT = {
    "tools": "no function calling: calls are written as text",
    "tool_choice": "tool_choice is ignored: not sent",
    "json_schema": "no json_schema: schemas are told in words",
    "json_object": "no JSON mode: JSON is asked for in words, and mended",
    "seed": "no seed",
    "usage": "no token counts: budgets go by estimates, costs are unknown",
}
_NAMES = {
    "tools": "function calling",
    "json_schema": "json_schema",
    "json_object": "JSON mode",
    "seed": "seed",
    "usage": "token counts",
}
# What changes the text of a request, and so the reply.
_SHAPES_REPLIES = ("tools", "tool_choice", "json_schema", "json_object")


class Abilities(BaseModel):
    """usage: replies say how many tokens they took; tool_choice: "none" keeps the model from calling."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: bool = True
    tool_choice: bool = True
    json_schema: bool = True
    json_object: bool = True
    seed: bool = True
    usage: bool = True

    @property
    def lacking(self) -> tuple[str, ...]:
        """What is lacking of what shapes replies."""
        return tuple(name for name in _SHAPES_REPLIES if not getattr(self, name))

    def in_a_line(self) -> str:
        """For people: what there is, then what is done about the rest."""
        there = [told for name, told in _NAMES.items() if getattr(self, name)]
        missing = [told for name, told in _WITHOUT.items() if not getattr(self, name)]
        return "; ".join([", ".join(there) or "plain chat only", *missing])
