"""What a retriever reads of an API, and which APIs it cannot tell apart."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence, Set
from dataclasses import dataclass

from tasks.errors import UsageError
from tasks.exact_json import digest_of
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.tables import APIS, TOOLS
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.instructions import Instruction

_WORD = re.compile(r"[^\W_]+")
# camelCase, snake_case and digits within a name are words of their own.
_WITHIN = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[^\W\d])|(?<=[^\W\d])(?=\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDocument:
    """An API as retrievers read it.

    text: short on purpose, `tool: API. description parameter names`: the JSON of a whole documentation costs
    small encoders six points of NDCG.  names: the tool's and the API's.  twin: the digest of what the API
    says of itself, its name, description and parameters; APIs with the same one cannot be told apart.
    """

    api_id: str
    text: str
    tool: str
    api: str
    twin: str

    @property
    def digest(self) -> str:
        return digest_of(self.text)

    @property
    def title(self) -> str:
        return f"{self.tool}: {self.api}"

    @property
    def body(self) -> str:
        """What it says below its title."""
        return self.text.removeprefix(f"{self.title}.").strip()


def document_of_text(id_: str, title: str, body: str, *, tool: str = "", api: str = "") -> ApiDocument:
    """Of a corpus that tells no parameters apart.  tool, api: their names, where it has them."""
    return ApiDocument(
        api_id=id_,
        text=". ".join(part for part in (title, body) if part) if body else f"{title}.",
        tool=tool,
        api=api or title,
        twin=digest_of([_normalised(api or title), _normalised(body)]),
    )


def document_of(
    tool_name: str, api_name: str, api_id: str, description: str, names: Sequence[str]
) -> ApiDocument:
    """names: of the parameters."""
    said = " ".join(description.split())
    stop = "" if not said or said[-1] in ".!?" else "."
    parts = [f"{tool_name}: {api_name}.", f"{said}{stop}", f"({', '.join(names)})" if names else ""]
    return ApiDocument(
        api_id=api_id,
        text=" ".join(part for part in parts if part),
        tool=tool_name,
        api=api_name,
        twin=digest_of([_normalised(api_name), _normalised(description), sorted(map(_normalised, names))]),
    )


def documents_of(
    tools: Iterable[Tool], apis: Iterable[Api], kept: Set[str] | None = None
) -> list[ApiDocument]:
    """Those of a catalogue, ordered by id.  kept: the ids of the APIs that count; None: all do.

    Raises `UsageError` where there is none.
    """
    apis = [api for api in apis if kept is None or api.api_id in kept]
    if not apis:
        raise UsageError("the catalogue holds no API that was kept", fix="`toolloom sql @rejects` says why")
    of = {tool.tool_id: tool.tool_name for tool in tools}
    return [
        document_of(
            of[api.tool_id],
            api.api_name,
            api.api_id,
            api.description,
            [parameter.arg_name for parameter in api.parameters],
        )
        for api in sorted(apis, key=lambda api: api.api_id)
    ]


def kept_documents(
    store: Store, tools: Sequence[TableRef], apis: Sequence[TableRef], documents: Sequence[TableRef] | None
) -> list[ApiDocument]:
    """Those of a run's kept APIs: what has a document.  documents: None where query files brought the
    catalogue, of which all counts.  Raises `UsageError` where there is none.
    """
    kept = None if documents is None else {api_id for (api_id,) in store.select(documents, "api_id")}
    return documents_of(store.read(TOOLS, tools), store.read(APIS, apis), kept)


def refused(row: Instruction, kept: Container[str], stage: str) -> Reject | None:
    """Why it cannot be known what an instruction needs, if it cannot.  kept: the ids of the APIs."""
    gone = sorted({needed.api_id for needed in row.relevant_apis if needed.api_id not in kept})
    if row.relevant_apis and not gone:
        return None
    reason, detail = "no_relevant_api", "it does not say which APIs it needs"
    if gone:
        reason, detail = "api_gone", f"needs {', '.join(gone)}, not kept or not in the catalogue"
    return Reject(stage=stage, row_id=row.instruction_id, reason=reason, detail=detail)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, those within names apart: `GetUserByID2` is get, user, by, id, 2."""
    return [part.lower() for word in _WORD.findall(text) for part in _WITHIN.split(word)]


def names_tool(query: str, tool: str) -> bool:
    """Whether a query says the name of a tool, in words that stand side by side."""
    wanted = words_of(tool)
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(words_of(query))} "


def _normalised(text: str) -> str:
    return " ".join(words_of(text))
