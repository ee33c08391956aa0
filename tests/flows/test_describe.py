from __future__ import annotations

from pathlib import Path

import pytest

from flows.describe import pages


@pytest.mark.parametrize("page", pages().items(), ids=lambda item: item[0].name)
def test_generated_pages_are_current(page: tuple[Path, str]) -> None:
    path, text = page

    assert path.read_text(encoding="utf-8") == text, "run `python -m flows.describe`"
