"""Documentation compression (paper section 2.1): what is over the budget is shortened by a model.

What makes a document long is mostly a list: lists are shortened to a few elements first, and the model is
asked only where that is not enough.  It chooses a shorter description and the keys of the response worth
keeping; it writes no values, so whatever the document shows of a response is real.  A document is cut where
the model is of no help: no API is lost here, and no key that its description promises.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import prompts
import seeds
from tasks.documents.document import answered_arguments_of, cut_document_of, document_of, example_response_of
from tasks.documents.params import CompressParams
from tasks.errors import BadRow, BrokenContract, RequestRefused
from tasks.exact_json import digest_of
from tasks.llm.chat import (
    TEXT,
    ChatModel,
    ChatRequest,
    Message,
    Transcript,
    asked_again,
    list_of,
    record,
    reply_format,
)
from tasks.llm.replies import json_object_of
from tasks.text_budget.promises import broken_promise
from tasks.text_budget.shape import (
    Outline,
    Shape,
    fit,
    is_part,
    keep_paths,
    outline_of,
    paths_of,
    project,
    same_outline,
    shape_of,
    unknown_paths,
)
from tasks.text_budget.shorten import few_elements, json_text
from tasks.text_budget.tokens import Tokenizer, tokenizer_of
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.probing import Verdict

STAGE = "compress"

_REPLY_FORMAT = reply_format("shortening", record(description=TEXT, keep=list_of(TEXT)))

TOKENS_SHOWN = (4096, 1024)
"""Most tokens a model is shown of the document, of the response and of its shape: first, and when that was of
no use."""

_ASKS = 2


@dataclass(frozen=True, slots=True)
class Original:
    """An API with its example response, a JSON value, and that one's shape.

    few: the response with a few elements of each list.  arguments: what was answered so, if that is known.
    """

    tool: Tool
    api: Api
    response: Any
    shape: Shape
    few: Any
    arguments: Any = None


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

        The model is asked only when the document is over the budget with a few elements of each list, too;
        and once more when the request is refused, with less of it shown, or when its reply is unusable or
        drops what the description promises, told so.  Raises StopRun as the model does.
        """
        # Megabytes of JSON are measured and cut in a thread: the event loop serves all other rows.
        original = await asyncio.to_thread(_original, tool, api, verdict)
        if before is not None and self._stands(before, original):
            return before
        made = await asyncio.to_thread(self._unshortened, original)
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

    def _unshortened(self, original: Original) -> Document | int:
        """The document with all keys, of lists a few elements if need be; or the tokens of the whole when
        that is too many still.
        """
        whole = document_of(original.tool, original.api, original.response, original.arguments)
        tokens = self.tokenizer.count(whole)
        if tokens <= self.params.max_tokens:
            return self._row(original, original, whole, tokens, "as-is")
        few = document_of(original.tool, original.api, original.few, original.arguments)
        if self.tokenizer.fits(few, self.params.max_tokens):
            return self._row(original, original, few, tokens, "lists")
        return tokens

    def _shortened(self, original: Original, shortening: Shortening | None, tokens: int) -> Document:
        shown = original if shortening is None else _applied(shortening, original)
        document = document_of(shown.tool, shown.api, shown.few, original.arguments)
        if shortening is not None and self.tokenizer.fits(document, self.params.max_tokens):
            return self._row(original, shown, document, tokens, "llm")
        cut = cut_document_of(
            original.tool,
            shown.api,
            shown.response,
            self.params.max_tokens,
            self.tokenizer,
            original.arguments,
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
        tokens_shown, said, why = TOKENS_SHOWN[0], "", ""
        for ordinal in range(_ASKS):
            request = await asyncio.to_thread(
                compress_request, original, self.params, tokens_shown, self.tokenizer
            )
            if why:
                request = asked_again(request, said, why)
            try:
                reply = await self.model.ask(request, row_id=original.api.api_id, ordinal=ordinal)
                said = reply.content or ""
                shortening = read_shortening(said, original.shape)
            except BadRow as error:
                # Refused or unusable: a shorter request is easier to answer; in the end the program cuts.
                tokens_shown = TOKENS_SHOWN[1]
                why = "" if isinstance(error, RequestRefused) else error.message
                continue
            broken = _broken_promise(shortening, original)
            if broken is None:
                return shortening
            why = broken
        return None


def _original(tool: Tool, api: Api, verdict: Verdict) -> Original:
    response = example_response_of(api, verdict)
    arguments = answered_arguments_of(verdict)
    return Original(tool, api, response, shape_of(response), few_elements(response), arguments)


def _broken_promise(shortening: Shortening, original: Original) -> str | None:
    echoed = {parameter.arg_name for parameter in original.api.parameters}
    before = original.api.description
    return broken_promise(shortening.description, before, original.shape, shortening.kept, echoed)


def _applied(shortening: Shortening, original: Original) -> Original:
    return Original(
        tool=original.tool,
        api=replace(original.api, description=shortening.description),
        response=project(original.response, shortening.kept),
        shape=shortening.kept,
        few=few_elements(project(original.response, shortening.kept)),
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
        document=cut_document_of(
            original.tool, original.api, None, tokens_shown, tokenizer, original.arguments
        ),
        response=fit(original.few, None, tokens_shown, tokenizer),
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
