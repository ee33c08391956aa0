"""What requests take and cost: tokens, dollars, and sums of them.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.llm.chat import Reply
from tasks.llm.params import LlmParams

# English prose and JSON have 3.5 to 4.5 bytes a token, other scripts down to 2;
# see `budget.Ledger` for the rest.
_BYTES_PER_TOKEN = 3
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests and tokens, spent or set aside.  saved_usd: what a lower price took off their cost."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    saved_usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.saved_usd + other.saved_usd,
        )

    def __sub__(self, other: Spent) -> Spent:
        return Spent(
            self.requests - other.requests,
            self.tokens_in - other.tokens_in,
            self.tokens_out - other.tokens_out,
            self.saved_usd - other.saved_usd,
        )

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


def cost_usd(params: LlmParams, tokens_in: int, tokens_out: int) -> float | None:
    """Price of so many tokens; None while `[llm]` does not say what they cost."""
    if params.price_in is None or params.price_out is None:
        return None
    return (tokens_in * params.price_in + tokens_out * params.price_out) / _MILLION


def cost_of(llm: LlmParams, spent: Spent) -> float | None:
    """What was spent in dollars; None while prices are unknown."""
    usd = cost_usd(llm, spent.tokens_in, spent.tokens_out)
    return None if usd is None else usd - spent.saved_usd


def tokens_in_bytes(n_bytes: int) -> int:
    """How many tokens a text of so many bytes has, estimated rather high."""
    return n_bytes // _BYTES_PER_TOKEN + 1


def tokens_in_reply(reply: Reply) -> int:
    """Likewise, where the endpoint does not say."""
    texts = [
        reply.content or "",
        reply.thinking or "",
        *(call.name + call.arguments for call in reply.tool_calls),
    ]
    return tokens_in_bytes(sum(len(text.encode()) for text in texts))
