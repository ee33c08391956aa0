import json
from collections.abc import Callable
from typing import Any

import pytest

from tasks.probing.arguments import probe_arguments
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]


def required(json_type: str, default: Any = None, **schema: Any) -> dict[str, Any]:
    return {
        "name": "p",
        "required": True,
        "type": json_type,
        "default": None if default is None else json.dumps(default),
        "schema": json.dumps(schema) if schema else None,
    }


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (required("string", "Oslo", enum=["Bergen"]), "Oslo"),
        (required("string", example="Oslo"), "Oslo"),
        (required("string", examples=["Oslo", "Bergen"]), "Oslo"),
        (required("string", enum=["metric", "imperial"]), "metric"),
        (required("string", ""), "test"),
        (required("string"), "test"),
        (required("string", format="date"), "2024-01-15"),
        (required("string", format="email"), "someone@example.com"),
        (required("string", minLength=6), "testaa"),
        (required("string", maxLength=2), "te"),
        (required("string", minLength=10**9), "test" + "a" * 96),
        (required("integer"), 1),
        (required("integer", 0), 0),
        (required("integer", minimum=10, maximum=20), 10),
        (required("integer", maximum=-5), -5),
        (required("integer", exclusiveMinimum=1), 2),
        (required("integer", minimum=1.5), 2),
        (required("number", minimum=-90, maximum=90), 1),
        (required("number", minimum=2.5), 2.5),
        (required("number", exclusiveMinimum=0, maximum=0.5), 0.5),
        (required("number", exclusiveMinimum=True, minimum=3), 3),
        (required("boolean"), True),
        (required("boolean", False), False),
        (required("array"), ["test"]),
        (required("array", items={"type": "integer", "minimum": 3}, minItems=2), [3, 3]),
        (required("object"), {}),
        (
            required(
                "object",
                properties={"a": {"type": "integer"}, "b": {"enum": ["x"]}, "c": {"type": "string"}},
                required=["a", "b"],
            ),
            {"a": 1, "b": "x"},
        ),
        (required("array", items={"type": "array", "items": {"type": "array", "items": {}}}), [[["test"]]]),
        (required("string", enum="broken", examples={"also": "broken"}), "test"),
    ],
)
def test_a_required_parameter_always_has_a_value(
    make_api: MakeApi, parameter: dict[str, Any], value: Any
) -> None:
    assert probe_arguments(make_api(parameter), 0) == {"p": value}


def test_further_tries_add_optional_parameters_and_go_through_documented_values(make_api: MakeApi) -> None:
    api = make_api(
        {"name": "Unit", "arg_name": "unit", "location": "path", "schema": '{"enum": ["m", "km"]}'},
        {"name": "days", "type": "integer", "default": "3"},
        {"name": "undocumented"},
    )
    assert [probe_arguments(api, attempt) for attempt in range(5)] == [
        {"unit": "m"},
        {"unit": "m", "days": 3},
        {"unit": "km"},
        {"unit": "km", "days": 3},
        {"unit": "m"},
    ]
