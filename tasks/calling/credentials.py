"""Keys of APIs: taken from the environment, given to the hosts they are for and to nobody else."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.errors import UsageError
from tasks.transport.guard import Redactor, matches_any
from warehouse.tables.catalogue import SecurityScheme


@dataclass(frozen=True)
class Applied:
    """What a request carries for its credentials: headers and query fields, in clear text."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Credentials:
    """Keys by host glob; the first glob that matches decides."""

    by_host: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def from_environment(
        cls, keys: Mapping[str, str], environment: Mapping[str, str] = os.environ
    ) -> Credentials:
        """`keys`: host glob to the name of the variable.  Raises `UsageError` when one is not set."""
        for glob, variable in keys.items():
            if not environment.get(variable):
                raise UsageError(
                    f'[calling] keys: "{glob}" takes its key from {variable}, which is not set',
                    fix=f'set the environment variable {variable}, or take "{glob}" out of [calling] keys',
                )
        return cls(tuple((glob, environment[variable]) for glob, variable in keys.items()))

    def key_for(self, host: str) -> str | None:
        return next((key for glob, key in self.by_host if matches_any(host, [glob])), None)

    def redactor_for(self, host: str) -> Redactor:
        """Takes out the key that was sent to `host`, with both parts of a basic one."""
        key = self.key_for(host)
        return Redactor([] if key is None else [key, *key.split(":", 1)[1:]])

    def applied(self, host: str, schemes: tuple[SecurityScheme, ...]) -> Applied:
        """The key of `host` as the schemes want it; nothing when there is no key, or no scheme."""
        key = self.key_for(host)
        if key is None:
            return Applied()
        headers = tuple(_header(scheme, key) for scheme in schemes if not _in_query(scheme))
        query = tuple((scheme.name, key) for scheme in schemes if _in_query(scheme))
        return Applied(headers=headers, query=query)


def _in_query(scheme: SecurityScheme) -> bool:
    return scheme.kind == "api_key" and scheme.location == "query"


def _header(scheme: SecurityScheme, key: str) -> tuple[str, str]:
    if scheme.kind == "bearer":
        return "Authorization", f"Bearer {key}"
    if scheme.kind == "basic":
        # The key is "user:password", as curl takes it.
        return "Authorization", f"Basic {base64.b64encode(key.encode()).decode()}"
    return scheme.name, key
