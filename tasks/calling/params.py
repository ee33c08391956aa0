"""Parameters of API calls."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tasks.identity import NotInKey, OnceSet
from tasks.transport.guard import PublicUrl, matches_any
from tasks.transport.proxies import ENVIRONMENT, NONE

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_WAY = re.compile(r"bearer|basic|header [!#$%&'*+.^_`|~\w-]+|query \S+")


class HostParams(BaseModel):
    """`[calling.hosts]`: what differs for some hosts; what is not said is as for all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_s: float | None = Field(default=None, gt=0)
    methods: tuple[Method, ...] | None = None
    per_host_rps: Annotated[float | None, NotInKey("speed")] = Field(default=None, gt=0)


class CallingParams(BaseModel):
    """`[calling]`: how APIs are called, in probing and in searches."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    timeout_s: float = Field(default=15, gt=0, description="Total deadline of one call, in seconds.")
    max_bytes: int = Field(default=1_000_000, gt=0, description="Larger responses are refused.")
    methods: tuple[Method, ...] = Field(default=("GET", "HEAD"), description="HTTP methods that may be used.")
    concurrency: Annotated[int, NotInKey("speed")] = Field(
        default=64, ge=1, description="Calls in flight, all hosts together."
    )
    per_host_rps: Annotated[float, NotInKey("speed")] = Field(
        default=10, gt=0, description="Calls per second to one host."
    )
    attempts: int = Field(default=3, ge=1, description="Tries of a call inside a search.")
    allow_hosts: tuple[str, ...] = Field(
        default=(), description="Host names (globs) that may resolve to private addresses."
    )
    # A field named `keys` would make Prefect take the model for a mapping.
    key_names: dict[str, str] = Field(
        default_factory=dict,
        alias="keys",
        description="Host (glob) to the name of the environment variable that holds its key.",
    )
    key_as: dict[str, str] = Field(
        default_factory=dict,
        description="Host (glob) to how its key is sent, where the documents do not say it, or not rightly: "
        "`bearer`, `basic`, `header NAME` or `query NAME`.",
    )
    resolve: Annotated[dict[str, PublicUrl], NotInKey("place")] = Field(
        default_factory=dict,
        description="Host (glob) to the base URL that really serves it; in no key or table.",
    )
    proxy: Annotated[str, NotInKey("place")] = Field(
        default=ENVIRONMENT,
        description="The http proxy that APIs, hubs, documents and MCP servers are asked through: its URL; "
        "`environment`, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say; or `none`. In no key or table.",
    )
    hosts: Annotated[dict[str, HostParams], OnceSet()] = Field(
        default_factory=dict,
        description="Host (glob) to its own `timeout_s`, `methods`, `per_host_rps`; the first to say one "
        "decides.",
    )
    executor: Literal["direct", "toolbench"] = Field(
        default="direct",
        description="How APIs of toolbench sources are called: where they are, or through a service.",
    )
    toolbench_url: Annotated[PublicUrl | None, NotInKey("place")] = Field(
        default=None, description="Where the service takes calls; in no key or table."
    )
    toolbench_key_env: str | None = Field(
        default=None, description="Environment variable that holds the service's key; none: it gets none."
    )
    toolbench_strip: Literal["", "truncate", "filter", "random"] = Field(
        default="", description="How the service is asked to shorten responses; empty: not at all."
    )

    def timeout_at(self, host: str) -> float:
        found = self._own(host, "timeout_s")
        return self.timeout_s if found is None else found

    def rps_at(self, host: str) -> float:
        found = self._own(host, "per_host_rps")
        return self.per_host_rps if found is None else found

    def methods_at(self, host: str) -> tuple[Method, ...]:
        found = self._own(host, "methods")
        return self.methods if found is None else found

    def _own(self, host: str, name: str) -> Any:
        """What `hosts` says for this one; None when it says nothing."""
        said = (getattr(own, name) for glob, own in self.hosts.items() if matches_any(host, [glob]))
        return next((value for value in said if value is not None), None)

    @field_validator("key_as")
    @classmethod
    def _are_ways(cls, ways: dict[str, str]) -> dict[str, str]:
        for host, way in ways.items():
            if not _WAY.fullmatch(way):
                raise ValueError(
                    f'"{host}" has "{way}"; write "bearer", "basic", "header NAME" or "query NAME"'
                )
        return ways

    @field_validator("proxy")
    @classmethod
    def _is_proxy(cls, proxy: str) -> str:
        # The word "credentials" keeps the value, which may be one, out of the message about it.
        if "@" in proxy:
            raise ValueError("proxy must hold no credentials: name it in HTTPS_PROXY and HTTP_PROXY instead")
        if proxy not in (ENVIRONMENT, NONE) and not proxy.startswith(("http://", "https://")):
            raise ValueError('proxy must be "environment", "none" or the http or https URL of a proxy')
        return proxy

    @model_validator(mode="after")
    def _check_service(self) -> Self:
        if self.executor == "toolbench" and self.toolbench_url is None:
            raise ValueError('executor = "toolbench" needs toolbench_url, the address calls are sent to')
        if self.toolbench_url is not None and not self.toolbench_url.startswith(("http://", "https://")):
            raise ValueError("toolbench_url must be an http or https URL")
        return self
