"""Documentation within the token budget (paper section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The documentation of a kept API as a model is shown it.

    response_schema: JSON text, the keys of a response worth keeping.  Tokens are of the document
    before and after, counted by `tokenizer`.  method: as-is, lists (a few elements of each list), llm (the
    model chose what to keep) or cut (at a boundary).  conditions: a digest of all that it was made from but
    the example of a call; outline: JSON text, what answers of the API have in common.  While both stay, so
    does the document.
    """

    api_id: str
    document: str
    response_schema: str
    tokens_before: int
    tokens_after: int
    method: str
    tokenizer: str | None = None
    conditions: str | None = None
    outline: str | None = None


DOCUMENTS = Table(name="documents", row_type=Document, grain="a kept API", key=("api_id",))
