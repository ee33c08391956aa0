"""Time zones and meetings across them, from the standard library's zoneinfo."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from sandbox.catalogue.vocabulary import Day, Year, Zone, rounded
from sandbox.declare import NOW, Answer, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

ZONES = Tool(
    slug="time-zones",
    category="Travel",
    name="Time Zones",
    description="The time anywhere, offsets from UTC, and when clocks change.",
    provider="meridian",
    backed_by="zoneinfo",
    licence="PSF-2.0",
)
MEETINGS = Tool(
    slug="meetup-planner",
    category="Travel",
    name="Meetup Planner",
    description="Finds hours that suit people in different time zones.",
    provider="meridian",
    backed_by="zoneinfo",
)
Region = Literal[
    "Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"
]
Hour = Annotated[int, about("Hour of the day, 0 to 23", ge=0, le=23)]
Zones = Annotated[
    list[Zone],
    about(
        "IANA time zones", ["America/New_York", "Europe/Madrid", "Asia/Kolkata"], min_length=1, max_length=10
    ),
]


@cache
def _names() -> tuple[str, ...]:
    return tuple(
        sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    )


def _zone(name: str) -> ZoneInfo:
    if name not in _names() and name != "UTC":
        raise Refusal(f"unknown time zone '{name}'; GET /zones lists the names", code="unknown_zone")
    return ZoneInfo(name)


def _hours(moment: datetime) -> float:
    offset = moment.utcoffset()
    return rounded(offset.total_seconds() / 3600, 4) if offset is not None else 0.0


def _state(name: str, moment: datetime) -> Answer:
    local = moment.astimezone(_zone(name))
    return {
        "zone": name,
        "local_time": f"{local:%Y-%m-%d %H:%M:%S}",
        "weekday": f"{local:%A}",
        "abbreviation": local.tzname(),
        "utc_offset_hours": _hours(local),
        "daylight_saving": bool(local.dst()),
    }


@ZONES.get("/now")
def current_time(zone: Zone) -> Answer:
    """Returns the current local time of a zone, its offset from UTC and whether daylight saving holds."""
    return _state(zone, NOW)


@ZONES.get("/convert")
def convert_time(
    moment: Annotated[
        datetime, about("Local date and time to convert, YYYY-MM-DDTHH:MM", "2026-07-04T18:30:00")
    ],
    source: Annotated[Zone, about("Zone of the given time", "America/Chicago", alias="from")],
    target: Annotated[Zone, about("Zone wanted", "Asia/Tokyo", alias="to")],
) -> Answer:
    """Converts a date and time from one zone to another and tells the difference in hours."""
    if not 1900 <= moment.year <= 2100:
        raise unprocessable("'moment' must lie between 1900 and 2100")
    here = moment.replace(tzinfo=_zone(source))
    there = here.astimezone(_zone(target))
    return {
        "from": _state(source, here),
        "to": _state(target, here),
        "difference_hours": _hours(there) - _hours(here),
    }


@ZONES.get("/transitions/{year}", fault=Fault.FLAKY)
def clock_changes(year: Year, zone: Zone = "Europe/Paris") -> Answer:
    """Lists the moments of a year at which the clocks of a zone change, with the offsets before and after."""
    place, first = _zone(zone), datetime(year, 1, 1, tzinfo=UTC)
    days = [first + timedelta(days=number) for number in range(366 if calendar.isleap(year) else 365)]
    changing = [day for day in days if _offset(day, place) != _offset(day + timedelta(days=1), place)]
    hours = [day + timedelta(hours=number) for day in changing for number in range(24)]
    return {
        "zone": zone,
        "year": year,
        "changes": [change for hour in hours for change in _change(hour, place)],
    }


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def _change(hour: datetime, zone: ZoneInfo) -> list[Answer]:
    """The change of the clocks at the end of an hour, if there is one."""
    later = hour + timedelta(hours=1)
    before, after = hour.astimezone(zone), later.astimezone(zone)
    if before.utcoffset() == after.utcoffset():
        return []
    change = {"at": f"{later:%Y-%m-%dT%H:%MZ}", "before": _hours(before), "after": _hours(after)}
    return [change | {"abbreviation": after.tzname()}]


@ZONES.get("/zones")
def list_zones(
    region: Annotated[Region, about("Part of the world")] = "Asia",
) -> Answer:
    """list of all zone names of a region with offset and local time"""
    names = [name for name in _names() if name.startswith(f"{region}/")]
    rows = [_state(name, NOW) for name in names]
    return {
        "count": len(rows),
        "zones": [{k: r[k] for k in ("zone", "local_time", "utc_offset_hours")} for r in rows],
    }


@ZONES.get("/sync", fault=Fault.FLAKY)
def world_clock(zones: Zones) -> Answer:
    """Shows the current time in several zones side by side, from west to east."""
    states = [_state(name, NOW) for name in zones]
    return {"clocks": sorted(states, key=lambda state: (state["utc_offset_hours"], state["zone"]))}


@MEETINGS.get("/overlap")
def common_working_hours(
    zones: Zones,
    day: Annotated[Day, about("Day of the meeting", "2026-03-18")],
    opens: Annotated[Hour, about("First working hour of everybody")] = 8,
    closes: Annotated[Hour, about("Hour after which nobody works")] = 18,
) -> Answer:
    """Finds the hours of a day (UTC) at which all zones are within working hours."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    places = [_zone(name) for name in zones]
    moments = [midnight + timedelta(hours=hour) for hour in range(24)]
    fits = [m for m in moments if all(opens <= m.astimezone(place).hour < closes for place in places)]
    return {
        "day": day.isoformat(),
        "zones": zones,
        "hours_utc": [f"{m:%H:%M}" for m in fits],
        "count": len(fits),
    }


@MEETINGS.get("/table")
def meeting_table(zones: Zones, day: Annotated[Day, about("Day of the meeting", "2026-11-03")]) -> Answer:
    """Returns a table of all hours of a day in each zone, marked as night, early, working or late."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = []
    for number in range(24):
        moment = midnight + timedelta(hours=number)
        local = [moment.astimezone(_zone(name)) for name in zones]
        cells = [
            {"zone": n, "time": f"{t:%A %H:%M}", "part": _part(t.hour)}
            for n, t in zip(zones, local, strict=True)
        ]
        rows.append({"utc": f"{moment:%H:%M}", "local": cells})
    return {"day": day.isoformat(), "rows": rows}


def _part(hour: int) -> str:
    return "night" if hour < 6 else "early" if hour < 9 else "working" if hour < 18 else "late"


@MEETINGS.get("/jet-lag", fault=Fault.WRONG_CONTENT_TYPE)
def jet_lag(
    home: Annotated[Zone, about("Zone one comes from", "Europe/London")],
    away: Annotated[Zone, about("Zone one travels to", "Australia/Perth")],
) -> Answer:
    """Estimates the jet lag between two zones: hours shifted, direction, and days to recover."""
    shift = _hours(NOW.astimezone(_zone(away))) - _hours(NOW.astimezone(_zone(home)))
    shortest = (shift + 12) % 24 - 12
    per_day = 1.0 if shortest > 0 else 1.5
    direction = "east" if shortest > 0 else "west" if shortest < 0 else "none"
    return {"hours": shortest, "direction": direction, "days_to_recover": rounded(abs(shortest) / per_day, 1)}


@MEETINGS.post("/invitations", read_only=False)
def create_invitation(
    title: Annotated[str, about("What the meeting is about", "Quarterly review", max_length=100)],
    zones: Zones,
    day: Day,
) -> Answer:
    """Creates an invitation and returns the local dates of all who take part."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return {"title": title, "times": [_state(name, noon) for name in zones]}


@MEETINGS.get("/rooms", fault=Fault.EMPTY_BODY)
def earliest_zone(zones: Zones) -> Answer:
    """zone where the day begins first"""
    return {"zone": max(zones, key=lambda name: _hours(NOW.astimezone(_zone(name))))}
