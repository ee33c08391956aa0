"""The builder of rows that tests use, for benchmarks: run as scripts, they see their own folder alone."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from catalogue_rows import a_parameter, a_tool, an_api

__all__ = ["a_parameter", "a_tool", "an_api"]
