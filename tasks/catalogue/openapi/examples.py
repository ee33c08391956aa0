"""Example values: the authors put them in many places, in several forms."""

from __future__ import annotations

from typing import Any

from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.spots import Spot
from tasks.errors import BadRow


def example_at(spot: Spot, references: References) -> Any:
    """The first example of a parameter, media type or response object; None when there is none.

    What only refers to an example that is not there has none.
    """
    for name in ("example", "x-example"):
        said = spot.get(name)
        if said is not None and said.value is not None:
            return said.value
    examples = spot.get("examples")
    if examples is None:
        return None
    several = (*examples.elements(), *(inner for _, inner in examples.fields()))
    return next((value for one in several if (value := _value(one, references)) is not None), None)


def _value(example: Spot, references: References) -> Any:
    """Of an Example object (`value`, or 3.2's `dataValue`), or of what is an example as it stands."""
    try:
        said = references.follow(example)
    except BadRow:
        return None
    if not isinstance(said.value, dict):
        return said.value
    named = [inner.value for key in ("value", "dataValue") if (inner := said.get(key)) is not None]
    is_object = named or {"summary", "externalValue", "serializedValue"} & said.value.keys()
    return next(iter(named), None) if is_object else said.value
