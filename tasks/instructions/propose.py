"""Instructions written by a model for a set of APIs (paper section 2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import prompts
import seeds
from tasks.errors import BadRow, BrokenContract
from tasks.instructions.names import OfferedNames
from tasks.instructions.params import InstructParams
from tasks.instructions.reading import items_of, read_item
from tasks.llm.again import asked_again
from tasks.llm.chat import ChatModel, ChatRequest, Json, Message, Reply, Transcript, digest_of
from tasks.llm.reply_format import TEXT, list_of, one_of, record, reply_format
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
    user = _user_prompt(sample.scenario).render(
        n=params.per_sample,
        n_specific=params.per_sample - n_complex,
        n_complex=n_complex,
        documents=[_document_text(api_id, sample, documents) for api_id in sample.api_ids],
        examples=[seed.for_prompt() for seed in shown],
        min_words=params.min_words,
        language=_language_in_words(params.language),
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


def _language_in_words(code: str) -> str:
    """Empty where any language is welcome."""
    return "English" if code == "en" else f'the language with the ISO 639 code "{code}"' if code else ""


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
