"""Whether an endpoint can work at all, found out without a request to its model."""

from __future__ import annotations

import difflib

from tasks.errors import BrokenContract, EndpointDown, RequestRefused, Transient, UsageError
from tasks.llm.client import Client
from tasks.llm.failures import KeyRefused, MalformedReply, ModelUnknown, Unreachable
from tasks.llm.pacing import LONGEST_PAUSE_S
from tasks.transport.retry import Backoff, retrying

_TRIES = 3
_MOST_NAMES = 12
# 403 may mean that this key can do all but list.
_NO_VALID_KEY = 401


async def check_endpoint(client: Client, first_pause_s: float) -> None:
    """Raises `EndpointDown` when nobody answers, `UsageError` when the key is refused.

    A model that is not in the list may still be served (aliases, routers, servers without a list): the
    first request shows that.
    """
    try:
        await retrying(Backoff(first_pause_s, LONGEST_PAUSE_S), attempts=_TRIES, may_pass=_may_pass)(
            _listed, client
        )
    except KeyRefused as error:
        raise UsageError(error.message, fix=error.fix) from error
    except Transient as error:
        raise EndpointDown(
            f"the model endpoint {client.where} does not answer: {error.message}",
            fix=f"start or mend the server at {client.where}, or correct [llm] base_url",
        ) from error


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Transient) and not isinstance(error, Unreachable)


async def _listed(client: Client) -> None:
    """Asks for the list of models; an endpoint may keep none, or none for this key."""
    try:
        await client.models()
    except KeyRefused as error:
        if error.status == _NO_VALID_KEY:
            raise
    except (ModelUnknown, RequestRefused, MalformedReply):
        return


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
