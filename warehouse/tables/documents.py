"""Documentation within the token budget (paper section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The documentation of a kept API as a model is shown it.

    response_schema: JSON text, the keys of a response worth keeping.  Tokens are of the document
    before and after.  method: as-is, llm (the model chose what to keep) or cut (at a boundary).
    """

    api_id: str
    document: str
    response_schema: str
    tokens_before: int
    tokens_after: int
    method: str


DOCUMENTS = Table(name="documents", row_type=Document, grain="a kept API", key=("api_id",))
