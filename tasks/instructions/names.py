"""Which API a model means by the names it gives."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.instructions import NamedApi

_NO_WORD = re.compile(r"[\W_]+")


def names_of(tools: Iterable[Tool], apis: Iterable[Api]) -> dict[str, NamedApi]:
    """The names that documents show, by api_id."""
    tool_name = {tool.tool_id: tool.tool_name for tool in tools}
    return {api.api_id: NamedApi(tool_name=tool_name[api.tool_id], api_name=api.api_name) for api in apis}


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """What selection has to know of APIs, by api_id."""

    names: Mapping[str, NamedApi]
    fingerprints: Mapping[str, str]
    parameters: Mapping[str, tuple[Parameter, ...]]


def facts_of(tools: Iterable[Tool], apis: Sequence[Api]) -> ApiFacts:
    return ApiFacts(
        names=names_of(tools, apis),
        fingerprints={api.api_id: api.fingerprint for api in apis},
        parameters={api.api_id: api.parameters for api in apis},
    )


class OfferedNames:
    """The names of the APIs a set offers."""

    def __init__(self, api_ids: Iterable[str], names: Mapping[str, NamedApi]) -> None:
        self.names = {api_id: names[api_id] for api_id in api_ids}
        self._exact = {name: api_id for api_id, name in self.names.items()}
        self._lenient: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._joined: defaultdict[str, list[str]] = defaultdict(list)
        for api_id, name in self.names.items():
            tool, api = plain(name.tool_name), plain(name.api_name)
            self._lenient[tool, api].append(api_id)
            for spelling in {f"{tool}_{api}", api}:
                self._joined[spelling].append(api_id)

    def find(self, name: NamedApi) -> str | None:
        """The api_id spelled just so, else the only one alike but for case and punctuation."""
        if name in self._exact:
            return self._exact[name]
        return _only(self._lenient.get((plain(name.tool_name), plain(name.api_name))))

    def split(self, text: str) -> NamedApi:
        """Tool and API in one string, such as "Tool.api", or the name of an API that only one tool has."""
        api_id = _only(self._joined.get(plain(text)))
        if api_id is not None:
            return self.names[api_id]
        tool_name, _, api_name = text.rpartition(".")
        return NamedApi(tool_name=tool_name.strip(), api_name=api_name.strip())


def plain(name: str) -> str:
    """A name without case and punctuation."""
    return _NO_WORD.sub("_", name.casefold()).strip("_")


def _only(api_ids: list[str] | None) -> str | None:
    return api_ids[0] if api_ids is not None and len(api_ids) == 1 else None
