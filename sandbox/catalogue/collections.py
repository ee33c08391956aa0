"""Collections: tools of different categories that go together (the groups of scenario G3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Collection:
    """A named group of tools, each `<Category>/<slug>`."""

    name: str
    description: str
    tools: tuple[str, ...]

    def entry(self) -> dict[str, Any]:
        """The collection as the listing shows it."""
        return {"name": self.name, "description": self.description, "tools": list(self.tools)}


COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        "Trip Planning",
        "Everything to know before a journey: flights, time zones, holidays, money.",
        (
            "Travel/airport-finder",
            "Travel/flight-distance",
            "Travel/time-zones",
            "Calendar/public-holidays",
            "Finance/currency-formats",
            "Astronomy/sun-times",
            "Geography/country-profile",
        ),
    ),
    Collection(
        "Night Sky",
        "For those who watch the stars: where, when and how dark it is.",
        (
            "Astronomy/moon-watch",
            "Astronomy/planet-finder",
            "Astronomy/star-atlas",
            "Astronomy/sun-times",
            "Geography/grid-codes",
            "Calendar/calendar-facts",
        ),
    ),
    Collection(
        "Global Teams",
        "Working together across countries and clocks.",
        (
            "Travel/meetup-planner",
            "Travel/time-zones",
            "Calendar/public-holidays",
            "Calendar/business-days",
            "Geography/country-profile",
            "Text/message-formats",
        ),
    ),
    Collection(
        "Laboratory Bench",
        "Units, substances and constants.",
        (
            "Science/unit-converter",
            "Science/physical-constants",
            "Science/periodic-table",
            "Science/molecule-lab",
        ),
    ),
)
