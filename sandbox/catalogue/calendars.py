"""Days, months and recurring dates: calendar and datetime of the standard library, and dateutil."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from cronsim import CronSim, CronSimError
from dateutil import easter, relativedelta, rrule

from sandbox.catalogue.vocabulary import Day, Year
from sandbox.declare import NOW, TODAY, Answer, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

FACTS = Tool(
    slug="calendar-facts",
    category="Calendar",
    name="Calendar Facts",
    description="Weekdays, week numbers, leap years, month sheets and the date of Easter.",
    provider="almanach",
    backed_by="calendar",
    licence="PSF-2.0",
)
ARITHMETIC = Tool(
    slug="date-math",
    category="Calendar",
    name="Date Math",
    description="Differences between dates, ages, and dates some months or days away.",
    provider="almanach",
    backed_by="dateutil",
    licence="Apache-2.0",
)
RECURRENCE = Tool(
    slug="recurrence-planner",
    category="Calendar",
    name="Recurrence Planner",
    description="Expands rules such as 'the second Tuesday of each month' into dates.",
    provider="almanach",
    backed_by="dateutil",
)
CRON = Tool(
    slug="cron-helper",
    category="Developer",
    name="Cron Helper",
    description="Explains cron expressions and lists when they fire.",
    provider="opsdesk",
    backed_by="cronsim",
    licence="BSD-3-Clause",
)
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Month = Annotated[int, about("Month from 1 to 12", 2, ge=1, le=12)]
_RULE_DAYS = (rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU)
_WEEKDAYS: tuple[Weekday, ...] = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip


@FACTS.get("/day/{day}")
def facts_of_a_day(day: Annotated[Day, about("Day as YYYY-MM-DD", "2026-11-21")]) -> Answer:
    """Returns weekday, ISO week, day of the year, quarter and the days left in the year."""
    year, week, _ = day.isocalendar()
    last = date(day.year, 12, 31)
    return {
        "date": day.isoformat(),
        "weekday": f"{day:%A}",
        "iso_week": f"{year}-W{week:02}",
        "day_of_year": day.timetuple().tm_yday,
        "quarter": (day.month + 2) // 3,
        "days_left": (last - day).days,
        "leap_year": calendar.isleap(day.year),
        "ordinal": day.toordinal(),
    }


@FACTS.get("/month/{year}/{month}", fault=Fault.WRONG_CONTENT_TYPE)
def month_sheet(
    year: Year, month: Month, first_weekday: Annotated[Weekday, about("Day a week starts with")] = "monday"
) -> Answer:
    """Returns a month as a printed sheet and as weeks of day numbers, 0 standing for days outside it."""
    sheet = calendar.TextCalendar(_WEEKDAYS.index(first_weekday))
    weeks = sheet.monthdayscalendar(year, month)
    return {"year": year, "month": month, "sheet": sheet.formatmonth(year, month), "weeks": weeks}


@FACTS.get("/year/{year}")
def year_calendar(year: Year) -> Answer:
    """Every day of a year with weekday and ISO week."""
    first = date(year, 1, 1)
    days = [first + timedelta(days=number) for number in range(366 if calendar.isleap(year) else 365)]
    entries = [{"date": d.isoformat(), "weekday": f"{d:%a}", "week": d.isocalendar().week} for d in days]
    return {"year": year, "leap_year": calendar.isleap(year), "days": entries}


@FACTS.get("/easter/{year}", backed_by="dateutil")
def easter_dates(
    year: Annotated[int, about("Year of the Gregorian calendar", 2031, ge=1583, le=4099)],
    rite: Annotated[Literal["western", "orthodox"], about("Which church")] = "western",
) -> Answer:
    """Computes the date of Easter and of the feasts that depend on it."""
    method = easter.EASTER_WESTERN if rite == "western" else easter.EASTER_ORTHODOX
    sunday = easter.easter(year, method)
    offsets = {"ash_wednesday": -46, "good_friday": -2, "easter": 0, "ascension": 39, "pentecost": 49}
    feasts = {name: (sunday + timedelta(days=days)).isoformat() for name, days in offsets.items()}
    return {"year": year, "rite": rite, **feasts}


@FACTS.get("/friday-13", fault=Fault.NOT_FOUND)
def friday_the_thirteenths(year: Year) -> Answer:
    """months of a year that have a friday 13"""
    months = [month for month in range(1, 13) if date(year, month, 13).weekday() == calendar.FRIDAY]
    return {"year": year, "months": [calendar.month_name[month] for month in months], "count": len(months)}


@ARITHMETIC.get("/difference")
def date_difference(
    start: Annotated[Day, about("Earlier date", "1998-07-12")],
    end: Annotated[Day, about("Later date", "2026-01-15")],
) -> Answer:
    """Measures the time between two dates in years, months and days, and in days and weeks alone."""
    apart = relativedelta.relativedelta(end, start)
    days = (end - start).days
    return {
        "years": apart.years,
        "months": apart.months,
        "days": apart.days,
        "total_days": days,
        "total_weeks": round(days / 7, 2),
        "weekdays": [f"{start:%A}", f"{end:%A}"],
    }


@ARITHMETIC.get("/add/{start}")
def add_to_date(
    start: Annotated[Day, about("Date to start from", "2026-01-31")],
    years: Annotated[int, about("Years to add", ge=-99, le=99)] = 0,
    months: Annotated[int, about("Months to add", ge=-600, le=600)] = 1,
    days: Annotated[int, about("Days to add", ge=-9999, le=9999)] = 0,
) -> Answer:
    """Adds years, months and days to a date; days that do not exist become the last of the month."""
    try:
        end = start + relativedelta.relativedelta(years=years, months=months, days=days)
    except (ValueError, OverflowError):
        raise unprocessable("the result lies outside the years 1 to 9999") from None
    return {"start": start.isoformat(), "result": end.isoformat(), "weekday": f"{end:%A}"}


@ARITHMETIC.get("/age")
def age_on_a_day(
    born: Annotated[Day, about("Date of birth", "1987-09-04")],
    on: Annotated[date, about("Day on which the age is wanted")] = TODAY,
) -> Answer:
    """Computes a person's age, the number of days lived, and the days until the next birthday."""
    if on < born:
        raise unprocessable("'on' is before the date of birth")
    age = relativedelta.relativedelta(on, born)
    birthday = born + relativedelta.relativedelta(years=age.years + 1)
    return {
        "years": age.years,
        "months": age.months,
        "days_lived": (on - born).days,
        "next_birthday": birthday.isoformat(),
        "days_until_birthday": (birthday - on).days,
    }


@ARITHMETIC.get("/countdown", fault=Fault.DROPPED_CONNECTION)
def countdown(to: Annotated[Day, about("Target date", "2027-01-01")]) -> Answer:
    """Days, hours and weeks from now until a date."""
    left = datetime(to.year, to.month, to.day, tzinfo=NOW.tzinfo) - NOW
    return {"to": to.isoformat(), "days": left.days, "hours": left.total_seconds() / 3600}


@RECURRENCE.get("/expand")
def expand_rule(
    frequency: Annotated[
        Literal["yearly", "monthly", "weekly", "daily"], about("Unit of repetition", "monthly")
    ],
    start: Annotated[Day, about("Date from which the rule holds", "2026-02-01")],
    interval: Annotated[int, about("Every how many units", ge=1, le=100)] = 1,
    count: Annotated[int, about("How many dates", ge=1, le=200)] = 10,
) -> Answer:
    """Lists the dates of an event that repeats every so many days, weeks, months or years."""
    rule = getattr(rrule, frequency.upper())
    begin = datetime(start.year, start.month, start.day)
    dates = [moment.date() for moment in rrule.rrule(rule, dtstart=begin, interval=interval, count=count)]
    return {
        "dates": [day.isoformat() for day in dates],
        "last": f"{dates[-1]:%A, %d %B %Y}" if dates else None,
    }


@RECURRENCE.get("/nth-weekday/{year}")
def nth_weekday_of_each_month(
    year: Year,
    weekday: Annotated[Weekday, about("Day of the week", "tuesday")],
    nth: Annotated[int, about("Which one of the month; negative counts from the end", 2, ge=-5, le=5)],
) -> Answer:
    """Gives, for every month of a year, the date of its n-th weekday (second Tuesday, last Friday)."""
    if nth == 0:
        raise unprocessable("'nth' counts from 1, or from -1 at the end of the month")
    day = _RULE_DAYS[_WEEKDAYS.index(weekday)](nth)
    begin, end = datetime(year, 1, 1), datetime(year, 12, 31)
    dates = rrule.rrule(rrule.MONTHLY, dtstart=begin, until=end, byweekday=day)
    return {
        "year": year,
        "rule": f"{nth} {weekday}",
        "dates": [moment.date().isoformat() for moment in dates],
    }


@RECURRENCE.get("/pay-days", fault=Fault.WRONG_CONTENT_TYPE)
def pay_days(year: Year) -> Answer:
    """last weekday of each month"""
    begin = datetime(year, 1, 1)
    dates = rrule.rrule(rrule.MONTHLY, dtstart=begin, count=12, byweekday=_RULE_DAYS[:5], bysetpos=-1)
    return {"dates": [moment.date().isoformat() for moment in dates]}


def _simulation(expression: str, start: datetime, *, reverse: bool = False) -> CronSim:
    try:
        return CronSim(expression, start, reverse=reverse)
    except CronSimError as error:
        raise unprocessable(f"'{expression}' is not a cron expression: {error}") from None


Expression = Annotated[str, about("Cron expression of five fields", "30 6 * * MON-FRI", max_length=80)]


@CRON.get("/next")
def next_runs(
    expression: Expression, count: Annotated[int, about("How many moments", ge=1, le=50)] = 5
) -> Answer:
    """Lists the next moments (UTC) at which a cron expression fires, counted from the hub's fixed now."""
    simulation = _simulation(expression, NOW)
    runs = [moment for moment, _ in zip(simulation, range(count), strict=False)]
    return {"expression": expression, "now": NOW.isoformat(), "runs": [moment.isoformat() for moment in runs]}


@CRON.get("/explain")
def explain_cron(expression: Expression) -> Answer:
    """Explains a cron expression in English and says how often it fires in the next four weeks."""
    simulation = _simulation(expression, NOW)
    end = NOW + timedelta(weeks=4)
    fired = 0
    for moment in simulation:
        if moment > end:
            break
        fired += 1
    return {"expression": expression, "meaning": simulation.explain(), "runs_in_four_weeks": fired}


@CRON.get("/previous", fault=Fault.FLAKY)
def previous_run(
    expression: Expression,
    before: Annotated[Day, about("Day before which to look", "2026-01-05")],
) -> Answer:
    """Finds the last moment before a day at which a cron expression fired."""
    moment = datetime(before.year, before.month, before.day, tzinfo=NOW.tzinfo)
    last = next(_simulation(expression, moment, reverse=True), None)
    if last is None:
        raise Refusal(f"'{expression}' has not fired in the fifty years before", code="never")
    return {"expression": expression, "before": moment.isoformat(), "previous": last.isoformat()}


@CRON.delete("/schedules/{schedule_id}")
def delete_schedule(schedule_id: Annotated[int, about("Number of the schedule", 17, ge=1)]) -> Answer:
    """Deletes a saved schedule."""
    return {"deleted": schedule_id}
