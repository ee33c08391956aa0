"""The document of an API, what a model is shown of it, and its compression (paper section 2.1): what is over
the budget is shortened by a model.

What makes a document long is mostly a list: lists are shortened to a few elements first, and the model is
asked only where that is not enough.  It chooses a shorter description and the keys of the response worth
keeping; it writes no values, so whatever the document shows of a response is real.  A document is cut where
the model is of no help: no API is lost here, and no key that its description promises.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import prompts
import seeds
from tasks import exact_json
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
from tasks.text_budget.promises import broken_promise, named_keys, names_on
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
from tasks.text_budget.shorten import few_elements, json_text, shortened_json
from tasks.text_budget.tokens import O200K, Tokenizer, tokenizer_of
from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.documents import Document
from warehouse.tables.probing import Verdict

_OF_SCHEMA = (
    "examples",
    "enum",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "items",
    "properties",
)
_RESPONSE_SHARE = 0.25  # of the budget, at most so much is kept free for the response when all is too long


def document_of(tool: Tool, api: Api, response: Any, arguments: Any = None) -> str:
    """The document with `response`, a JSON value, as its example; compact, keys in a fixed order.

    arguments: what the call was made with that was answered so, None where that is not known.

    Raises BrokenContract when a column that holds JSON text does not parse.
    """
    return json_text(_document(tool, api, response, arguments))


def cut_document_of(
    tool: Tool,
    api: Api,
    response: Any,
    max_tokens: int,
    tokenizer: Tokenizer = O200K,
    arguments: Any = None,
) -> str:
    """The document with as much of `response` and of its descriptions as `max_tokens` allow.

    The response is shortened first, keys that the description promises last of all.  The rest is shortened
    only when it leaves less than a quarter of the budget for a response that needs it.  What is cut says so,
    and the text still parses.
    """
    whole = document_of(tool, api, response, arguments)
    if tokenizer.fits(whole, max_tokens):
        return whole
    wanted = tokenizer.count(json_text(response))
    room_for_rest = max_tokens - min(wanted, int(max_tokens * _RESPONSE_SHARE))
    rest = exact_json.loads(shortened_json(_document(tool, api, None, arguments), room_for_rest, tokenizer))
    promised = names_on(named_keys(api.description, shape_of(response)))
    return _with_response(rest, response, max_tokens, tokenizer, promised)


def _with_response(
    rest: dict[str, Any], response: Any, max_tokens: int, tokenizer: Tokenizer, promised: Set[str]
) -> str:
    room = max_tokens - tokenizer.count(json_text(rest))
    while room > 0:
        text = json_text(
            {**rest, "response": exact_json.loads(shortened_json(response, room, tokenizer, promised))}
        )
        if tokenizer.fits(text, max_tokens):
            return text
        # Tokens of the parts do not quite add up to the tokens of the whole.
        room -= max(1, tokenizer.count(text) - max_tokens)
    return json_text(rest)


def _document(tool: Tool, api: Api, response: Any, arguments: Any) -> dict[str, Any]:
    described = {
        "tool_name": tool.tool_name,
        "tool_description": tool.description,
        "category": tool.category,
        "api_name": api.api_name,
        "api_description": api.description,
        "method": api.method,
        "parameters": [_parameter(api, parameter) for parameter in api.parameters],
    }
    return described | ({} if arguments is None else {"arguments": arguments}) | {"response": response}


def _parameter(api: Api, parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.arg_name,
        "type": parameter.type,
        "required": parameter.required,
        "description": parameter.description,
    }
    if parameter.default is not None:
        described["default"] = _value_of(parameter.default, api, parameter)
    schema = {} if parameter.schema is None else _value_of(parameter.schema, api, parameter)
    return described | {key: schema[key] for key in _OF_SCHEMA if key in schema}


def _value_of(text: str, api: Api, parameter: Parameter) -> Any:
    try:
        return exact_json.loads(text)
    except ValueError as error:
        raise BrokenContract(
            f"parameter {parameter.name!r} of {api.api_id}: its default or schema is not JSON: {text[:80]!r}",
            fix="crawl the catalogue again; if it stays, report the source it came from",
        ) from error


_DEEPEST = 100  # JSON nested deeper than this is no data, and would exhaust Python's stack later on


def example_response_of(api: Api, verdict: Verdict) -> Any:
    """A response of the API as a JSON value: a real one if there is one, else the listing's, else None.

    What is not JSON, or is nested beyond reason, is plain text and comes back as a string.
    """
    text = api.example_response if verdict.example_response is None else verdict.example_response
    return None if text is None else _parsed(text)


def answered_arguments_of(verdict: Verdict) -> Any:
    """What the call was made with whose answer is the example response; None where that is not known."""
    if verdict.example_response is None or verdict.example_arguments is None:
        return None
    return _parsed(verdict.example_arguments)


def _parsed(text: str) -> Any:
    try:
        value = exact_json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if _is_deeper_than(_DEEPEST, value) else value


def _is_deeper_than(depth: int, value: Any) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper_than(depth - 1, each) for each in inner)


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
