"""Names and ids, from what the source says alone, so that a later crawl gives the same ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from tasks.exact_json import digest_of

FUNCTION_NAME_LENGTH = 64  # the longest function name OpenAI's protocol admits

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_RESERVED = frozenset({"from", "class", "return", "false", "true", "id", "and"})


def short_hash(*parts: str) -> str:
    """Eight hex digits that tell equal names apart."""
    return digest_of(parts)[:8]


def fraction_of(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int(digest_of(text)[:13], 16) / 16**13


def standard_name(text: str) -> str:
    """ToolBench's rule: lower case, anything else than letters and digits becomes one underscore."""
    name = re.sub("_+", "_", _NOT_IN_NAMES.sub("_", text)).strip("_").lower()
    return f"get_{name}" if name[:1].isdigit() else name


def readable_name(text: str) -> str:
    """The standard name; one made of its hash where nothing of it is left (a name in another script)."""
    return standard_name(text) or f"unnamed_{short_hash(text)}"


def api_name(text: str) -> str:
    """The readable name, or with `is_` before it where it is a reserved word (ToolBench's rule)."""
    return _unreserved(readable_name(text))


def argument_name(text: str) -> str:
    """The standard name, with `is_` before it where it is a reserved word (ToolBench's rule) or nothing."""
    return _unreserved(standard_name(text)) or "is_"


def _unreserved(name: str) -> str:
    return f"is_{name}" if name in _RESERVED else name


def function_name(api_id: str) -> str:
    """What a model calls an API: valid in OpenAI's protocol, and a function of the api_id alone."""
    *_, tool, api = api_id.split("/")
    name = f"{api}_for_{tool}"
    if len(name) <= FUNCTION_NAME_LENGTH:
        return name
    suffix = f"_{short_hash(api_id)}"
    cut = name[-(FUNCTION_NAME_LENGTH - len(suffix)) :]
    # Gemini and Bedrock refuse a name that begins with a digit.
    return (cut if cut[0].isalpha() else f"f{cut[1:]}") + suffix


def first_distinct(choices: Sequence[Sequence[str]]) -> list[str]:
    """For each thing the first of its names that it shares with none, whatever the order of things.

    choices: per thing its names, the preferred one first, all of one length.  Things that share even
    the last name get it all the same; the caller decides what that means.
    """
    taken = [Counter(names) for names in zip(*choices, strict=True)]
    return [
        next((name for name, counter in zip(names, taken, strict=True) if counter[name] == 1), names[-1])
        for names in choices
    ]


def without_port(url: str) -> str:
    """The URL with neither port nor credentials."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit(parts._replace(netloc=f"[{host}]" if ":" in host else host))
