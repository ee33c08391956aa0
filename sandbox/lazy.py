"""Libraries that are loaded when first used, so that the servers listen at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """Stands for a module that is imported when one of its attributes is first asked for.

    importlib's own LazyLoader is not safe when two threads ask at once before Python 3.12.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
