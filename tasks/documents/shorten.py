"""Documentation compression (paper section 2.1): what is over the budget is shortened by a model.

The model chooses a shorter description and the keys of the response worth keeping; it writes no values,
so whatever the document shows of a response is real.  A document is cut where the model is of no help:
no API is lost here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import prompts
import seeds
from tasks.documents.document import cut_document_of, document_of
from tasks.documents.params import CompressParams
from tasks.documents.schema import example_response_of
from tasks.errors import BadRow
from tasks.llm.chat import ChatModel, ChatRequest, Message, Transcript
from tasks.llm.replies import json_object_of
from tasks.shaping.shape import Shape, fit, keep_paths, paths_of, project, shape_of, unknown_paths
from tasks.shaping.shorten import json_text
from tasks.shaping.tokens import count_tokens
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.probing import Verdict

STAGE = "compress"

TOKENS_SHOWN = (4096, 1024)
"""Most tokens a model is shown of the document, of the response and of its shape: first and second ask."""


@dataclass(frozen=True, slots=True)
class Original:
    """An API with its example response, a JSON value, and that one's shape."""

    tool: Tool
    api: Api
    response: Any
    shape: Shape


@dataclass(frozen=True, slots=True)
class Shortening:
    """What a model decided.  kept: the part of the response's shape that is worth keeping."""

    description: str
    kept: Shape


async def compress_api(
    tool: Tool, api: Api, verdict: Verdict, model: ChatModel, params: CompressParams
) -> Document:
    """The document of a kept API in at most `params.max_tokens` tokens.

    The model is asked only when the whole document is over the budget, and once more, with less of it
    shown, when its reply is unusable or the request is refused.  Raises StopRun as the model does.
    """
    response = example_response_of(api, verdict)
    original = Original(tool, api, response, shape_of(response))
    whole = document_of(tool, api, response)
    tokens = count_tokens(whole)
    if tokens <= params.max_tokens:
        return _row(original, whole, tokens, "as-is")
    shortening = await _shortening_of(original, model, params)
    shortened = original if shortening is None else _applied(shortening, original)
    document = document_of(tool, shortened.api, shortened.response)
    if shortening is not None and count_tokens(document) <= params.max_tokens:
        return _row(shortened, document, tokens, "llm")
    cut = cut_document_of(tool, shortened.api, shortened.response, params.max_tokens)
    return _row(shortened, cut, tokens, "cut")


def _applied(shortening: Shortening, original: Original) -> Original:
    return Original(
        tool=original.tool,
        api=replace(original.api, description=shortening.description),
        response=project(original.response, shortening.kept),
        shape=shortening.kept,
    )


def _row(shown: Original, document: str, tokens_before: int, method: str) -> Document:
    return Document(
        api_id=shown.api.api_id,
        document=document,
        response_schema=json_text(shown.shape),
        tokens_before=tokens_before,
        tokens_after=count_tokens(document),
        method=method,
    )


async def _shortening_of(original: Original, model: ChatModel, params: CompressParams) -> Shortening | None:
    for ordinal, tokens_shown in enumerate(TOKENS_SHOWN):
        request = compress_request(original, params, tokens_shown)
        try:
            reply = await model.ask(request, row_id=original.api.api_id, ordinal=ordinal)
            return read_shortening(reply.content or "", original.shape)
        except BadRow:
            # Refused or unusable: a shorter request is easier to answer; in the end the program cuts.
            continue
    return None


def compress_request(original: Original, params: CompressParams, tokens_shown: int) -> ChatRequest:
    """The request to shorten one document; each of its three parts has at most `tokens_shown` tokens."""
    user = prompts.load("compress/user").render(
        document=cut_document_of(original.tool, original.api, None, tokens_shown),
        response=fit(original.response, None, tokens_shown),
        shape=fit(original.shape, None, tokens_shown),
        max_tokens=params.max_tokens,
        examples=[seed.for_prompt() for seed in seeds.load_compression()],
    )
    system = prompts.load("compress/system").render(max_tokens=params.max_tokens)
    transcript = Transcript.of(Message("system", system), Message("user", user))
    return ChatRequest(transcript=transcript, response_format={"type": "json_object"})


def read_shortening(text: str, shape: Shape) -> Shortening:
    """The decision in a model's reply.  Raises BadRow("malformed_reply") when it cannot be used.

    Paths that the shape does not have are passed over as long as one path remains.
    """
    reply = json_object_of(text)
    description, keep = (
        (reply.get("description"), reply.get("keep")) if isinstance(reply, dict) else (None, None)
    )
    if not isinstance(description, str) or not description.strip():
        raise BadRow("malformed_reply", f"no description in the reply: {text[:200]!r}")
    return Shortening(description.strip(), keep_paths(shape, _known_paths(keep, shape)))


def _known_paths(keep: object, shape: Shape) -> Sequence[str]:
    if not paths_of(shape):
        return ()
    paths = [path for path in keep if isinstance(path, str)] if isinstance(keep, list) else []
    unknown = set(unknown_paths(shape, paths))
    known = [path for path in paths if path not in unknown]
    if not known:
        raise BadRow("malformed_reply", f"no path to keep that the response has: {str(keep)[:200]}")
    return known
