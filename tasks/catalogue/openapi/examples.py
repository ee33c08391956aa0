"""Example values: authors put them in many places, in several forms."""

from __future__ import annotations

from typing import Any

from tasks.catalogue.openapi.refs import References
from tasks.catalogue.openapi.spots import Spot
from tasks.errors import BadRow


def examples_at(spot: Spot, references: References) -> list[Any]:
    """The examples of a parameter, media type or response object, the one that stands alone first.

    What only refers to an example that is not there has none.
    """
    alone = [spot.get(name) for name in ("example", "x-example")]
    examples = spot.get("examples")
    several = () if examples is None else (*examples.elements(), *(inner for _, inner in examples.fields()))
    found = [*(said.value for said in alone if said), *(_value(one, references) for one in several)]
    return [value for value in found if value is not None]


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
