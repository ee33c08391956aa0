"""Instructions written by a model for a set of APIs (paper section 2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import prompts
import seeds
from tasks.errors import BadRow, BrokenContract
from tasks.exact_json import Json, digest_of
from tasks.instructions.names import OfferedNames, plain
from tasks.instructions.params import InstructParams
from tasks.llm.chat import (
    TEXT,
    ChatModel,
    ChatRequest,
    Message,
    Reply,
    Transcript,
    asked_again,
    list_of,
    one_of,
    record,
    reply_format,
)
from tasks.llm.replies import json_object_of
from warehouse.tables.accounts import Reject
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Candidate, NamedApi, Sample

STAGE = "propose"

_SINGLE_TOOL = "G1"
COMPLEX_SHARE = 0.3
"""The last three of ten are long and complex, the first seven specific (paper, appendix on prompts)."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """The account of one sample: len(candidates) + len(rejects) = n_asked.

    n_asked: instructions asked for, or written if those are more; every ordinal below it is either a
    candidate or a reject.  Reasons: malformed_instruction, not_written (fewer came than were asked for),
    malformed_reply (nothing in it could be read), and those an endpoint refuses a request for.
    """

    candidates: tuple[Candidate, ...]
    rejects: tuple[Reject, ...]
    n_asked: int


def prompt_digest(scenario: str) -> str:
    """Digest of the prompts that instructions of a scenario are written with."""
    return digest_of([prompts.load("instruct/system").digest, _user_prompt(scenario).digest])


async def propose_for(
    sample: Sample,
    documents: Mapping[str, Document],
    names: Mapping[str, NamedApi],
    model: ChatModel,
    params: InstructParams,
) -> Proposed:
    """Ask for `params.per_sample` instructions that need the APIs of `sample`.

    documents, names: by api_id.  Raises BrokenContract when an API of the sample has no document,
    StopRun as the model does.
    """
    shown = chosen_seeds(sample, params)
    try:
        items = await _items(propose_request(sample, documents, names, shown, params), sample, model)
    except BadRow as error:
        items = [error] * params.per_sample
    items += [BadRow("not_written", f"{len(items)} written, {params.per_sample} asked for")] * (
        params.per_sample - len(items)
    )
    reader = _Reader(
        sample, OfferedNames(sample.api_ids, names), model.name, tuple(seed.id for seed in shown)
    )
    rows = [reader.row(ordinal, item) for ordinal, item in enumerate(items)]
    candidates = tuple(row for row in rows if isinstance(row, Candidate))
    return Proposed(candidates, tuple(row for row in rows if isinstance(row, Reject)), len(rows))


def chosen_seeds(sample: Sample, params: InstructParams) -> Sequence[seeds.Seed]:
    """The seed examples for a sample: other samples are shown others."""
    single = sample.scenario == _SINGLE_TOOL
    every = seeds.load_single_tool() if single else seeds.load_multi_tool()
    return seeds.choose(every, params.seed_examples, f"{params.seed}/{sample.sample_id}")


def propose_request(
    sample: Sample,
    documents: Mapping[str, Document],
    names: Mapping[str, NamedApi],
    shown: Iterable[seeds.Seed],
    params: InstructParams,
) -> ChatRequest:
    n_complex = round(COMPLEX_SHARE * params.per_sample)
    code = params.language
    language = "English" if code == "en" else f'the language with the ISO 639 code "{code}"' if code else ""
    user = _user_prompt(sample.scenario).render(
        n=params.per_sample,
        n_specific=params.per_sample - n_complex,
        n_complex=n_complex,
        documents=[_document_text(api_id, sample, documents) for api_id in sample.api_ids],
        examples=[seed.for_prompt() for seed in shown],
        min_words=params.min_words,
        language=language,
    )
    system = prompts.load("instruct/system").render()
    transcript = Transcript.of(Message("system", system), Message("user", user))
    form = _reply_format([names[api_id] for api_id in sample.api_ids], params.per_sample)
    return ChatRequest(transcript=transcript, response_format=form)


def _reply_format(names: Sequence[NamedApi], n: int) -> Json:
    """So many instructions, and the sample's names: a model held to it can neither invent nor ramble."""
    pairs = [list_of(one_of(name.tool_name, name.api_name), least=2, most=2) for name in dict.fromkeys(names)]
    apis = list_of(pairs[0] if len(pairs) == 1 else {"anyOf": pairs}, least=1, most=len(pairs))
    instructions = list_of(record(query=TEXT, relevant_apis=apis), least=n, most=n)
    return reply_format("instructions", record(instructions=instructions))


def _user_prompt(scenario: str) -> prompts.Prompt:
    return prompts.load("instruct/single_tool" if scenario == _SINGLE_TOOL else "instruct/multi_tool")


def _document_text(api_id: str, sample: Sample, documents: Mapping[str, Document]) -> str:
    if api_id not in documents:
        raise BrokenContract(
            f"sample {sample.sample_id} offers {api_id!r}, which has no document",
            fix="samples and documents must come from the same run: refresh again",
        )
    return documents[api_id].document


async def _items(request: ChatRequest, sample: Sample, model: ChatModel) -> list[Any]:
    """The items of the reply, unread; when none can be read it is asked again, told what was wrong."""
    reply = await model.ask(request, row_id=sample.sample_id, ordinal=0)
    try:
        return _items_in(reply)
    except BadRow as error:
        request = asked_again(request, reply.content or "", error.message)
        return _items_in(await model.ask(request, row_id=sample.sample_id, ordinal=1))


def _items_in(reply: Reply) -> list[Any]:
    items = items_of(reply.content or "")
    if items and reply.finish_reason == "length":
        # It may parse and still lack words or APIs.
        items[-1] = BadRow("malformed_instruction", f"cut off at the longest reply: {str(items[-1])[:200]}")
    return items


@dataclass(frozen=True, slots=True)
class _Reader:
    """From an item of a reply to a row."""

    sample: Sample
    offered: OfferedNames
    model: str
    seed_ids: tuple[str, ...]

    def row(self, ordinal: int, item: Any) -> Candidate | Reject:
        try:
            return self._candidate(ordinal, item)
        except BadRow as error:
            row_id = f"{self.sample.sample_id}#{ordinal}"
            return Reject(stage=STAGE, row_id=row_id, reason=error.reason, detail=error.message)

    def _candidate(self, ordinal: int, item: Any) -> Candidate:
        if isinstance(item, BadRow):
            raise item
        written = read_item(item, self.offered)
        return Candidate(
            candidate_id=digest_of([self.sample.sample_id, ordinal, written.query]),
            sample_id=self.sample.sample_id,
            ordinal=ordinal,
            query=written.query,
            relevant_apis=written.relevant_apis,
            model=self.model,
            prompt_digest=prompt_digest(self.sample.scenario),
            seed_ids=self.seed_ids,
        )


_QUERY_KEYS = frozenset({"query", "instruction", "user_query", "question"})
_APIS_KEYS = frozenset({"relevant_apis", "related_apis", "relevant_api", "related_api", "apis"})
_TOOL_KEYS = frozenset({"tool_name", "tool"})
_API_KEYS = frozenset({"api_name", "api", "name"})


@dataclass(frozen=True, slots=True)
class Written:
    """One instruction as it was written."""

    query: str
    relevant_apis: tuple[NamedApi, ...]


def items_of(text: str) -> list[Any]:
    """The items of a reply, unread: a list, alone or in an object, or the values of an object.

    Raises BadRow("malformed_reply") when there is no JSON, or none that could hold instructions.
    """
    reply = json_object_of(text)
    if isinstance(reply, list):
        return reply
    if _under(reply, _QUERY_KEYS) is not None:
        return [reply]
    lists = [value for value in reply.values() if isinstance(value, list)]
    if lists:
        return max(lists, key=len)
    if reply and all(isinstance(value, dict) for value in reply.values()):
        return list(reply.values())
    raise BadRow("malformed_reply", f"no list of instructions in the reply: {text.strip()[:200]!r}")


def read_item(item: Any, offered: OfferedNames) -> Written:
    """One item of a reply.  Raises BadRow("malformed_instruction")."""
    query = _under(item, _QUERY_KEYS) if isinstance(item, dict) else None
    if not isinstance(query, str) or not query.strip():
        raise _malformed("no query", item)
    named = tuple(_named_apis(_under(item, _APIS_KEYS), offered))
    return Written(query.strip(), tuple(dict.fromkeys(named)))


def _malformed(what: str, item: Any) -> BadRow:
    return BadRow("malformed_instruction", f"{what}: {str(item)[:200]}")


def _under(item: dict[str, Any], keys: frozenset[str]) -> Any:
    """The value under the first of the item's keys that means one of `keys`."""
    return next((value for key, value in item.items() if plain(key) in keys), None)


def _named_apis(value: Any, offered: OfferedNames) -> Iterator[NamedApi]:
    if value is None:
        return
    if isinstance(value, dict) and _pair_in(value) is None:
        for tool_name, api_names in value.items():  # {"tool": ["api", "api"]}
            for api_name in api_names if isinstance(api_names, list) else [api_names]:
                if not isinstance(api_name, str):
                    raise _malformed("relevant APIs are not names", value)
                yield NamedApi(tool_name=tool_name, api_name=api_name)
        return
    # ["tool", "api"] is written where [["tool", "api"]] is meant.
    is_one = _is_pair(value) and offered.find(NamedApi(tool_name=value[0], api_name=value[1])) is not None
    for entry in value if isinstance(value, list) and not is_one else [value]:
        yield _named_api(entry, offered)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _pair_in(value: dict[str, Any]) -> NamedApi | None:
    tool_name, api_name = _under(value, _TOOL_KEYS), _under(value, _API_KEYS)
    if isinstance(tool_name, str) and isinstance(api_name, str):
        return NamedApi(tool_name=tool_name, api_name=api_name)
    return None


def _named_api(entry: Any, offered: OfferedNames) -> NamedApi:
    if isinstance(entry, str):
        return offered.split(entry)
    if _is_pair(entry):
        return NamedApi(tool_name=entry[0], api_name=entry[1])
    pair = _pair_in(entry) if isinstance(entry, dict) else None
    if pair is None:
        raise _malformed("a relevant API that is no pair of names", entry)
    return pair
