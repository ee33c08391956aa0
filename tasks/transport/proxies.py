"""Which proxy leads to an address: what `[calling] proxy` says, by default the environment's variables.

The variables are read as curl and the client of the model read them: HTTP_PROXY, HTTPS_PROXY and ALL_PROXY,
in small letters first, and NO_PROXY for what is reached without.  Loopback never goes through a proxy: it
would be the own machine of the proxy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from tasks.errors import UsageError
from tasks.transport.guard import literal_address

ENVIRONMENT = "environment"
NONE = "none"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


class Proxies:
    """setting: "environment", "none", or the URL of the one proxy, without user and password.

    Addresses of proxies may hold credentials: only `shown` is for people.
    """

    def __init__(self, setting: str = ENVIRONMENT, environment: Mapping[str, str] = os.environ) -> None:
        self._by_scheme: dict[str, str] = {}
        if setting == ENVIRONMENT:
            every = _variable("all_proxy", environment)
            for scheme in ("http", "https"):
                # A web server's HTTP_PROXY is what a visitor's header `Proxy` says.
                by_request = scheme == "http" and "REQUEST_METHOD" in environment
                named = "" if by_request else _variable(f"{scheme}_proxy", environment)
                self._by_scheme[scheme] = named or every
        elif setting != NONE:
            self._by_scheme = {"http": setting, "https": setting}
        self._without = [
            entry for entry in _variable("no_proxy", environment).replace(",", " ").lower().split() if entry
        ]

    def of(self, scheme: str, host: str, port: int | None = None) -> str | None:
        """The proxy's address; None when there is none for this host.

        Raises `UsageError` for a kind of proxy that is not spoken.
        """
        proxy = self._by_scheme.get(scheme)
        name = host.strip("[]").rstrip(".").lower()
        if not proxy or is_loopback(host) or any(_covers(entry, name, port) for entry in self._without):
            return None
        if "://" not in proxy:
            proxy = f"http://{proxy}"
        kind = urlsplit(proxy).scheme.lower()
        if kind not in ("http", "https"):
            raise UsageError(
                f"the proxy for {scheme} addresses is of kind {kind}, and only http proxies are spoken with",
                fix='set `[calling] proxy` to the address of an http proxy, or to "none"',
            )
        return proxy


def shown(proxy: str) -> str:
    """Host and port of a proxy's address."""
    parts = urlsplit(proxy)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def is_loopback(host: str) -> bool:
    """Whether this machine is meant, by name or by address."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = literal_address(host)
    if address is None:
        return False
    meant = ip_address(address)
    mapped = getattr(meant, "ipv4_mapped", None) or meant
    return bool(mapped.is_loopback or mapped.is_unspecified)


def never_for_loopback(environment: MutableMapping[str, str] = os.environ) -> None:
    """Adds loopback to NO_PROXY where there are proxies, for libraries that read the variables themselves."""
    if not any(_variable(name, environment) for name in _VARIABLES):
        return
    named = [name for name in ("no_proxy", "NO_PROXY") if name in environment] or ["no_proxy", "NO_PROXY"]
    for name in named:
        said = environment.get(name, "")
        missing = [host for host in _LOOPBACK if host not in said.replace(",", " ").split()]
        environment[name] = ",".join([*([said] if said else []), *missing])


def _variable(name: str, environment: Mapping[str, str]) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY is for this host: a name with all below it, an address, a network."""
    if entry == "*":
        return True
    address = literal_address(host)
    if "/" in entry and address is not None:
        try:
            return ip_address(address) in ip_network(entry, strict=False)
        except ValueError:
            return False
    if entry.count(":") == 1 or entry.startswith("["):
        entry, _, only = entry.rpartition(":") if not entry.endswith("]") else (entry, "", "")
        if only and only != str(port):
            return False
    name = entry.strip("[]").removeprefix("*").removeprefix(".").rstrip(".")
    return bool(name) and (host == name or (address is None and host.endswith(f".{name}")))
