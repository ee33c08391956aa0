"""Whether an endpoint can work at all, found out before the first request."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from tasks.errors import BrokenContract, EndpointDown, RequestRefused, Transient, UsageError
from tasks.llm.client import Client
from tasks.llm.failures import KeyRefused, MalformedReply, ModelUnknown, Unreachable

_TRIES = 3
_MOST_NAMES = 12


async def check_endpoint(client: Client, ping: Callable[[], Awaitable[None]], first_pause_s: float) -> None:
    """Raises `EndpointDown` when nobody answers, `UsageError` when the key or the model is refused.

    A model that is not in the list may still be served (aliases, routers, servers without a list), so
    one token is asked for before it is called unknown.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(multiplier=first_pause_s),
        reraise=True,
    )
    try:
        if client.params.model not in await retrying(_offered, client):
            await retrying(ping)
    except (KeyRefused, ModelUnknown) as error:
        told = await unknown_model(client, error) if isinstance(error, ModelUnknown) else error
        raise UsageError(told.message, fix=told.fix) from error
    except MalformedReply as error:
        told = not_the_protocol(client, error)
        raise UsageError(told.message, fix=told.fix) from error
    except Transient as error:
        raise EndpointDown(
            f"the model endpoint {client.where} does not answer: {error.message}",
            fix=f"start the server at {client.where}, or correct [llm] base_url",
        ) from error
    except (RequestRefused, BrokenContract):
        return  # it minds how the probe is made, not the model


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Transient) and not isinstance(error, Unreachable)


async def _offered(client: Client) -> list[str]:
    """The models listed; none where the endpoint keeps no list, or not for this key."""
    try:
        return await client.models()
    except (KeyRefused, ModelUnknown, RequestRefused, MalformedReply):
        return []


async def unknown_model(client: Client, error: ModelUnknown) -> BrokenContract:
    """`error`, with the names of the models that the endpoint does offer."""
    model = client.params.model
    try:
        offered = await client.models()
    except (Transient, BrokenContract, RequestRefused):
        offered = []  # the names are a help, no more
    if not offered:
        return BrokenContract(
            f"{error.message}; asked for {model!r} at {client.where}",
            fix="correct [llm] model, or [llm] base_url, which ends in /v1 as a rule",
        )
    nearest = difflib.get_close_matches(model, offered, n=_MOST_NAMES, cutoff=0.0)
    rest = len(offered) - len(nearest)
    names = ", ".join(nearest) + (f" and {rest} more" if rest else "")
    return BrokenContract(
        f"the model endpoint {client.where} does not offer the model {model!r}",
        fix=f"set [llm] model to one that it offers: {names}",
    )


def not_the_protocol(client: Client, error: MalformedReply) -> BrokenContract:
    """`error`, for a run: something answers at that address, but no chat model."""
    return BrokenContract(
        f"the model endpoint {client.where} does not speak the chat protocol: {error.message}",
        fix="[llm] base_url must be the address of an OpenAI-compatible API; it ends in /v1 as a rule",
    )
