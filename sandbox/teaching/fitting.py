"""Values in the type a parameter wants."""

from __future__ import annotations

import math
from typing import Any

from sandbox.teaching.parameter import Parameter

_TRUTH = {"true": True, "false": False, "yes": True, "no": False}


def fitting(value: Any, parameter: Parameter) -> Any:
    """The value as the parameter's type wants it, None where it cannot be."""
    if parameter.enum:
        same = [option for option in parameter.enum if str(option).lower() == str(value).lower()]
        return same[0] if same else None
    if parameter.numeric:
        return _as_number(value, parameter)
    if parameter.kind == "boolean":
        return value if isinstance(value, bool) else _TRUTH.get(str(value).lower())
    if parameter.kind == "array":
        return value if isinstance(value, list) else [value]
    if parameter.kind == "object":
        return value if isinstance(value, dict) else None
    return str(value) if not isinstance(value, (dict, list, bool)) else None


def _as_number(value: Any, parameter: Parameter) -> float | int | None:
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        return None
    if not math.isfinite(number) or not parameter.allows(number):
        return None
    if parameter.kind == "integer":
        return int(number) if number.is_integer() else None
    return int(number) if number.is_integer() and "." not in str(value) else number
