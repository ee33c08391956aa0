"""Keys of APIs: taken from the environment, given to the hosts they are for and to nobody else."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tasks.calling.params import CallingParams
from tasks.transport.guard import matches_any
from tasks.transport.redactor import Redactor, key_from
from warehouse.tables.catalogue import Api, SecurityScheme


@dataclass(frozen=True)
class Applied:
    """What a request carries for its credentials: headers and query fields, in clear text."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Credentials:
    """Keys by host glob; the first glob that matches decides.

    ways: by host glob, how a key is sent whatever the documents say.
    """

    by_host: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ways: tuple[tuple[str, SecurityScheme], ...] = ()

    @classmethod
    def from_environment(
        cls,
        keys: Mapping[str, str],
        environment: Mapping[str, str] = os.environ,
        *,
        ways: Mapping[str, str] | None = None,
    ) -> Credentials:
        """keys: host glob to the name of the variable; ways: `[calling] key_as`.

        Raises `UsageError` when a variable is not set.
        """
        by_host = [
            (
                glob,
                key_from(
                    variable,
                    f'[calling] keys: "{glob}" takes its key from',
                    otherwise=f'take "{glob}" out of [calling] keys',
                    environment=environment,
                ),
            )
            for glob, variable in keys.items()
        ]
        return cls(tuple(by_host), tuple((glob, _scheme(way)) for glob, way in (ways or {}).items()))

    def key_for(self, host: str) -> str | None:
        return next((key for glob, key in self.by_host if matches_any(host, [glob])), None)

    def redactor_for(self, host: str) -> Redactor:
        """Takes out the key that was sent to `host`, with both parts of a basic one."""
        key = self.key_for(host)
        return Redactor([] if key is None else [key, *key.split(":", 1)[1:]])

    def applied(self, host: str, schemes: tuple[SecurityScheme, ...]) -> Applied:
        """The key of `host` as `key_as` says, or as the schemes want it; nothing when there is no key, or
        nobody says how.
        """
        key = self.key_for(host)
        if key is None:
            return Applied()
        schemes = next(((scheme,) for glob, scheme in self.ways if matches_any(host, [glob])), schemes)
        headers = tuple(_header(scheme, key) for scheme in schemes if not _in_query(scheme))
        query = tuple((scheme.name, key) for scheme in schemes if _in_query(scheme))
        return Applied(headers=headers, query=query)


def unsent(calling: CallingParams, apis: Iterable[Api]) -> Iterator[str]:
    """What people should know of keys that are not sent, one sentence each."""
    for glob in calling.key_names:
        at = [api for api in apis if api.protocol == "http" and matches_any(_host(api), [glob])]
        bare = [api for api in at if not api.security and not matches_any(_host(api), calling.key_as)]
        where = f'[calling] keys: the key of "{glob}"'
        if not at:
            yield f"{where} is sent nowhere: no API of the catalogue is at such a host"
        elif bare:
            yield (
                f"{where} is not sent to {len(bare):,} of {len(at):,} APIs there, {bare[0].api_id} among "
                f"them, since their documents declare no security; if it is wanted, `[calling] key_as` says "
                f'how, as in {{"{glob}" = "header X-Api-Key"}} or "bearer"'
            )


def _host(api: Api) -> str:
    return urlsplit(api.url).hostname or ""


def _scheme(way: str) -> SecurityScheme:
    kind, _, name = way.partition(" ")
    if kind in {"bearer", "basic"}:
        return SecurityScheme(kind=kind, location="header", name="Authorization")
    return SecurityScheme(kind="api_key", location=kind, name=name)


def _in_query(scheme: SecurityScheme) -> bool:
    return scheme.kind == "api_key" and scheme.location == "query"


def _header(scheme: SecurityScheme, key: str) -> tuple[str, str]:
    if scheme.kind == "bearer":
        return "Authorization", f"Bearer {key}"
    if scheme.kind == "basic":
        # The key is "user:password", as curl takes it.
        return "Authorization", f"Basic {base64.b64encode(key.encode()).decode()}"
    return scheme.name, key
