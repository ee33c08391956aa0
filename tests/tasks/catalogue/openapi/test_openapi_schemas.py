from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_crawl import Json, api, document, operation, rejects

NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
    },
}
PET = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
SCHEMAS = {
    "Node": NODE,
    "Pet": PET,
    "Colour": {"type": "string", "enum": ["red", "blue"]},
    "Loop": {"allOf": [{"$ref": "#/components/schemas/Loop"}]},
    "Ping": {"type": "object", "properties": {"pong": {"$ref": "#/components/schemas/Pong"}}},
    "Pong": {"type": "object", "properties": {"ping": {"$ref": "#/components/schemas/Ping"}}},
}


def written(folder: Path, schema: Any, **schemas: Any) -> Json:
    """The schema as that of a response."""
    responses = {"200": {"content": {"application/json": {"schema": schema}}}}
    said = document(operation(responses=responses), components={"schemas": SCHEMAS | schemas})
    text = api(folder, said).response_schema
    return {} if text is None else dict(json.loads(text))


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (PET, {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
        (ref("Pet"), {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
        (
            ref("Colour") | {"description": "Of its fur"},
            {"type": "string", "description": "Of its fur", "enum": ["red", "blue"]},
        ),
        ({"type": ["string", "null"]}, {"type": "string"}),
        ({"type": "string", "nullable": True, "enum": ["a", None]}, {"type": "string", "enum": ["a"]}),
        ({"const": "fixed"}, {"type": "string", "enum": ["fixed"]}),
        ({"enum": [1, 2]}, {"type": "integer", "enum": [1, 2]}),
        ({"properties": {}}, {"type": "object"}),
        ({"items": {"type": "integer"}}, {"type": "array", "items": {"type": "integer"}}),
        (
            {"type": "array", "items": [{"type": "integer"}, {"type": "string"}]},
            {"type": "array", "items": {"type": "integer"}},
        ),
        (
            {"type": "array", "prefixItems": [{"type": "number"}]},
            {"type": "array", "items": {"type": "number"}},
        ),
        ({"type": "Int", "minimum": 1.0}, {"type": "integer", "minimum": 1}),
        ({"type": "file"}, {"type": "string", "format": "binary"}),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, {"type": "integer", "minimum": 1}),
        (
            {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
            {"type": "integer", "minimum": 1, "maximum": 9},
        ),
        ({"type": "number", "exclusiveMinimum": 0.5}, {"type": "number", "minimum": 0.5}),
        ({"type": "string", "examples": ["Rex", "Tom"]}, {"type": "string", "example": "Rex"}),
        (
            {"type": "string", "minLength": -1, "maxLength": "5", "pattern": 3, "enum": "x", "format": 4},
            {"type": "string"},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ),
        ({"type": "object", "additionalProperties": {}}, {"type": "object", "additionalProperties": True}),
        (
            {"type": "object", "additionalProperties": False},
            {"type": "object", "additionalProperties": False},
        ),
        (
            {"type": "object", "properties": {"p": {"type": "string", "writeOnly": True}, "q": {}}},
            {"type": "object", "properties": {"q": {}}},
        ),
        (True, {}),
        ({"not": {"type": "string"}, "xml": {}, "x-mine": 1}, {}),
    ],
)
def test_a_schema_is_written_out(tmp_path: Path, schema: Any, expected: Json) -> None:
    assert written(tmp_path, schema) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {
                "allOf": [ref("Pet"), {"required": ["age"], "properties": {"age": {"type": "integer"}}}],
                "description": "Old",
            },
            {
                "type": "object",
                "description": "Old",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["name", "age"],
            },
        ),
        (
            {"allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"a": {"maximum": 5}}}]},
            {"type": "object", "properties": {"a": {"type": "integer", "maximum": 5}}},
        ),
        ({"oneOf": [{"type": "null"}, {"type": "integer"}, {"type": "string"}]}, {"type": "integer"}),
        ({"anyOf": [ref("Missing"), {"type": "string"}]}, {"type": "string"}),
        (
            {"anyOf": [{"const": "a", "title": "A"}, {"const": "b"}, {"type": "null"}]},
            {"type": "string", "enum": ["a", "b"]},
        ),
        (
            {"type": "object", "properties": {"a": {}}, "oneOf": [{"required": ["a"]}]},
            {"type": "object", "properties": {"a": {}}, "required": ["a"]},
        ),
        ({"oneOf": []}, {}),
        ({"oneOf": [{"oneOf": [{"allOf": [{"type": "boolean"}]}]}]}, {"type": "boolean"}),
    ],
)
def test_combinations_become_one_schema(tmp_path: Path, schema: Any, expected: Json) -> None:
    assert written(tmp_path, schema) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            ref("Node"),
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"type": "object", "description": "Node again"}},
                },
            },
        ),
        (
            ref("Ping"),
            {
                "type": "object",
                "properties": {
                    "pong": {
                        "type": "object",
                        "properties": {"ping": {"type": "object", "description": "Ping again"}},
                    }
                },
            },
        ),
        (ref("Loop"), {}),
        (ref("Animal"), {"type": "object", "properties": {"barks": {"type": "boolean"}}}),
    ],
)
def test_circles_are_cut(tmp_path: Path, schema: Any, expected: Json) -> None:
    dog = {"allOf": [ref("Animal"), {"properties": {"barks": {"type": "boolean"}}}]}
    animal = {"type": "object", "oneOf": [ref("Dog")]}
    assert written(tmp_path, schema, Animal=animal, Dog=dog) == expected


def test_a_schema_that_branches_without_end_stays_small(tmp_path: Path) -> None:
    wide = {
        f"W{n}": {"type": "object", "properties": {f"p{i}": ref(f"W{n + 1}") for i in range(10)}}
        for n in range(12)
    }
    twice = {
        f"T{n}": {"allOf": [ref(f"T{n + 1}"), ref(f"T{n + 1}"), {"properties": {"a": {}}}]} for n in range(60)
    }
    many = {"properties": {f"p{n}": {"type": "string", "description": "x" * 5000} for n in range(3000)}}
    assert len(json.dumps(written(tmp_path, ref("W0"), **wide))) < 20_000
    assert written(tmp_path, ref("T0"), **twice, T60={"type": "object"})["type"] == "object"
    assert len(json.dumps(written(tmp_path, many))) < 300_000


def test_where_there_is_no_room_for_all_required_properties_come_first(tmp_path: Path) -> None:
    schema = {"properties": {f"p{n}": {"type": "string"} for n in range(300)}, "required": ["p250", "p9"]}
    found = written(tmp_path, schema)
    assert list(found["properties"]) == [*(f"p{n}" for n in range(199)), "p250"]
    assert found["required"] == ["p9", "p250"]


def test_long_descriptions_are_cut_with_a_mark(tmp_path: Path) -> None:
    said = document(
        operation(description="x" * 2_000_000), info={"title": "Zoo", "description": "y" * 2_000_000}
    )
    found = api(tmp_path, said)
    assert (len(found.description), found.description[-12:]) == (65_536, "x ... (cut)"[-12:].rjust(12, "x"))


def test_a_broken_reference_in_a_response_does_no_harm(tmp_path: Path) -> None:
    assert written(tmp_path, {"properties": {"a": ref("Missing")}}) == {}


def test_a_broken_reference_in_a_parameter_rejects_the_operation(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"a": ref("Missing")}}
    said = document(operation(parameters=[{"name": "p", "in": "query", "schema": schema}]))
    place = "zoo.json#/paths/~1pets/get/parameters/0/schema/properties/a"
    assert rejects(tmp_path, said)[1] == (
        "Uncategorised/zoo/get_pets",
        "broken_reference",
        f"GET /pets: {place}: there is no #/components/schemas/Missing",
    )
