"""What a model endpoint can do beyond plain chat, and what is done where it cannot."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

_WITHOUT = {
    "tools": "no function calling: calls are written as text",
    "results": "a function's result is refused",
    "tool_choice": "tool_choice is ignored: not sent",
    "free_order": "roles must alternate: what would follow another is joined to it",
    "system": "no system messages: the user says them",
    "integer_enums": "no enumerations of numbers: they are told in words",
    "long_names": "no long names of arguments: cut",
    "untyped_items": "no lists of anything: of text",
    "json_schema": "no json_schema: schemas are told in words",
    "bounds": "no lengths of lists in schemas: left out",
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
_SHAPES_REPLIES = (
    "tools",
    "tool_choice",
    "json_schema",
    "json_object",
    "free_order",
    "system",
    "integer_enums",
    "long_names",
    "untyped_items",
    "bounds",
)


class Abilities(BaseModel):
    """usage: replies say how many tokens they took; tool_choice: "none" keeps the model from calling.

    results: a function's result is taken back.  free_order: a word of the user may follow such a result,
    or another word.  system: there may be a system message.  integer_enums, long_names (of arguments, over
    64 characters), untyped_items: functions may have them.  bounds: schemas of replies may say how long a
    list is.  context: tokens of a request and its reply, as the server says; None where it does not.
    unsure: names of what was not seen for certain; what is said of them holds for one run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: bool = True
    results: bool = True
    tool_choice: bool = True
    free_order: bool = True
    system: bool = True
    integer_enums: bool = True
    long_names: bool = True
    untyped_items: bool = True
    json_schema: bool = True
    bounds: bool = True
    json_object: bool = True
    seed: bool = True
    usage: bool = True
    context: int | None = None
    unsure: tuple[str, ...] = ()

    @property
    def lacking(self) -> tuple[str, ...]:
        """What is lacking of what shapes replies."""
        return tuple(name for name in _SHAPES_REPLIES if not getattr(self, name))

    def in_a_line(self) -> str:
        """For people: what there is, then what is done about the rest, then what is to be asked again."""
        there = [told for name, told in _NAMES.items() if getattr(self, name)]
        missing = [told for name, told in _WITHOUT.items() if not getattr(self, name)]
        context = [] if self.context is None else [f"a context of {self.context:,} tokens"]
        names = ", ".join(_NAMES.get(name, name) for name in self.unsure)
        told = f"unclear, as replies were cut off or came too late, and asked again by the next run: {names}"
        unsure = [told] if names else []
        return "; ".join([", ".join([*there, *context]) or "plain chat only", *missing, *unsure])
