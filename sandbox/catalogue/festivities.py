"""Public holidays and working days, from the holidays library and numpy's business calendar."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Annotated, Any

from sandbox.catalogue.vocabulary import CountryCode, Day, Year
from sandbox.declare import TODAY, Answer, LazyModule, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

holidays = LazyModule("holidays")
np = LazyModule("numpy")

HOLIDAYS = Tool(
    slug="public-holidays",
    category="Calendar",
    name="Public Holidays",
    description="Public holidays of some 250 countries and territories for any year between 1900 and 2100.",
    provider="calendarium",
    backed_by="holidays",
    licence="MIT",
)
WORKDAYS = Tool(
    slug="business-days",
    category="Calendar",
    name="Business Days",
    description="Counts and adds working days, taking weekends and national holidays into account.",
    provider="calendarium",
    backed_by="numpy",
    licence="BSD-3-Clause",
)
Country = Annotated[CountryCode, about("Two-letter country code (ISO 3166)", "PT")]
Subdivision = Annotated[str | None, about("State or province within the country, e.g. BY", max_length=10)]


@cache
def _calendar(country: str, subdivision: str | None = None) -> Any:
    if country not in holidays.list_supported_countries(include_aliases=False):
        raise Refusal(
            f"no calendar for country '{country}'; GET /countries lists them", code="unknown_country"
        )
    try:
        return holidays.country_holidays(country, subdiv=subdivision, language="en_US")
    except NotImplementedError:
        raise Refusal(f"{country} has no subdivision '{subdivision}'", code="unknown_subdivision") from None


def _of_year(calendar: Any, year: int) -> dict[date, str]:
    first, last = date(year, 1, 1), date(year, 12, 31)
    days: list[date] = calendar[first:last]
    return {day: str(calendar[day]) for day in days}


def _entry(day: date, name: str) -> Answer:
    return {"date": day.isoformat(), "weekday": f"{day:%A}", "name": name}


@HOLIDAYS.get("/holidays/{country}/{year}")
def holidays_of_a_year(country: Country, year: Year = 2026, subdivision: Subdivision = None) -> Answer:
    """Lists the public holidays of a country in one year with date, weekday and English name."""
    found = _of_year(_calendar(country, subdivision), year)
    entries = [_entry(day, name) for day, name in sorted(found.items())]
    return {"country": country, "year": year, "count": len(entries), "holidays": entries}


@HOLIDAYS.get("/is-holiday")
def is_it_a_holiday(
    country: Country, day: Annotated[Day, about("Day as YYYY-MM-DD", "2026-06-10")]
) -> Answer:
    """Tells whether a day is a public holiday in a country, and which one it is."""
    name = _calendar(country).get(day)
    return {
        "country": country,
        "date": day.isoformat(),
        "weekday": f"{day:%A}",
        "holiday": name is not None,
        "name": name,
    }


@HOLIDAYS.get("/next")
def next_holidays(
    country: Country,
    after: Annotated[date, about("Day to start from", ge=date(1900, 1, 1), le=date(2098, 1, 1))] = TODAY,
    limit: Annotated[int, about("How many holidays to return", ge=1, le=20)] = 3,
) -> Answer:
    """Returns the next public holidays of a country after a day and how many days away they are."""
    calendar = _calendar(country)
    upcoming = [item for year in (0, 1) for item in sorted(_of_year(calendar, after.year + year).items())]
    chosen = [(day, name) for day, name in upcoming if day > after][:limit]
    entries = [_entry(day, name) | {"days_away": (day - after).days} for day, name in chosen]
    return {"country": country, "after": after.isoformat(), "holidays": entries}


@HOLIDAYS.get("/countries", name="getSupportedCountries")
def supported_countries() -> Answer:
    """All countries with a calendar, and the codes of their subdivisions."""
    supported = holidays.list_supported_countries(include_aliases=False)
    entries = [{"code": code, "subdivisions": sorted(supported[code])} for code in sorted(supported)]
    return {"count": len(entries), "countries": entries}


@HOLIDAYS.get("/common/{first}/{second}", fault=Fault.EMPTY_BODY)
def common_holidays(
    first: Annotated[CountryCode, about("Code of a country", "ES")],
    second: Annotated[CountryCode, about("Code of another country", "IT")],
    year: Year = 2026,
) -> Answer:
    """Finds the days of a year that are public holidays in both of two countries."""
    one, other = _of_year(_calendar(first), year), _of_year(_calendar(second), year)
    shared = [
        {"date": day.isoformat(), first: one[day], second: other[day]}
        for day in sorted(one.keys() & other.keys())
    ]
    only = {first: len(one) - len(shared), second: len(other) - len(shared)}
    return {"year": year, "common": shared, "not_common": only}


@HOLIDAYS.get("/long-weekends/{country}", fault=Fault.SLOW)
def long_weekends(country: Country, year: Year = 2026) -> Answer:
    """Long weekends of a year."""
    days = sorted(_of_year(_calendar(country), year).items())
    long = [_entry(day, name) for day, name in days if day.weekday() in (0, 4)]
    return {"country": country, "year": year, "long_weekends": long}


def _free_days(country: str, start: date, years: int) -> list[date]:
    calendar = _calendar(country)
    return [day for year in range(years) for day in _of_year(calendar, start.year + year)]


@WORKDAYS.get("/count")
def count_working_days(
    country: Country,
    start: Annotated[Day, about("First day", "2026-03-02")],
    end: Annotated[Day, about("Last day, counted too", "2026-06-30")],
) -> Answer:
    """Counts the working days between two dates in a country, and the holidays that fall on weekdays."""
    if not timedelta(0) <= end - start <= timedelta(days=3660):
        raise unprocessable("'end' must not be before 'start', nor more than ten years after it")
    free = [day for day in _free_days(country, start, end.year - start.year + 1) if start <= day <= end]
    weekdays = int(np.busday_count(start, end + timedelta(days=1)))
    working = int(np.busday_count(start, end + timedelta(days=1), holidays=free))
    return {
        "country": country,
        "calendar_days": (end - start).days + 1,
        "weekdays": weekdays,
        "holidays_on_weekdays": weekdays - working,
        "working_days": working,
    }


@WORKDAYS.get("/add")
def add_working_days(
    country: Country,
    start: Annotated[Day, about("Day to start from", "2026-04-01")],
    days: Annotated[int, about("Working days to add; negative goes back", 15, ge=-1000, le=1000)],
) -> Answer:
    """Adds working days to a date and returns the date on which they are over."""
    if not 1905 <= start.year <= 2095:
        raise unprocessable("'start' must lie between 1905 and 2095")
    free = _free_days(country, start.replace(year=start.year - 5, day=1), 11)
    end = np.busday_offset(start, days, roll="forward", holidays=free).astype(date)
    return {"start": start.isoformat(), "working_days": days, "end": end.isoformat(), "weekday": f"{end:%A}"}


@WORKDAYS.get("/month/{country}/{year}")
def working_days_per_month(country: Country, year: Year) -> Answer:
    """Gives the number of working days in every month of a year."""
    free = list(_of_year(_calendar(country), year))
    edges = [np.datetime64(f"{year + month // 12}-{month % 12 + 1:02}-01") for month in range(13)]
    counts = [int(np.busday_count(a, b, holidays=free)) for a, b in pairwise(edges)]
    months = {f"{date(year, number + 1, 1):%B}": count for number, count in enumerate(counts)}
    return {"country": country, "year": year, "months": months, "total": sum(counts)}


@WORKDAYS.get("/deadline", fault=Fault.ERROR_OBJECT)
def payment_deadline(
    invoice_date: Annotated[Day, about("Date of the invoice", "2026-02-13")],
    terms: Annotated[int, about("Days until payment is due", 30, ge=0, le=365)],
) -> Answer:
    """due date of an invoice, moved to the next weekday"""
    due = np.busday_offset(invoice_date + timedelta(days=terms), 0, roll="forward").astype(date)
    return {"invoice_date": invoice_date.isoformat(), "due": due.isoformat(), "weekday": f"{due:%A}"}
