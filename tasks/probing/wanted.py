"""What the documentation says of a parameter, parsed once: its schema, its words, the values it shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Any

from tasks import exact_json
from tasks.calling.coerce import coerced
from warehouse.tables.catalogue import Api, Parameter

# A new word begins at a capital after a small letter, and at the last capital of several.
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_A-Za-z]+")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name or a text, in lower case and singular; digits are none."""
    return tuple(_singular(word.lower()) for word in _WORD.findall(name))


_IRREGULAR = {"children": "child", "ids": "id", "men": "man", "people": "person", "women": "woman"}


def _singular(word: str) -> str:
    # "movies" and "countries" cannot be told apart: both singulars are written alike.
    if len(word) > 3 and word.endswith(("ies", "ie")):
        return word.removesuffix("s").removesuffix("ie") + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return _IRREGULAR.get(word, word)


_DESCRIPTION_CHARACTERS = 1000  # are read; catalogues hold descriptions of a megabyte
_VALUES = 20  # are considered, the first in order
_MARK = r"(?i:\be\.\s?g\.?|\beg[.:]|\bex[.:]|\bexamples?\s*[:=]|\bfor example\b|\bfor instance\b|\bsuch as\b)"
_QUOTED_EXAMPLE = re.compile(_MARK + r"[\s,:=(]{0,6}[\"'`]([^\"'`]{1,60})[\"'`]")
_BARE_EXAMPLE = re.compile(
    _MARK + r"[\s,:=(]{1,6}([A-Z][\w'-]{0,29}(?: [A-Z][\w'-]{0,29}){1,3}|[\w+-][\w.+:/@-]{0,59})"
)
_CHOICES = re.compile(
    r"\b(?:one of|(?:possible|allowed|valid|available|accepted|supported)\s+(?:values?|options?)(?:\s+are)?)"
    r"\s*[:=(]?\s*([^.;)\n]{1,200})",
    re.IGNORECASE,
)
_BETWEEN_CHOICES = re.compile(r"\s*(?:,|\||/|\bor\b|\band\b)\s*")
_CHOICE = re.compile(r"[\w-]{1,40}")
# "e.g. the name of a city" shows no value.
_NO_VALUES = frozenset({"a", "an", "for", "if", "in", "it", "of", "the", "this", "to", "when", "you", "your"})


@dataclass(frozen=True)
class Context:
    """What an API says around its parameters."""

    about: str

    @classmethod
    def of(cls, api: Api) -> Context:
        return cls(f"{api.api_id} {api.api_name} {api.description[:_DESCRIPTION_CHARACTERS]}")

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(words_of(self.about))


@dataclass(frozen=True)
class Wanted:
    """A parameter of an API.  context: the words around it tell what its name means there."""

    parameter: Parameter
    context: Context

    @classmethod
    def of(cls, api: Api) -> tuple[Wanted, ...]:
        context = Context.of(api)
        return tuple(cls(parameter, context) for parameter in api.parameters)

    @property
    def arg_name(self) -> str:
        return self.parameter.arg_name

    @property
    def type(self) -> str:
        return self.parameter.type

    @property
    def needed(self) -> bool:
        return self.parameter.required or self.parameter.location == "path"

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        schema = exact_json.loads(self.parameter.schema) if self.parameter.schema else {}
        return schema if isinstance(schema, dict) else {}

    @cached_property
    def words(self) -> tuple[str, ...]:
        return words_of(self.parameter.name)

    @cached_property
    def documented(self) -> tuple[Any, ...]:
        """Values the documentation gives: default, examples, enum, then those in its prose; none twice."""
        default = None if self.parameter.default is None else exact_json.loads(self.parameter.default)
        said = (coerced(text, self.type, self.schema) for text in _said(self.parameter.description))
        fitting = (value for value in said if _is_of(self.type, value) and self._is_choice(value))
        return tuple(islice(_distinct(chain([default], shown_in(self.schema), fitting)), _VALUES))

    @property
    def enumerated(self) -> bool:
        """Whether no other values are valid than the documented ones."""
        return isinstance(self.schema.get("enum"), list) or "const" in self.schema

    def _is_choice(self, value: Any) -> bool:
        choices = self.schema.get("enum")
        return not isinstance(choices, list) or value in choices


def shown_in(schema: Mapping[str, Any]) -> Iterator[Any]:
    """The values a JSON schema gives: const, default, examples, enum."""
    for keyword in ("const", "default", "example"):
        yield schema.get(keyword)
    for keyword in ("examples", "enum"):
        several = schema.get(keyword)
        yield from several if isinstance(several, list) else ()


def _distinct(values: Iterable[Any]) -> Iterator[Any]:
    seen: list[Any] = []
    for value in values:
        if value not in (None, "") and value not in seen:
            seen.append(value)
            yield value


def _said(description: str) -> Iterator[str]:
    """Values shown in prose: "e.g. London", "one of: asc, desc"."""
    text = description[:_DESCRIPTION_CHARACTERS]
    for match in _QUOTED_EXAMPLE.finditer(text):
        yield match[1].strip()
    for match in _CHOICES.finditer(text):
        choices = [choice.strip("\"'` []{}") for choice in _BETWEEN_CHOICES.split(match[1])]
        # A single word after "one of" is the beginning of a sentence.
        yield from choices if len(choices) > 1 and all(map(_CHOICE.fullmatch, choices)) else ()
    for match in _BARE_EXAMPLE.finditer(text):
        word = match[1].rstrip(".,:/-")
        if word and word.lower() not in _NO_VALUES:
            yield word


def _is_of(json_type: str, value: Any) -> bool:
    match json_type:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
    return False
