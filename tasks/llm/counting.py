"""The tokens of a reply, in the dialects that endpoints count them in.  Pure.

Caps go by these numbers, so nothing that is billed may be missing from them: where an endpoint tells the
tokens of thinking apart (xAI, Gemini, Perplexity), or in the total alone, they are tokens out.
"""

from __future__ import annotations

import math
import re
from typing import Any

from tasks.llm.chat import Json, Usage

# OpenAI, DeepSeek; Anthropic, OpenAI's newer protocol, Bedrock; Gemini; Ollama.  Written without "_".
_IN = ("prompttokens", "inputtokens", "prompttokencount", "promptevalcount", "input")
_OUT = ("completiontokens", "outputtokens", "candidatestokencount", "evalcount", "output")
_TOTAL = ("totaltokens", "totaltokencount")
# What went in but was read from a cache or written to it; Anthropic and Bedrock count it apart.
_CACHED = ("cachecreationinputtokens", "cachereadinputtokens", "cachewriteinputtokens")
_DETAILS = ("completiontokensdetails", "outputtokensdetails")
_THOUGHTS = ("reasoningtokens", "thinkingtokens")
_PLAIN = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
    }
)
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
# No reply could have so many.
_TOO_MANY = 10**9


def usage_in(completion: Json, choice: Json) -> Usage:
    """What a completion says it took; `Usage(0, 0)` where it says nothing."""
    told = completion.get("usage")
    if isinstance(told, dict) and _is_plain(told):
        return Usage(told["prompt_tokens"], told["completion_tokens"])
    other = (completion.get(name) for name in ("usageMetadata", "usage_metadata", "x_groq"))
    found = map(_usage, (told, choice.get("usage"), *other, completion))
    return next((usage for usage in found if usage.total), Usage())


def _is_plain(told: Json) -> bool:
    """Whether the numbers are as OpenAI tells them, and agree."""
    tokens_in, tokens_out = told.get("prompt_tokens"), told.get("completion_tokens")
    return (
        type(tokens_in) is int
        and type(tokens_out) is int
        and 0 < tokens_in < _TOO_MANY
        and 0 <= tokens_out < _TOO_MANY
        and told.get("total_tokens") == tokens_in + tokens_out
        and told.keys() <= _PLAIN
        and _are_parts(told.get("completion_tokens_details"), tokens_out)
    )


def _are_parts(details: Any, tokens_out: int) -> bool:
    """Whether what is told of the parts of a reply, if anything, fits into the whole."""
    if not details:
        return True
    if isinstance(details, dict) and all(type(n) is int and n <= tokens_out for n in details.values()):
        return True  # as most say it, with nothing to read
    return _thoughts(details) <= tokens_out


def _usage(told: Any) -> Usage:
    if isinstance(told, list):  # a part for each of several models or steps, or the only one
        parts = [_usage(part) for part in told]
        return Usage(sum(part.tokens_in for part in parts), sum(part.tokens_out for part in parts))
    if not isinstance(told, dict):
        return Usage()
    counts = _counts(told)
    tokens_in, tokens_out = _in(counts), _out(counts)
    tokens_out = max(tokens_out, _largest(counts, _TOTAL) - tokens_in)
    if not tokens_in and not tokens_out:
        inner = (told.get(name) for name in ("usage", "tokens", "billed_units"))  # Groq, Cohere
        return next((_usage(place) for place in inner if isinstance(place, dict)), Usage())
    return Usage(tokens_in, tokens_out)


def _in(counts: Json) -> int:
    told = _largest(counts, _IN)
    cached = sum(_count(counts.get(name)) for name in _CACHED)
    if "prompttokens" not in counts or cached > told:
        told += cached
    of_cache = _count(counts.get("promptcachehittokens")) + _count(counts.get("promptcachemisstokens"))
    return max(told, of_cache) + _count(counts.get("tooluseprompttokencount"))


def _out(counts: Json) -> int:
    told = _largest(counts, _OUT)
    thoughts = max(_largest(counts, _THOUGHTS), *(_thoughts(counts.get(name)) for name in _DETAILS))
    # A part cannot be larger than the whole: then it is told apart, as Gemini always does.
    return told + (thoughts if thoughts > told else 0) + _count(counts.get("thoughtstokencount"))


def _thoughts(details: Any) -> int:
    return _largest(_counts(details), _THOUGHTS) if isinstance(details, dict) else 0


def _counts(told: Json) -> Json:
    """By names that dialects write alike."""
    return {str(name).replace("_", "").lower(): value for name, value in told.items()}


def _largest(counts: Json, names: tuple[str, ...]) -> int:
    return max(_count(counts.get(name)) for name in names)


def _count(value: Any) -> int:
    """Whole or not, a number or its text; what cannot be a count is none."""
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value.strip()) else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _TOO_MANY:
        return 0
    return math.ceil(value)
