"""Parameters of probing, and `[probe.values]`: what people wrote down by host, API and name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.identity import NotInKey, NotInShardKey
from tasks.transport.guard import matches_any
from warehouse.tables.catalogue import Api, Parameter

Values = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Entry:
    """One line of the table.  api: a glob, "*" where the line stands right under its host."""

    host: str
    api: str
    parameter: str
    values: tuple[Any, ...]

    @property
    def written(self) -> str:
        """As it stands in the configuration."""
        table = f'[probe.values."{self.host}"' + ("]" if self.api == "*" else f'."{self.api}"]')
        return f"{table} {self.parameter}"

    def is_for_host_of(self, api: Api) -> bool:
        parts = urlsplit(api.url)
        return matches_any(parts.hostname or "", [self.host]) or parts.netloc.lower() == self.host.lower()

    def is_for(self, api: Api) -> bool:
        """Whether it is this API's: by its name, its id or the last part of it, or `METHOD /path`."""
        names = (
            api.api_name,
            api.api_id,
            api.api_id.rpartition("/")[2],
            f"{api.method.upper()} {urlsplit(api.url).path or '/'}",
        )
        return self.is_for_host_of(api) and any(fnmatchcase(name, self.api) for name in names)

    def parameter_of(self, api: Api) -> Parameter | None:
        """The parameter it is for, by its own name or that of the argument."""
        wanted = self.parameter.lower()
        return next(
            (each for each in api.parameters if wanted in (each.name.lower(), each.arg_name.lower())), None
        )


def checked(values: Values) -> Values:
    """The table with dates as texts.  Raises ValueError, which says where, for what is no table of values."""
    return {
        host: {name: _leaf(f'"{host}"', name, said) for name, said in _table(f'"{host}"', table).items()}
        for host, table in values.items()
    }


def _table(place: str, table: Any) -> Mapping[str, Any]:
    if not isinstance(table, dict) or not table:
        raise ValueError(f'{place} is no table: write [probe.values.{place}] and below it NAME = "VALUE"')
    return table


def _leaf(place: str, name: str, said: Any) -> Any:
    if isinstance(said, dict):
        return {
            inner: _value(f'{place}."{name}".{inner}', value)
            for inner, value in _table(f'{place}."{name}"', said).items()
        }
    return _value(f"{place}.{name}", said)


def _value(place: str, said: Any) -> Any:
    if said is None or said in ("", []) or isinstance(said, dict):
        raise ValueError(f"{place} has no value: write one, or a list of those to try in turn")
    if isinstance(said, list):
        return [_plain(value) for value in said]
    return _plain(said)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, time)) else value


def entries(values: Values) -> Iterator[Entry]:
    """Those of single APIs first: they go before those of all."""
    for host, table in values.items():
        for api, own in table.items():
            if isinstance(own, dict):
                yield from (Entry(host, api, name, _several(said)) for name, said in own.items())
    for host, table in values.items():
        yield from (
            Entry(host, "*", name, _several(said))
            for name, said in table.items()
            if not isinstance(said, dict)
        )


def _several(said: Any) -> tuple[Any, ...]:
    return tuple(said) if isinstance(said, list) else (said,)


def given_to(api: Api, all_entries: Iterable[Entry]) -> dict[str, tuple[Any, ...]]:
    """The values for an API's parameters, by `arg_name`; the first entry that is for one decides."""
    given: dict[str, tuple[Any, ...]] = {}
    for entry in all_entries:
        parameter = entry.parameter_of(api) if entry.is_for(api) else None
        if parameter is not None:
            one_each = parameter.type != "array" or all(isinstance(value, list) for value in entry.values)
            values = entry.values if one_each else tuple([value] for value in entry.values)
            given.setdefault(parameter.arg_name, values)
    return given


def given_values(apis: Iterable[Api], values: Values) -> dict[str, dict[str, tuple[Any, ...]]]:
    """The values for parameters of APIs, by `api_id` and `arg_name`; of APIs that are given any."""
    written = list(entries(values))
    found = {api.api_id: given_to(api, written) for api in apis} if written else {}
    return {api_id: given for api_id, given in found.items() if given}


def unused(values: Values, apis: Iterable[Api]) -> Iterator[str]:
    """What people should know of entries that no API takes, one sentence each."""
    left = dict.fromkeys(entries(values), "no API of the catalogue is at this host")
    for api in apis:
        for entry in list(left):
            if entry.is_for(api):
                if entry.parameter_of(api) is not None:
                    del left[entry]
                else:
                    left[entry] = "no API that it is for has such a parameter"
            elif entry.is_for_host_of(api) and left[entry].endswith("host"):
                left[entry] = "no API at this host has this name, id or `METHOD /path`"
    for entry, why in left.items():
        yield f"{entry.written}: {why}, so it is used nowhere"


class ProbeHostParams(BaseModel):
    """`[probe.hosts]`: what differs for some hosts; what is not said is as for all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spacing_s: float | None = Field(default=None, ge=0)
    max_latency_s: float | None = Field(default=None, gt=0)


class ProbeParams(BaseModel):
    """`[probe]`: how often an API is tried, and what is too slow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: int = Field(default=3, ge=1, description="Tries per API.")
    spacing_s: float = Field(
        default=10,
        ge=0,
        description="Pause between tries of one API, in seconds; others are tried meanwhile.",
    )
    max_latency_s: float = Field(default=8, gt=0, description="A slower median means too slow.")
    model_arguments: bool = Field(
        default=False,
        description="Let the model fill in required parameters of which nothing is known otherwise.",
    )
    max_age: Annotated[timedelta, NotInKey("age")] = Field(
        default=timedelta(days=1), description="A verdict younger than this is carried over."
    )
    values: Annotated[Values, NotInShardKey()] = Field(
        default_factory=dict,
        description="What to try parameters with, by host (glob), perhaps API (glob), and parameter: a "
        "value, or a list to go through (docs/sources.md); nothing secret.",
    )

    hosts: dict[str, ProbeHostParams] = Field(
        default_factory=dict,
        description="Host (glob) to its own `spacing_s`, `max_latency_s`; the first to say one decides.",
    )

    def spacing_at(self, host: str) -> float:
        own = (params.spacing_s for glob, params in self.hosts.items() if matches_any(host, [glob]))
        return next((spacing for spacing in own if spacing is not None), self.spacing_s)

    def max_latency_at(self, host: str) -> float:
        own = (params.max_latency_s for glob, params in self.hosts.items() if matches_any(host, [glob]))
        return next((latency for latency in own if latency is not None), self.max_latency_s)

    @field_validator("values", mode="before")
    @classmethod
    def _are_values(cls, values: Any) -> Any:
        return checked(values) if isinstance(values, dict) else values
