"""From APIs of the catalogue to the functions a model is offered, `Finish` last."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import prompts
from tasks import exact_json
from tasks.exact_json import Json
from tasks.llm.params import Capabilities
from tasks.search.acting import GIVE_ANSWER, GIVE_UP
from tasks.search.arguments import encodable
from tasks.search.rules import TOOLLOOM, Rules
from tasks.search.task import FINISH, Function, ToolNote
from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.documents import Document

_LONGEST_NAME = 64
_LONGEST_DESCRIPTION = 1024  # characters; OpenAI's protocol admits no more
_MOST_EXAMPLES = 3
# Beside our own: what some endpoints refuse a function for, or cannot hold a model to.
_NOT_OFFERED = ("x-", "pattern", "multipleOf", "uniqueItems", "exclusiveM")
_JSON_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})
_PUBLISHED_TYPES = {"string": "string", "number": "integer", "integer": "integer", "boolean": "boolean"}
_PUBLISHED_TYPES |= {
    "STRING": "string",
    "NUMBER": "integer",
    "BOOLEAN": "boolean",
}  # of ToolBench's own records
_PUBLISHED_DESCRIPTION = 256
# Keywords of JSON schema whose values are schemas, lists of schemas, or schemas by name.
_SCHEMAS_WITHIN = frozenset(
    {"items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf", "not"}
)
_SCHEMAS_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_OF_PROPERTIES = frozenset({"properties", "required", "additionalProperties"})
_ACCEPTED_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_ANYTHING: Json = {"type": "string"}
_DEEPEST = 64

# What is offered to an endpoint of which nothing is known.
ANY_ENDPOINT = Capabilities(integer_enums=False, long_names=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a search may use.  apis: by the name of their function.

    renamed: by the same, the real names of arguments that are offered under another.
    """

    functions: tuple[Function, ...]
    apis: Mapping[str, Api]
    tools: tuple[ToolNote, ...]
    renamed: Mapping[str, Mapping[str, str]]


def offer_for(
    apis: Sequence[Api],
    tools: Mapping[str, Tool],
    documents: Mapping[str, Document],
    rules: Rules = TOOLLOOM,
    capabilities: Capabilities = ANY_ENDPOINT,
) -> Offer:
    """The functions of these APIs, in their order, and the tools they belong to.

    tools: by tool_id; documents: by api_id.  What the one does not say of an API or its tool is taken
    from the other, and both may be missing.  capabilities: of the endpoint they are offered to.
    """
    named = _named(apis, rules)
    readings = {
        name: _Reading.of(api, tools.get(api.tool_id), documents.get(api.api_id))
        for name, api in named.items()
    }
    notes: dict[str, ToolNote] = {}
    for name, api in named.items():
        notes.setdefault(api.tool_id, readings[name].note())
    functions = [_function(name, api, readings[name], rules, capabilities) for name, api in named.items()]
    renamed = {
        name: {
            own: parameter.arg_name
            for parameter in api.parameters
            if (own := _name(parameter, capabilities)) != parameter.arg_name
        }
        for name, api in named.items()
    }
    return Offer((*functions, finish_function()), named, tuple(notes.values()), renamed)


@lru_cache(maxsize=1)
def finish_function() -> Function:
    """The function that ends an attempt, with an answer or without one."""
    properties = {
        "return_type": {
            "type": "string",
            "enum": [GIVE_ANSWER, GIVE_UP],
            "description": prompts.load("search/finish_return_type").render(),
        },
        "final_answer": {
            "type": "string",
            "description": prompts.load("search/finish_final_answer").render(),
        },
    }
    parameters = {"type": "object", "properties": properties, "required": ["return_type"]}
    return Function.of(FINISH, prompts.load("search/finish_tool").render(), parameters)


def with_finish(functions: Sequence[Function]) -> tuple[Function, ...]:
    """The functions, `Finish` last; it is added where it is not among them."""
    if any(function.name == FINISH for function in functions):
        return tuple(functions)
    return (*functions, finish_function())


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the documentation says, compressed where there is a document."""

    tool_name: str
    tool_description: str
    category: str
    api_description: str
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, api: Api, tool: Tool | None, document: Document | None) -> _Reading:
        said: Json = {} if document is None else exact_json.loads(document.document)
        category, _, name = api.tool_id.rpartition("/")
        return cls(
            tool_name=_text(said, "tool_name", name if tool is None else tool.tool_name),
            tool_description=_text(said, "tool_description", "" if tool is None else tool.description),
            category=category if tool is None else tool.category,
            api_description=_text(said, "api_description", api.description),
            parameters={parameter.arg_name: parameter.description for parameter in api.parameters}
            | _parameter_texts(said),
        )

    def note(self) -> ToolNote:
        return ToolNote(self.tool_name, _shortened(self.tool_description, _LONGEST_DESCRIPTION))


def _text(said: Json, key: str, otherwise: str) -> str:
    """A text of the document; one that was cut down to nothing readable counts as missing."""
    text = said.get(key)
    return text if isinstance(text, str) else otherwise


def _parameter_texts(said: Json) -> dict[str, str]:
    entries = said.get("parameters")
    described = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {
        entry["name"]: entry["description"]
        for entry in described
        if isinstance(entry.get("name"), str) and isinstance(entry.get("description"), str)
    }


def _named(apis: Sequence[Api], rules: Rules) -> dict[str, Api]:
    """Each API under a name of its own, which is its function name unless another has it already."""
    named: dict[str, Api] = {}
    for api in {api.api_id: api for api in apis}.values():
        *_, tool, short = api.api_id.split("/")
        whole = f"{short}_for_{tool}"
        is_cut = len(whole) > _LONGEST_NAME and not rules.cut_names_are_valid
        name = whole[-_LONGEST_NAME:] if is_cut else api.function_name
        if name in named or name == FINISH:
            suffix = "_" + hashlib.blake2b(api.api_id.encode(), digest_size=4).hexdigest()
            name = name[: _LONGEST_NAME - len(suffix)] + suffix
        named[name] = api
    return named


def _name(parameter: Parameter, capabilities: Capabilities) -> str:
    """What the argument is called before the model."""
    name = parameter.arg_name
    if capabilities.long_names or len(name) <= _LONGEST_NAME:
        return name
    suffix = "_" + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return name[: _LONGEST_NAME - len(suffix)] + suffix


def _function(name: str, api: Api, reading: _Reading, rules: Rules, capabilities: Capabilities) -> Function:
    if not rules.documents_describe:
        said = encodable(api.description).strip().replace(api.api_name, name)[:_PUBLISHED_DESCRIPTION]
        tool = api.tool_id.rpartition("/")[2]
        text = prompts.load("search/function_published").render(tool_name=tool, api_description=said)
        return Function.of(name, text, _parameters(api, reading, rules, capabilities))
    text = prompts.load("search/function").render(
        api_description=_shortened(reading.api_description, _LONGEST_DESCRIPTION - 200),
        tool_name=_shortened(reading.tool_name, 80),
        category=_shortened(reading.category, 80),
    )
    return Function.of(name, text, _parameters(api, reading, rules, capabilities))


def _parameters(api: Api, reading: _Reading, rules: Rules, capabilities: Capabilities) -> Json:
    required = [parameter for parameter in api.parameters if parameter.required]
    optional = [parameter for parameter in api.parameters if not parameter.required]
    offered = [*required, *(optional if required or rules.optional_always_offered else ())]
    properties: Json = {}
    for parameter in offered:
        text = reading.parameters[parameter.arg_name] if rules.documents_describe else parameter.description
        properties[_name(parameter, capabilities)] = (
            _property(parameter, text, capabilities)
            if rules.numbers_stay_numbers
            else _published_property(parameter, text)
        )
    schema: Json = {
        "type": "object",
        "properties": properties,
        "required": [_name(parameter, capabilities) for parameter in required],
    }
    if not rules.optional_always_offered:
        optional = [parameter for parameter in offered if not parameter.required]
        schema["optional"] = [_name(parameter, capabilities) for parameter in optional]
    return schema


def _property(parameter: Parameter, description: str, capabilities: Capabilities) -> Json:
    schema: Json = {"type": parameter.type if parameter.type in _JSON_TYPES else "string"}
    if description:
        schema["description"] = encodable(description)
    if parameter.schema is not None:
        keywords = exact_json.loads(parameter.schema)
        # How a value is written into a request is no business of the model.
        schema |= {name: value for name, value in keywords.items() if not name.startswith(_NOT_OFFERED)}
        if "examples" in schema:
            schema["examples"] = schema["examples"][:_MOST_EXAMPLES]
    schema = _adapted(schema, capabilities)
    return schema if parameter.default is None else schema | {"default": exact_json.loads(parameter.default)}


def _adapted(schema: Json, capabilities: Capabilities, depth: int = 0) -> Json:
    """The schema with what every endpoint asks for, and without what this one refuses, told in words.

    OpenAI's protocol refuses an array, however deep, that does not say what it holds; Gemini's an
    enumeration of anything but texts; Anthropic's a long or odd name.
    """
    words: list[str] = []
    kind, enum = schema.get("type"), schema.get("enum")
    if kind == "array" or (isinstance(kind, list) and "array" in kind):
        schema = {**schema, "items": schema.get("items") or ({} if capabilities.untyped_items else _ANYTHING)}
    is_of_texts = kind == "string" and isinstance(enum, list) and all(isinstance(one, str) for one in enum)
    if isinstance(enum, list) and not (capabilities.integer_enums or is_of_texts):
        schema = {name: value for name, value in schema.items() if name != "enum"}
        words.append(prompts.load("search/enum_in_words").render(values=[_written(value) for value in enum]))
    named = schema.get("properties")
    if (
        isinstance(named, dict)
        and not capabilities.long_names
        and not all(map(_ACCEPTED_NAME.fullmatch, named))
    ):
        words.append(prompts.load("search/object_in_words").render(properties=_written(named)))
        schema = {name: value for name, value in schema.items() if name not in _OF_PROPERTIES}
    for keyword in _SCHEMAS_BY_NAME & schema.keys():
        if isinstance(schema[keyword], dict):
            inner = {name: _within(value, capabilities, depth) for name, value in schema[keyword].items()}
            schema = {**schema, keyword: inner}
    for keyword in _SCHEMAS_WITHIN & schema.keys():
        schema = {**schema, keyword: _within(schema[keyword], capabilities, depth)}
    if words:
        said = str(schema.get("description") or "").strip()
        stop = "." if said and not said.endswith((".", "!", "?")) else ""
        schema = {**schema, "description": encodable(" ".join([said + stop, *words]).strip())}
    return schema


def _written(value: object) -> str:
    return exact_json.text_of(value, ", ", ": ")


def _within(value: object, capabilities: Capabilities, depth: int) -> object:
    if isinstance(value, list):
        return [_within(item, capabilities, depth) for item in value]
    return _adapted(value, capabilities, depth + 1) if isinstance(value, dict) and depth < _DEEPEST else value


def _published_property(parameter: Parameter, description: str) -> Json:
    """As the published code makes it, of the type and the default that the record says, where it says so."""
    said: Json = {} if parameter.schema is None else exact_json.loads(parameter.schema).get("x-published", {})
    shown = said["default"] if said else parameter.shown
    schema: Json = {
        "type": _PUBLISHED_TYPES.get(said.get("type", parameter.type), "string"),
        "description": encodable(said.get("description", description))[:_PUBLISHED_DESCRIPTION],
    }
    return schema if shown == "" or (shown is None and not said) else schema | {"example_value": shown}


def _shortened(text: str, characters: int) -> str:
    text = encodable(text).strip()
    return text if len(text) <= characters else textwrap.shorten(text, characters, placeholder=" ...")
