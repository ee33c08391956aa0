"""An MCP server as a configuration names it, and whether it can be started from here."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tasks.errors import UsageError
from tasks.identity import NotInKey
from tasks.transport.guard import PublicUrl, matches_any
from tasks.transport.redactor import Redactor, key_from

# What any server may see of our environment; everything else has to be named.
_INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER")


def _is_variable(name: str) -> str:
    # The word "credentials" keeps the value, which may be one, out of the message about it.
    if not name.isidentifier() or not name.isascii():
        raise ValueError("name the environment variable that holds the value; no credentials belong here")
    return name


def _is_http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the address of an MCP server is an http or https URL, such as https://host/mcp")
    return url


Variable = Annotated[str, AfterValidator(_is_variable)]
ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class McpServer(BaseModel):
    """How an MCP server is reached: a `command` to start, or the `url` of one that runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ServerName = Field(description="Of your choice, in lower case: part of ids and of `mcp://NAME`.")
    command: tuple[str, ...] = Field(default=(), description="Program and arguments; speaks MCP over stdio.")
    url: Annotated[PublicUrl, AfterValidator(_is_http)] | None = Field(
        default=None, description="Address of a server that speaks streamable HTTP."
    )
    env: dict[str, Variable] = Field(
        default_factory=dict,
        description="Variable of the command to the name of our environment variable that holds its value.",
    )
    headers: dict[str, Variable] = Field(
        default_factory=dict,
        description="Header sent to `url` to the name of the environment variable that holds its value.",
    )
    cwd: Path | None = Field(default=None, description="Folder the command is started in.")
    allow_tools: tuple[str, ...] = Field(
        default=(), description="Tools (globs) that are called though they are not declared read-only."
    )
    concurrency: Annotated[int, NotInKey("speed")] = Field(
        default=4, ge=1, description="Calls in flight at this server."
    )
    start_timeout_s: Annotated[float, NotInKey("speed")] = Field(
        default=30, gt=0, description="How long the server may take to start."
    )

    @model_validator(mode="after")
    def _one_way_to_reach_it(self) -> Self:
        if bool(self.command) == (self.url is not None):
            raise ValueError(f'the mcp source "{self.name}" needs exactly one of `command` and `url`')
        if self.url is not None and (self.env or self.cwd is not None):
            raise ValueError("`env` and `cwd` are for a server that is started: they need a `command`")
        if self.command and self.headers:
            raise ValueError("`headers` are for a server that runs already: they need a `url`")
        return self

    @property
    def where(self) -> str:
        """For messages; an address without its query, which may hold a key."""
        if self.url is None:
            return " ".join(self.command)
        return urlsplit(self.url)._replace(query="", fragment="").geturl()


def is_read_only(annotations: Any) -> bool:
    """Whether a tool is declared to change nothing; one that is declared destructive as well is not."""
    if not isinstance(annotations, Mapping):
        return False
    return annotations.get("readOnlyHint") is True and annotations.get("destructiveHint") is not True


def check_servers(servers: Sequence[McpServer]) -> None:
    """Raises `UsageError` when a server cannot be started from here, before anything is."""
    if servers and importlib.util.find_spec("mcp") is None:
        raise UsageError(
            f'the source "{servers[0].name}" is of kind "mcp", and the MCP SDK is not installed',
            fix="install it, in a checkout of toolloom: pip install '.[mcp]'",
        )
    for server in servers:
        secrets_of(server)
        if server.command:
            command_of(server)


def secrets_of(server: McpServer, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The values of `env` and `headers`.  Raises `UsageError` when a variable is not set."""
    return {
        what: key_from(variable, f'the mcp source "{server.name}" takes {what} from', environment=environment)
        for what, variable in (server.env | server.headers).items()
    }


def environment_of(server: McpServer) -> dict[str, str]:
    """What the server's process gets to see of the environment: what is harmless, and what it was given."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | secrets_of(server)


def redactor_of(server: McpServer, others: Iterable[str] = ()) -> Redactor:
    """Takes the configured values, and other secrets, out of texts."""
    in_url = [] if server.url is None else [value for _, value in parse_qsl(urlsplit(server.url).query)]
    return Redactor([*secrets_of(server).values(), *in_url, *others])


def command_of(server: McpServer) -> tuple[str, ...]:
    """The command with the full path of its program.  Raises `UsageError` when there is none.

    Programs beside our own Python are found, too: a virtual environment need not be activated.
    """
    program, *arguments = server.command
    folder = Path.cwd() if server.cwd is None else server.cwd
    if not folder.is_dir():
        raise UsageError(
            f'the mcp source "{server.name}" is to be started in {folder}, which is no folder',
            fix="correct `cwd`, or leave it out",
        )
    if os.sep in program:
        found = shutil.which(folder / program)
    else:
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
        found = shutil.which(program, path=path)
    if found is None:
        raise UsageError(
            f'the mcp source "{server.name}" is started by `{program}`, and there is no such program',
            fix="install the server, or give the full path of its program as the first word of `command`",
        )
    return (os.path.abspath(found), *arguments)  # noqa: PTH100 - a virtual environment's links must stay


def url_of(server: McpServer, resolve: Mapping[str, str]) -> str:
    """The address that is really asked: `resolve` maps host globs to the base URLs that serve them."""
    assert server.url is not None, "a server with a command has no address"
    parts = urlsplit(server.url)
    base = next((base for glob, base in resolve.items() if matches_any(parts.hostname or "", [glob])), None)
    if base is None:
        return server.url
    target = urlsplit(base)
    return parts._replace(scheme=target.scheme, netloc=target.netloc).geturl()
