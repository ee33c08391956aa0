"""Documentation compression (paper section 2.1): what is over the budget is shortened by a model.

The model chooses a shorter description and the keys of the response worth keeping; it writes no values,
so whatever the document shows of a response is real.  A document is cut where the model is of no help:
no API is lost here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import prompts
import seeds
from tasks.documents.document import cut_document_of, document_of
from tasks.documents.params import CompressParams
from tasks.documents.schema import example_response_of
from tasks.errors import BadRow, BrokenContract
from tasks.llm.chat import ChatModel, ChatRequest, Message, Transcript, digest_of
from tasks.llm.replies import json_object_of
from tasks.llm.reply_format import TEXT, list_of, record, reply_format
from tasks.shaping.outline import Outline, outline_of, same_outline
from tasks.shaping.shape import Shape, fit, is_part, keep_paths, paths_of, project, shape_of, unknown_paths
from tasks.shaping.shorten import json_text
from tasks.shaping.tokens import Tokenizer, tokenizer_of
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.probing import Verdict

STAGE = "compress"

_REPLY_FORMAT = reply_format("shortening", record(description=TEXT, keep=list_of(TEXT)))

TOKENS_SHOWN = (4096, 1024)
"""Most tokens a model is shown of the document, of the response and of its shape: first and second ask."""


@dataclass(frozen=True, slots=True)
class Original:
    """An API with its example response, a JSON value, and that one's shape."""

    tool: Tool
    api: Api
    response: Any
    shape: Shape

    def document(self) -> str:
        return document_of(self.tool, self.api, self.response)


@dataclass(frozen=True, slots=True)
class Shortening:
    """What a model decided.  kept: the part of the response's shape that is worth keeping."""

    description: str
    kept: Shape


@dataclass(frozen=True, slots=True)
class Compressor:
    """Documents in at most `params.max_tokens` tokens of the model's family.

    settings: digest of what every document is made with (prompts, parameters, model).
    """

    model: ChatModel
    params: CompressParams
    settings: str

    @property
    def tokenizer(self) -> Tokenizer:
        return tokenizer_of(self.model.name)

    async def document(
        self, tool: Tool, api: Api, verdict: Verdict, before: Document | None = None
    ) -> Document:
        """The document of a kept API; the one of the run before while nothing but example values differ.

        The model is asked only when the whole document is over the budget, and once more, with less of it
        shown, when its reply is unusable or the request is refused.  Raises StopRun as the model does.
        """
        # Megabytes of JSON are measured and cut in a thread: the event loop serves all other rows.
        original = await asyncio.to_thread(_original, tool, api, verdict)
        if before is not None and self._stands(before, original):
            return before
        made = await asyncio.to_thread(self._as_it_is, original)
        if isinstance(made, Document):
            return made
        shortening = await self._shortening_of(original)
        return await asyncio.to_thread(self._shortened, original, shortening, made)

    def _stands(self, before: Document, original: Original) -> bool:
        if before.conditions != self._conditions(original) or before.outline is None:
            return False
        return same_outline(json.loads(before.outline), outline_of(original.shape))

    def _conditions(self, original: Original) -> str:
        described = document_of(original.tool, original.api, None)
        return digest_of([self.settings, original.api.fingerprint, described])

    def _as_it_is(self, original: Original) -> Document | int:
        """The whole document, or how many tokens it has when that is too many."""
        whole = original.document()
        tokens = self.tokenizer.count(whole)
        if tokens > self.params.max_tokens:
            return tokens
        return self._row(original, original, whole, tokens, "as-is")

    def _shortened(self, original: Original, shortening: Shortening | None, tokens: int) -> Document:
        shown = original if shortening is None else _applied(shortening, original)
        document = shown.document()
        if shortening is not None and self.tokenizer.count(document) <= self.params.max_tokens:
            return self._row(original, shown, document, tokens, "llm")
        cut = cut_document_of(
            original.tool, shown.api, shown.response, self.params.max_tokens, self.tokenizer
        )
        return self._row(original, shown, cut, tokens, "cut")

    def _row(
        self, original: Original, shown: Original, document: str, tokens_before: int, method: str
    ) -> Document:
        outline: Outline = outline_of(original.shape)
        return Document(
            api_id=original.api.api_id,
            document=document,
            response_schema=_checked_schema(shown.shape, original),
            tokens_before=tokens_before,
            tokens_after=self.tokenizer.count(document),
            method=method,
            tokenizer=str(self.tokenizer),
            conditions=self._conditions(original),
            outline=json_text(outline),
        )

    async def _shortening_of(self, original: Original) -> Shortening | None:
        for ordinal, tokens_shown in enumerate(TOKENS_SHOWN):
            request = await asyncio.to_thread(
                compress_request, original, self.params, tokens_shown, self.tokenizer
            )
            try:
                reply = await self.model.ask(request, row_id=original.api.api_id, ordinal=ordinal)
                return read_shortening(reply.content or "", original.shape)
            except BadRow:
                # Refused or unusable: a shorter request is easier to answer; in the end the program cuts.
                continue
        return None


def _original(tool: Tool, api: Api, verdict: Verdict) -> Original:
    response = example_response_of(api, verdict)
    return Original(tool, api, response, shape_of(response))


def _applied(shortening: Shortening, original: Original) -> Original:
    return Original(
        tool=original.tool,
        api=replace(original.api, description=shortening.description),
        response=project(original.response, shortening.kept),
        shape=shortening.kept,
    )


def _checked_schema(schema: Shape, original: Original) -> str:
    """The schema as text.  Raises BrokenContract unless it parses to a part of the example's shape."""
    text = json_text(schema)
    if not is_part(json.loads(text), original.shape):
        raise BrokenContract(
            f"the response schema of {original.api.api_id} is not a part of its example's: {text[:200]}",
            fix="this is a bug of Toolloom: please report it with the API's example response",
        )
    return text


def compress_request(
    original: Original, params: CompressParams, tokens_shown: int, tokenizer: Tokenizer
) -> ChatRequest:
    """The request to shorten one document; each of its three parts has at most `tokens_shown` tokens."""
    user = prompts.load("compress/user").render(
        document=cut_document_of(original.tool, original.api, None, tokens_shown, tokenizer),
        response=fit(original.response, None, tokens_shown, tokenizer),
        shape=fit(original.shape, None, tokens_shown, tokenizer),
        max_tokens=params.max_tokens,
        examples=[seed.for_prompt() for seed in seeds.load_compression()],
    )
    system = prompts.load("compress/system").render(max_tokens=params.max_tokens)
    transcript = Transcript.of(Message("system", system), Message("user", user))
    return ChatRequest(transcript=transcript, response_format=_REPLY_FORMAT)


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
