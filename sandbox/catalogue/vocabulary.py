"""Parameters that several tools share."""

from __future__ import annotations

from datetime import date
from typing import Annotated, SupportsFloat

from pydantic import BaseModel, StringConstraints

from sandbox.declare import about

Latitude = Annotated[float, about("Latitude in decimal degrees, north is positive", 52.52, ge=-90, le=90)]
Longitude = Annotated[float, about("Longitude in decimal degrees, east is positive", 13.405, ge=-180, le=180)]
Day = Annotated[date, about("Day as YYYY-MM-DD", "2026-03-29", ge=date(1900, 1, 1), le=date(2100, 12, 31))]
Year = Annotated[int, about("Four-digit year", 2026, ge=1900, le=2100)]
CountryCode = Annotated[
    str, StringConstraints(to_upper=True, min_length=2, max_length=2, pattern="^[A-Za-z]+$")
]
Zone = Annotated[str, about("IANA time zone such as Europe/Berlin", "Europe/Berlin", max_length=40)]


class Point(BaseModel):
    """A place on the Earth."""

    latitude: Latitude
    longitude: Longitude


def rounded(value: SupportsFloat, digits: int = 6) -> float:
    """Keeps answers short and free of the last bits, in which platforms differ."""
    return round(float(value), digits) + 0.0  # + 0.0 turns -0.0 into 0.0
