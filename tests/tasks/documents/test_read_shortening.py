from __future__ import annotations

from typing import Any

import pytest

from tasks.documents.shorten import Shortening, read_shortening
from tasks.errors import BadRow

SHAPE: Any = {"total": "integer", "items": [{"name": "string", "image": "string"}]}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"description": " Finds. ", "keep": ["items[].name"]}', {"items": [{"name": "string"}]}),
        ('```json\n{"description": "Finds.", "keep": ["total"],}\n```', {"total": "integer"}),
        ('{"description": "Finds.", "keep": ["total", "items[].price", 7]}', {"total": "integer"}),
        ('{"description": "Finds.", "keep": ["items"]}', {"items": SHAPE["items"]}),
    ],
)
def test_known_paths_are_kept(text: str, kept: Any) -> None:
    assert read_shortening(text, SHAPE) == Shortening("Finds.", kept)


def test_a_response_without_keys_has_nothing_to_choose() -> None:
    assert read_shortening('{"description": "Says hello.", "keep": []}', "string") == Shortening(
        "Says hello.", "string"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would keep the name.",
        "[1, 2]",
        '{"keep": ["total"]}',
        '{"description": "", "keep": ["total"]}',
        '{"description": "Finds.", "keep": []}',
        '{"description": "Finds.", "keep": ["price"]}',
        '{"description": "Finds.", "keep": "total"}',
        '{"description": "Finds."}',
    ],
)
def test_an_unusable_reply_is_malformed(text: str) -> None:
    with pytest.raises(BadRow) as caught:
        read_shortening(text, SHAPE)
    assert caught.value.reason == "malformed_reply"
