"""How a tool of the hub is declared: a `Tool`, and plain functions decorated as its APIs.

    SUNDIAL = Tool(slug="sundial", category="Calendar", name="Sundial", provider="...", ...)

    @SUNDIAL.get("/shadow/{city}")
    def shadow_length(city: Annotated[str, about("City name", "Oslo")], metres: float = 1) -> Answer:
        '''Returns the length of the shadow at noon.'''

The listing, the validation of arguments and the example responses all come from such a function:
its name gives the API's name, its docstring the description, its annotations the parameters.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Literal

from pydantic import Field, JsonValue

from sandbox.faults import Fault

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)  # the hub has no clock: it is always this moment
TODAY = NOW.date()
Answer = dict[str, Any]
Compute = Callable[..., Answer]
Method = Literal["GET", "POST", "DELETE"]


class Refusal(Exception):
    """An API's own refusal of arguments that are valid in form: HTTP `status` with a helpful message."""

    def __init__(self, message: str, *, status: int = 404, code: str = "not_found") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def unprocessable(message: str) -> Refusal:
    """A refusal of arguments that cannot go together."""
    return Refusal(message, status=422, code="unprocessable")


def about(description: str, example: Any = None, *, header: bool = False, **constraints: Any) -> Any:
    """What the listing says of a parameter; constraints are those of `pydantic.Field`."""
    examples = None if example is None else [example]
    extra: dict[str, JsonValue] | None = {"in": "header"} if header else None
    return Field(description=description, examples=examples, json_schema_extra=extra, **constraints)


@dataclass(frozen=True, slots=True)
class Security:
    """A credential that the listing says an API needs."""

    kind: Literal["api_key", "bearer", "basic"] = "api_key"
    location: Literal["header", "query"] = "header"
    name: str = "X-Api-Key"


@dataclass(frozen=True, kw_only=True)
class Api:
    """One API.

    backed_by: the library that computes the answers.  drifts: they are a little different now.
    example: whether the listing's example of one has other values now, or another form.
    """

    name: str
    description: str
    method: Method
    path: str
    compute: Compute
    backed_by: str
    fault: Fault | None
    security: tuple[Security, ...]
    read_only: bool
    drifts: bool = False
    example: Literal["as_it_was", "other_values", "other_form"] = "as_it_was"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A bundle of APIs behind one host name, `http://<slug>.sandbox.test`."""

    slug: str
    category: str
    name: str
    description: str
    provider: str
    backed_by: str
    licence: str | None = None
    apis: list[Api] = field(default_factory=list)

    def get(self, path: str, **options: Any) -> Callable[[Compute], Compute]:
        """Declares an API whose arguments travel in the path and the query."""
        return self._declare("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Compute], Compute]:
        """Declares an API whose arguments travel in a JSON body (those of the path excepted)."""
        return self._declare("POST", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Compute], Compute]:
        """Declares an API that claims to change something, which no careful client may try out."""
        return self._declare("DELETE", path, read_only=False, **options)

    def _declare(
        self,
        method: Method,
        path: str,
        *,
        name: str | None = None,
        backed_by: str | None = None,
        fault: Fault | None = None,
        security: tuple[Security, ...] = (),
        read_only: bool = True,
    ) -> Callable[[Compute], Compute]:
        def add(compute: Compute) -> Compute:
            api = Api(
                name=name or compute.__name__.replace("_", " ").title(),
                description=" ".join((inspect.getdoc(compute) or "").split()),
                method=method,
                path=path,
                compute=compute,
                backed_by=backed_by or self.backed_by,
                fault=fault,
                security=security,
                read_only=read_only,
            )
            self.apis.append(api)
            return compute

        return add


class LazyModule:
    """Stands for a module that is imported when one of its attributes is first asked for.

    importlib's own LazyLoader is not safe when two threads ask at once before Python 3.12.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
