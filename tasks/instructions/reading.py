"""From a model's reply to the instructions in it, however it spelled their form.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.errors import BadRow
from tasks.instructions.names import OfferedNames, plain
from tasks.llm.replies import json_object_of
from warehouse.tables.instructions import NamedApi

_QUERY_KEYS = frozenset({"query", "instruction", "user_query", "question"})
_APIS_KEYS = frozenset({"relevant_apis", "related_apis", "relevant_api", "related_api", "apis"})
_TOOL_KEYS = frozenset({"tool_name", "tool"})
_API_KEYS = frozenset({"api_name", "api", "name"})


@dataclass(frozen=True, slots=True)
class Written:
    """One instruction as it was written."""

    query: str
    relevant_apis: tuple[NamedApi, ...]


def items_of(text: str) -> list[Any]:
    """The items of a reply, unread: a list, alone or in an object, or the values of an object.

    Raises BadRow("malformed_reply") when there is no JSON, or none that could hold instructions.
    """
    reply = json_object_of(text)
    if isinstance(reply, list):
        return reply
    if _under(reply, _QUERY_KEYS) is not None:
        return [reply]
    lists = [value for value in reply.values() if isinstance(value, list)]
    if lists:
        return max(lists, key=len)
    if reply and all(isinstance(value, dict) for value in reply.values()):
        return list(reply.values())
    raise BadRow("malformed_reply", f"no list of instructions in the reply: {text.strip()[:200]!r}")


def read_item(item: Any, offered: OfferedNames) -> Written:
    """One item of a reply.  Raises BadRow("malformed_instruction")."""
    query = _under(item, _QUERY_KEYS) if isinstance(item, dict) else None
    if not isinstance(query, str) or not query.strip():
        raise _malformed("no query", item)
    named = tuple(_named_apis(_under(item, _APIS_KEYS), offered))
    return Written(query.strip(), tuple(dict.fromkeys(named)))


def _malformed(what: str, item: Any) -> BadRow:
    return BadRow("malformed_instruction", f"{what}: {str(item)[:200]}")


def _under(item: dict[str, Any], keys: frozenset[str]) -> Any:
    """The value under the first of the item's keys that means one of `keys`."""
    return next((value for key, value in item.items() if plain(key) in keys), None)


def _named_apis(value: Any, offered: OfferedNames) -> Iterator[NamedApi]:
    if value is None:
        return
    if isinstance(value, dict) and _pair_in(value) is None:
        yield from _by_tool(value)
    elif isinstance(value, list) and not _is_one_pair(value, offered):
        for entry in value:
            yield _named_api(entry, offered)
    else:
        yield _named_api(value, offered)


def _by_tool(value: dict[str, Any]) -> Iterator[NamedApi]:
    """{"tool": ["api", "api"]}."""
    for tool_name, api_names in value.items():
        for api_name in api_names if isinstance(api_names, list) else [api_names]:
            if not isinstance(api_name, str):
                raise _malformed("relevant APIs are not names", value)
            yield NamedApi(tool_name=tool_name, api_name=api_name)


def _is_one_pair(value: list[Any], offered: OfferedNames) -> bool:
    """["tool", "api"] where [["tool", "api"]] is meant."""
    return _is_pair(value) and offered.find(NamedApi(tool_name=value[0], api_name=value[1])) is not None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _pair_in(value: dict[str, Any]) -> NamedApi | None:
    tool_name, api_name = _under(value, _TOOL_KEYS), _under(value, _API_KEYS)
    if isinstance(tool_name, str) and isinstance(api_name, str):
        return NamedApi(tool_name=tool_name, api_name=api_name)
    return None


def _named_api(entry: Any, offered: OfferedNames) -> NamedApi:
    if isinstance(entry, str):
        return offered.split(entry)
    if _is_pair(entry):
        return NamedApi(tool_name=entry[0], api_name=entry[1])
    pair = _pair_in(entry) if isinstance(entry, dict) else None
    if pair is None:
        raise _malformed("a relevant API that is no pair of names", entry)
    return pair
