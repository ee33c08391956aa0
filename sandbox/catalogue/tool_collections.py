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
            "Mathematics/statistics-box",
            "Mathematics/polynomial-desk",
        ),
    ),
    Collection(
        "Personal Finance",
        "Loans, savings, and the dates on which they are due.",
        (
            "Finance/loan-planner",
            "Finance/investment-desk",
            "Finance/payment-checks",
            "Finance/currency-formats",
            "Calendar/business-days",
            "Calendar/date-math",
        ),
    ),
    Collection(
        "Writer's Desk",
        "Words, numbers and characters, and what an editor changed.",
        (
            "Language/word-forms",
            "Language/number-words",
            "Language/stemmer",
            "Language/old-lexicon",
            "Text/text-tools",
            "Text/text-diff",
            "Text/unicode-explorer",
            "Text/message-formats",
        ),
    ),
    Collection(
        "Brand Studio",
        "Colours, paper and codes for printed matter.",
        (
            "Design/colour-names",
            "Design/colour-math",
            "Design/paper-sizes",
            "Communication/qr-studio",
            "Language/word-forms",
            "Science/unit-converter",
        ),
    ),
    Collection(
        "Operations Room",
        "Addresses, schedules, versions and secrets of those who keep servers running.",
        (
            "Developer/network-calculator",
            "Developer/cron-helper",
            "Developer/version-check",
            "Developer/json-tools",
            "Security/hash-service",
            "Security/uuid-forge",
            "Security/password-check",
            "Travel/time-zones",
        ),
    ),
    Collection(
        "Customer Records",
        "Names, numbers and accounts, checked and brought into one form.",
        (
            "Language/name-matcher",
            "Communication/phone-book",
            "Finance/payment-checks",
            "Geography/country-profile",
            "Security/uuid-forge",
        ),
    ),
    Collection(
        "Outdoor Days",
        "Where one is, how far it is, and when it gets dark.",
        (
            "Geography/geodesic-lab",
            "Geography/grid-codes",
            "Astronomy/sun-times",
            "Astronomy/moon-watch",
            "Science/unit-converter",
            "Communication/spelling-alphabets",
        ),
    ),
    Collection(
        "Puzzle Club",
        "Numbers, ciphers and calendars for rainy afternoons.",
        (
            "Mathematics/number-theory",
            "Mathematics/linear-algebra",
            "Communication/spelling-alphabets",
            "Developer/encoders",
            "Calendar/calendar-facts",
            "Language/old-lexicon",
        ),
    ),
    Collection(
        "Web Workshop",
        "What a web page is made of.",
        (
            "Developer/url-tools",
            "Developer/encoders",
            "Design/colour-math",
            "Design/colour-names",
            "Text/unicode-explorer",
            "Calendar/recurrence-planner",
        ),
    ),
)
