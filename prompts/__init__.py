"""Every text a model is sent, one file per message, with what it needs and a digest for cache keys.

A prompt is strict data: rendering it with a variable too few or too many is an error that names it.
Values are inserted as they are and never read as templates.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

from jinja2 import StrictUndefined, Template, meta
from jinja2.exceptions import UndefinedError
from jinja2.sandbox import SandboxedEnvironment

from tasks.errors import UsageError

_FOLDER = Path(__file__).parent
_SUFFIX = ".jinja"


class PromptError(UsageError):
    """A prompt that does not exist, or that was given other variables than it names."""


@dataclass(frozen=True)
class Prompt:
    """One message.  name: `<stage>/<message>`; text: the template itself."""

    name: str
    text: str

    @cached_property
    def digest(self) -> str:
        """Hex digest (128 bits) of the text: part of every cache key whose result it shapes."""
        return hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest()

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names `render` must be given, no more and no fewer."""
        return frozenset(meta.find_undeclared_variables(_environment().parse(self.text)))

    @cached_property
    def _template(self) -> Template:
        return _environment().from_string(self.text)

    def render(self, **variables: object) -> str:
        """The finished text.  Raises `PromptError` on missing or surplus variables, also within a value."""
        self._check(variables)
        try:
            return self._template.render(variables)
        except UndefinedError as error:
            raise PromptError(
                f"prompt {self.name!r}: {error.message}",
                fix="give every item of a list the keys that the template uses",
            ) from error

    def _check(self, variables: Mapping[str, object]) -> None:
        if variables.keys() == self.variables:
            return
        missing = sorted(self.variables - variables.keys())
        surplus = sorted(variables.keys() - self.variables)
        problems = [f"missing: {', '.join(missing)}"] if missing else []
        problems += [f"unknown: {', '.join(surplus)}"] if surplus else []
        if problems:
            raise PromptError(
                f"prompt {self.name!r} was given other variables than it takes ({'; '.join(problems)})",
                fix=f"it takes {', '.join(sorted(self.variables)) or 'none'}",
            )


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """All prompts, sorted."""
    files = _FOLDER.rglob(f"*{_SUFFIX}")
    return tuple(sorted(file.relative_to(_FOLDER).as_posix().removesuffix(_SUFFIX) for file in files))


def digests_of(folder: str) -> list[str]:
    """Digests of all prompts of a folder, or of the one of that name, for the keys of what they shape."""
    return [load(name).digest for name in names() if name == folder or name.startswith(f"{folder}/")]


@cache
def load(name: str) -> Prompt:
    """The prompt of that name, such as `search/system`.  Raises `PromptError` with the known names."""
    if name not in names():
        raise PromptError(f"there is no prompt {name!r}", fix=f"known prompts: {', '.join(names())}")
    return Prompt(name, (_FOLDER / f"{name}{_SUFFIX}").read_text(encoding="utf-8"))


def _json(value: object) -> str:
    """Jinja's own `tojson` escapes for HTML, which a model should not see."""
    return json.dumps(value, ensure_ascii=False)


def _json_text(value: object) -> str:
    """Documents mostly come as JSON text already; values are written as such."""
    return value if isinstance(value, str) else _json(value)


# What the prompts of judges mark their parts with.
_TAG = re.compile(r"<(?=\s*/?\s*(?:request|steps?|answer|solution|function|label)\b)", re.IGNORECASE)


def _material(value: object) -> str:
    """Text of others, which cannot end the part of a prompt that it stands in, or begin another."""
    return _TAG.sub("&lt;", _json_text(value))


def _line(value: object) -> str:
    """The same behind a name on its line; further lines are indented, so that none passes for a name."""
    return "\n    ".join(_material(value).splitlines())


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["json"] = _json
    environment.filters["json_text"] = _json_text
    environment.filters["material"] = _material
    environment.filters["line"] = _line
    return environment
