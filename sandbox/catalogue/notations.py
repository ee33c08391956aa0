"""Encodings (base64 and others), version numbers (packaging) and JSON documents (jsonschema)."""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import Field

from sandbox.declare import Answer, LazyModule, Tool, about, unprocessable
from sandbox.faults import Fault

jsonschema = LazyModule("jsonschema")

ENCODERS = Tool(
    slug="encoders",
    category="Developer",
    name="Encoders",
    description="Base64, Base32, hexadecimal, Punycode and HTML entities, there and back.",
    provider="packetworks",
    backed_by="base64",
)
VERSIONS = Tool(
    slug="version-check",
    category="Developer",
    name="Version Check",
    description="Compares and sorts version numbers and tests them against requirements.",
    provider="opsdesk",
    backed_by="packaging",
    licence="Apache-2.0",
)
JSON_TOOLS = Tool(
    slug="json-tools",
    category="Developer",
    name="JSON Tools",
    description="Validates JSON against schemas and flattens it.",
    provider="opsdesk",
    backed_by="jsonschema",
    licence="MIT",
)


@ENCODERS.get("/encode/{encoding}")
def encode_text(
    encoding: Annotated[
        Literal["base64", "base64url", "base32", "base85", "hex"], about("Encoding", "base64")
    ],
    text: Annotated[str, about("Text to encode", "Ünïcødé & sons", max_length=2000)],
) -> Answer:
    """Encodes a text; returns the encoded form and the lengths before and after."""
    encode: dict[str, Callable[[bytes], bytes]] = {
        "base64": base64.b64encode, "base64url": base64.urlsafe_b64encode, "base32": base64.b32encode,
        "base85": base64.b85encode, "hex": binascii.hexlify,
    }  # fmt: skip
    data = text.encode()
    encoded = encode[encoding](data).decode()
    return {"encoding": encoding, "encoded": encoded, "bytes": len(data), "characters": len(encoded)}


@ENCODERS.get("/decode/{encoding}")
def decode_text(
    encoding: Annotated[Literal["base64", "base32", "base85", "hex"], about("Encoding", "base64")],
    encoded: Annotated[str, about("Encoded text", "U29mdCBraXR0eQ==", max_length=4000)],
) -> Answer:
    """Decodes an encoded text; refuses what is not validly encoded UTF-8."""
    decode: dict[str, Callable[[str], bytes]] = {
        "base64": base64.b64decode,
        "base32": base64.b32decode,
        "base85": base64.b85decode,
        "hex": binascii.unhexlify,
    }
    try:
        data = decode[encoding](encoded)
        return {"encoding": encoding, "text": data.decode(), "hex": data.hex()}
    except ValueError as error:
        raise unprocessable(f"not valid {encoding}: {error}") from None


@ENCODERS.get("/domain", backed_by="encodings")
def international_domain(
    domain: Annotated[
        str, about("Domain name with letters outside ASCII", "bücher.example", min_length=1, max_length=200)
    ],
) -> Answer:
    """Converts an international domain name to its ASCII form (Punycode) and back."""
    try:
        ascii_form = domain.encode("idna").decode()
        return {"domain": domain, "ascii": ascii_form, "back": ascii_form.encode().decode("idna")}
    except UnicodeError as error:
        raise unprocessable(f"not a domain name: {error}") from None


@ENCODERS.get("/entities", backed_by="html", fault=Fault.DROPPED_CONNECTION)
def html_entities(
    text: Annotated[str, about("Text or HTML", "Fish & chips < 5 &euro;", max_length=2000)],
) -> Answer:
    """Escapes the special characters of HTML and, the other way round, resolves entities."""
    return {"escaped": html.escape(text), "resolved": html.unescape(text)}


@ENCODERS.get("/uuencode", fault=Fault.EMPTY_BODY, backed_by="binascii")
def uuencode(text: Annotated[str, about("Up to 45 bytes", "old mail", max_length=20)]) -> Answer:
    """uuencoded"""
    return {"encoded": binascii.b2a_uu(text.encode()).decode()}


VersionText = Annotated[str, about("Version number", "2.10.0rc1", max_length=40)]


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise unprocessable(str(error)) from None


@VERSIONS.get("/parse/{version}")
def parse_version(version: VersionText) -> Answer:
    """Takes a version number apart: epoch, release, pre-release, and its normal form."""
    found = _version(version)
    pre = None if found.pre is None else f"{found.pre[0]}{found.pre[1]}"
    return {
        "normal": str(found),
        "epoch": found.epoch,
        "release": list(found.release),
        "pre": pre,
        "prerelease": found.is_prerelease,
        "base": found.base_version,
    }


@VERSIONS.get("/sort")
def sort_versions(
    versions: Annotated[
        list[str],
        about(
            "Version numbers", ["1.9", "1.10", "1.10b2", "2.0.dev3", "1.2.3"], min_length=1, max_length=100
        ),
    ],
) -> Answer:
    """Sorts version numbers from the oldest to the newest and names the latest stable one."""
    ordered = sorted(_version(text) for text in versions)
    stable = [version for version in ordered if not version.is_prerelease]
    return {"sorted": [str(v) for v in ordered], "latest_stable": str(stable[-1]) if stable else None}


@VERSIONS.get("/matches")
def versions_that_match(
    requirement: Annotated[str, about("Requirement such as >=1.4,<2", "~=1.4,!=1.6", max_length=100)],
    versions: Annotated[
        list[str],
        about("Versions to test", ["1.3", "1.4", "1.6", "1.7.2", "2.0"], min_length=1, max_length=100),
    ],
) -> Answer:
    """Filters versions by a requirement; returns those that satisfy it and the best of them."""
    try:
        wanted = SpecifierSet(requirement)
    except InvalidSpecifier as error:
        raise unprocessable(str(error)) from None
    fitting = sorted(v for v in map(_version, versions) if v in wanted)
    return {"matching": [str(v) for v in fitting], "best": str(fitting[-1]) if fitting else None}


@VERSIONS.get("/next", fault=Fault.SERVER_ERROR)
def next_version(version: VersionText) -> Answer:
    """next minor version"""
    release = [*_version(version).release, 0, 0]
    return {"next": f"{release[0]}.{release[1] + 1}.0"}


Document = Annotated[dict[str, Any], Field(max_length=100)]
_PERSON = {"name": "Ada", "age": "36", "tags": ["maths", "engines"]}
_SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer"}, "tags": {"maxItems": 1}},
    "required": ["name", "email"],
}


@JSON_TOOLS.post("/validate")
def validate_document(
    document: Annotated[Document, about("JSON object to check", _PERSON)],
    rules: Annotated[Document, about("JSON schema (draft 2020-12)", _SCHEMA, alias="schema")],
) -> Answer:
    """Validates a JSON object against a JSON schema; lists every violation with its place."""
    if "$ref" in json.dumps(rules) or "pattern" in json.dumps(rules):
        raise unprocessable(
            "references and patterns are not supported"
        )  # neither fetches nor runaway regexes
    try:
        jsonschema.Draft202012Validator.check_schema(rules)
    except jsonschema.SchemaError as error:
        raise unprocessable(f"not a schema: {error.message}") from None
    errors = sorted(
        jsonschema.Draft202012Validator(rules).iter_errors(document), key=lambda e: (e.json_path, e.message)
    )
    violations = [{"path": error.json_path, "message": error.message} for error in errors]
    return {"conforms": not errors, "violations": violations}


@JSON_TOOLS.post("/flatten", backed_by="json")
def flatten_document(
    document: Annotated[
        Document,
        about("JSON object to flatten", {"user": {"name": "Ada", "langs": ["en", "fr"]}, "ok": True}),
    ],
    separator: Annotated[str, about("Put between the keys", pattern="^[./_-]$")] = ".",
) -> Answer:
    """Flattens a nested JSON object into one level with joined keys; counts the leaves and the depth."""
    flat: dict[str, Any] = {}
    depth = _flatten(document, "", separator, flat, 0)
    return {"flat": flat, "leaves": len(flat), "depth": depth}


def _flatten(value: Any, prefix: str, separator: str, flat: dict[str, Any], depth: int) -> int:
    if depth > 50:
        raise unprocessable("the object is nested too deeply")
    if not isinstance(value, (dict, list)) or not value:
        flat[prefix] = value
        return depth
    items = value.items() if isinstance(value, dict) else enumerate(value)
    names = [(f"{prefix}{separator}{key}" if prefix else str(key), child) for key, child in items]
    return max(_flatten(child, name, separator, flat, depth + 1) for name, child in names)


@JSON_TOOLS.get("/type", fault=Fault.EMPTY_BODY)
def type_of_json(
    text: Annotated[str, about("JSON text", '[1, 2.5, "three", null]', min_length=1, max_length=4000)],
) -> Answer:
    """Parses a JSON text; returns its type, canonical form, length and the types of its elements."""
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number", bool: "boolean"}
    try:
        value = json.loads(text)
        canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise unprocessable(f"not JSON: {error}") from None
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    kinds = [names.get(type(child), "null") for child in children]
    return {
        "type": names.get(type(value), "null"),
        "canonical": canonical,
        "characters": len(canonical),
        "elements": kinds,
    }


@JSON_TOOLS.post("/documents", read_only=False)
def store_document(document: Annotated[Document, about("JSON object to keep", {"k": 1})]) -> Answer:
    """Stores a JSON object and returns its key."""
    return {"key": binascii.crc32(json.dumps(document, sort_keys=True).encode())}
