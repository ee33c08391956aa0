"""Answers made up from the names and arguments of a call, for catalogues whose APIs nobody serves here.

They say so themselves, look like answers of their kind, and are the same for the same call.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import Any

Json = dict[str, Any]

NOTICE = "This answer is made up: the sandbox does not know this API."
_ITEMS = 3
_SYLLABLES = ("ar", "bel", "cor", "dan", "el", "fir", "gal", "hom", "ister", "jun", "kel", "lor", "mar")
_STATES = ("active", "pending", "archived")
_VERBS = frozenset({"all", "by", "find", "for", "get", "id", "is", "list", "of", "search", "show", "the"})


def made_up_answer(category: str, tool: str, api: str, arguments: Json) -> Json:
    """An answer to any call.  tool, api: standard names, whose words its keys are made of."""
    identity = json.dumps([category, tool, api, arguments], sort_keys=True)
    words = [word for word in api.split("_") if word not in _VERBS]
    subject = "_".join(words[:3]) or "result"
    items = [_item(subject, f"{identity} {at}", arguments) for at in range(_ITEMS)]
    several = subject.endswith("s") or api.startswith(("list", "search", "get_all", "all"))
    found: Json = {"total": _ITEMS, subject: items} if several else {subject: items[0]}
    return {"made_up": True, "notice": NOTICE, "source": f"{tool} ({category})", **found}


def _item(subject: str, identity: str, arguments: Json) -> Json:
    """A record of the subject; what was asked for is repeated in it."""
    digest = hashlib.sha256(identity.encode()).digest()
    return {
        f"{subject}_id": f"{subject[:3]}-{digest[:3].hex()}",
        "name": _name(digest),
        "status": _STATES[digest[3] % len(_STATES)],
        "score": round(1 + digest[4] / 32, 1),
        "count": digest[5] * 7 + 1,
        "updated": (date(2025, 1, 1) + timedelta(days=digest[6])).isoformat(),
        "asked": {name: value for name, value in arguments.items() if isinstance(value, str | int | float)},
    }


def _name(digest: bytes) -> str:
    words = ("".join(_SYLLABLES[byte % len(_SYLLABLES)] for byte in digest[at : at + 2]) for at in (7, 9))
    return " ".join(word.title() for word in words)
