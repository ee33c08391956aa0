"""Parameters of the model endpoint and of the budget, and what an endpoint was found to be able to do."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tasks.identity import NotInKey, OnceSet, OnlyInKeyOf

NATIVE, TEXT = "native", "text"
_MILLION = 1_000_000
OLD_ENDPOINT_ID = "known_as"
"""What `endpoint_id` was called before, and is still read as."""

# What requests say already, or what would change how a reply is read; and where it is set instead.
_OURS = {
    "model": "set [llm] model",
    "temperature": "set [llm] temperature",
    "max_tokens": "set [llm] max_tokens",
    "max_completion_tokens": "set [llm] max_tokens, which is sent under the name that the endpoint takes",
    "tools": "set [llm] tools, which says how functions are called",
    "extra_body": "that is the openai client's word: write its fields into [llm] body itself",
    **dict.fromkeys(
        ("messages", "tool_choice", "functions", "function_call", "response_format", "seed"),
        "each request has its own",
    ),
    **dict.fromkeys(("n", "best_of", "stream", "stream_options"), "one whole reply is read, and paid for"),
}


class LlmParams(BaseModel):
    """`[llm]`: any endpoint that speaks OpenAI's protocol.  Prices are USD per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section: ClassVar[str] = "[llm]"
    """Where it is set."""

    base_url: Annotated[str, NotInKey("place")] = Field(description="Ends in /v1 as a rule.")
    model: str = Field(description="The model's name at that endpoint.")
    api_key_env: Annotated[str | None, NotInKey("place")] = Field(
        default=None, description="Environment variable that holds the key; none: no key is sent."
    )
    endpoint_id: Annotated[str | None, NotInKey("place")] = Field(
        default=None,
        description="Remembers what the endpoint can do under this name, for an address that changes "
        "(a port, a node); none: under base_url.",
    )
    tools: Annotated[Literal["auto", "native", "text"], OnlyInKeyOf()] = Field(
        default="auto",
        description="How functions are called: by the protocol, as text (`Action:`, `Action Input:`), or as "
        "a short trial shows.",
    )
    concurrency: Annotated[int, NotInKey("speed")] = Field(
        default=32, ge=1, description="Requests in flight."
    )
    requests_per_minute: Annotated[float | None, NotInKey("speed")] = Field(default=None, gt=0)
    tokens_per_minute: Annotated[float | None, NotInKey("speed")] = Field(default=None, gt=0)
    timeout_s: Annotated[float, NotInKey("speed")] = Field(
        default=120, gt=0, description="Total time for one request."
    )
    attempts: Annotated[int, NotInKey("speed")] = Field(
        default=8, ge=1, description="Tries of one request that fails transiently."
    )
    outage_s: Annotated[float, NotInKey("speed")] = Field(
        default=900, ge=0, description="How long an unreachable endpoint is waited for."
    )
    must_call: Annotated[bool, NotInKey("speed")] = Field(
        default=True,
        description="Whether a run stops where the model calls no function in its first answers. false: that "
        "is a result, too, as of a base that was never trained to call.",
    )
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1, description="Longest reply, in tokens.")
    context: Annotated[int | None, OnceSet()] = Field(
        default=None,
        ge=1,
        description="Tokens of a request and its reply together; none: what the server says. Older "
        "observations are shortened before a request is longer.",
    )
    body: Annotated[dict[str, Any], OnceSet()] = Field(
        default={},
        description="Further fields of every request's body, as the endpoint names them: `{top_p = 0.9, "
        "chat_template_kwargs = {enable_thinking = false}}`.",
    )
    price_in: Annotated[float | None, NotInKey("money")] = Field(
        default=None, ge=0, description="USD per million tokens sent."
    )
    price_out: Annotated[float | None, NotInKey("money")] = Field(
        default=None, ge=0, description="USD per million tokens received."
    )
    batch: Annotated[bool, NotInKey("speed")] = Field(
        default=False,
        description="Ask in batches (OpenAI's files and batches routes), all but searches and probing.",
    )
    batch_discount: Annotated[float, NotInKey("money")] = Field(
        default=0.5, ge=0, le=1, description="Share of the price that a request in a batch saves."
    )
    batch_poll_s: Annotated[float, NotInKey("speed")] = Field(
        default=30, gt=0, description="Longest pause between looks at a batch."
    )
    batch_requests: Annotated[int, NotInKey("speed")] = Field(
        default=50_000, ge=1, le=50_000, description="Most requests of a batch."
    )

    @model_validator(mode="before")
    @classmethod
    def _under_its_name_of_today(cls, values: Any) -> Any:
        if isinstance(values, dict) and OLD_ENDPOINT_ID in values and "endpoint_id" not in values:
            return {"endpoint_id" if name == OLD_ENDPOINT_ID else name: said for name, said in values.items()}
        return values

    @field_validator("body")
    @classmethod
    def _only_further_fields(cls, body: dict[str, Any]) -> dict[str, Any]:
        ours = next((name for name in body if name in _OURS), None)
        if ours is not None:
            raise ValueError(f"{ours!r} is set by Toolloom: {_OURS[ours]}")
        try:
            is_json = orjson.loads(orjson.dumps(body)) == body
        except (TypeError, ValueError):  # a number beyond 64 bits
            is_json = False
        if not is_json:
            raise ValueError("it holds what JSON has no word for: a date, inf, nan, or too large a number")
        return body

    def cost_usd(self, tokens_in: int, tokens_out: int) -> float | None:
        """Price of so many tokens; None while nobody has said what they cost."""
        if self.price_in is None or self.price_out is None:
            return None
        return (tokens_in * self.price_in + tokens_out * self.price_out) / _MILLION


class JudgeParams(LlmParams):
    """`[evaluate.judge]`: an endpoint that judges answers, with all that `[llm]` may say of one."""

    section: ClassVar[str] = "[evaluate.judge]"


class EmbeddingParams(LlmParams):
    """`[retriever.endpoint]`: an endpoint that makes vectors, with all that `[llm]` may say of one."""

    section: ClassVar[str] = "[retriever.endpoint]"

    dimensions: int | None = Field(
        default=None, ge=1, description="Of its vectors; none: as many as the model has."
    )
    texts_per_request: Annotated[int, NotInKey("speed")] = Field(default=64, ge=1, le=2048)
    # Vectors are no tokens, and are not paid for.
    price_out: Annotated[float | None, NotInKey("money")] = Field(default=0.0, ge=0)
    max_tokens: int | None = Field(default=1, ge=1)


class Caps(BaseModel):
    """What may be spent at most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_usd: float | None = Field(default=None, ge=0, description="Needs price_in and price_out.")
    max_tokens: int | None = Field(default=None, ge=0, description="Sent and received.")
    max_requests: int | None = Field(
        default=None, ge=0, description="Sent, every try: refused, failed and lost ones too."
    )

    @property
    def of_tokens(self) -> bool:
        """Whether what a reply takes counts, and not only that it was asked for."""
        return self.max_usd is not None or self.max_tokens is not None


class BudgetParams(Caps):
    """`[budget]`: caps of one run, its resumption after a crash included; it stops before it passes one."""

    stages: dict[str, Caps] = Field(
        default={},
        description="Caps of single stages, as in `[budget.stages.annotate]`, `max_requests = 1000`; "
        "`endpoint` is the trial at the beginning.",
    )


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


class Capabilities(BaseModel):
    """usage: replies say how many tokens they took; tool_choice: "none" keeps the model from calling.

    results: a function's result is taken back.  free_order: a word of the user may follow such a result,
    or another word.  system: there may be a system message.  integer_enums, long_names (of arguments, over
    64 characters), untyped_items: functions may have them.  bounds: schemas of replies may say how long a
    list is.  context: tokens of a request and its reply, as the server says; None where it does not.
    cut_off: names of what no reply showed with the room that `max_tokens` gives.  unsure: of what was not
    seen since replies came too late; what is said of them holds for one run.
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
    cut_off: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """What is missing of what shapes replies."""
        return tuple(name for name in _SHAPES_REPLIES if not getattr(self, name))

    def describe(self) -> str:
        """For people: what there is, then what is done about the rest, then what is to be asked again."""
        there = [told for name, told in _NAMES.items() if getattr(self, name)]
        without = [told for name, told in _WITHOUT.items() if not getattr(self, name)]
        context = [] if self.context is None else [f"a context of {self.context:,} tokens"]
        unclear = [
            f"unclear, {why}: {', '.join(_NAMES.get(name, name) for name in names)}"
            for names, why in (
                (self.cut_off, "as replies were cut off, and asked again when max_tokens is changed"),
                (self.unsure, "as replies came too late, and asked again by the next run"),
            )
            if names
        ]
        return "; ".join([", ".join([*there, *context]) or "plain chat only", *without, *unclear])
