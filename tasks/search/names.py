"""Which function a model means by the name it wrote."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

from tasks.llm.code_calls import name_on_offer
from tasks.search.rules import Rules
from tasks.search.task import FINISH

INVALID_NAME = "invalid_function"
"""What the history calls a function that has no presentable name."""

_PRESENTABLE = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Names:
    """The names on offer, in their order, under a rule set."""

    offered: Collection[str]
    rules: Rules

    def said(self, name: str) -> str:
        """The name as the tree keeps it: published rules keep what follows the last dot.

        Ours leave out what servers and models put around a name that is on offer.
        """
        return name_on_offer(name, self.offered) if self.rules.exact_names else name.rpartition(".")[2]

    def find(self, name: str) -> str | None:
        """The function of that name; published rules take the first one whose name ends so."""
        if self.rules.exact_names:
            return name if name in self.offered else None
        if name == FINISH:
            return FINISH
        return next((option for option in self.offered if option != FINISH and option.endswith(name)), None)

    def in_history(self, name: str, found: str | None) -> str:
        """The name as the protocol can carry it; published rules hide unknown names."""
        if found is None and not self.rules.exact_names:
            return INVALID_NAME
        if _PRESENTABLE.fullmatch(name):
            return name
        return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_LONGEST] or INVALID_NAME

    def nearest(self, name: str) -> list[str]:
        """Up to three names the model may have meant, the likeliest first; none under published rules."""
        if not self.rules.exact_names:
            return []
        short = name[-_LONGEST:]
        related = [option for option in self.offered if short and _ends_alike(option, short)]
        similar = difflib.get_close_matches(short, self.offered, n=3, cutoff=0.5)
        return list(dict.fromkeys([*related, *similar]))[:3]


def _ends_alike(one: str, other: str) -> bool:
    one, other = one.casefold(), other.casefold()
    return one.endswith(other) or other.endswith(one)
