"""The Sun, the Moon, planets and stars, computed by astral and ephem."""

from __future__ import annotations

import calendar
import math
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

import ephem
import ephem.stars
from astral import Observer, SunDirection, moon, sun

from sandbox.catalogue.vocabulary import Day, Latitude, Longitude, Year, rounded
from sandbox.declare import NOW, Answer, Refusal, Security, Tool, about, unprocessable
from sandbox.faults import Fault

SUN = Tool(
    slug="sun-times",
    category="Astronomy",
    name="Sun Times",
    description="Sunrise, sunset, twilight and the height of the Sun for any place and day.",
    provider="skylab",
    backed_by="astral",
    licence="Apache-2.0",
)
MOON = Tool(
    slug="moon-watch",
    category="Astronomy",
    name="Moon Watch",
    description="Phases of the Moon, the dates of the next full and new Moon, moonrise and distance.",
    provider="skylab",
    backed_by="ephem",
    licence="MIT",
)
SkyDay = Annotated[Day, about("Day as YYYY-MM-DD (UTC)", "2026-08-12")]


def clock(moment: datetime) -> str:
    """A moment of UTC as text, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _sun_of(observer: Observer, day: date) -> Answer:
    try:
        times = {name: clock(moment) for name, moment in sun.sun(observer, date=day).items()}
    except ValueError as error:  # polar day and night
        raise unprocessable(f"{error} at latitude {observer.latitude} on {day}") from None
    # Far from Greenwich the Sun may set before it rises, as days of UTC go.
    length = (sun.sunset(observer, day) - sun.sunrise(observer, day)) % timedelta(days=1)
    return {"date": day.isoformat(), **times, "day_length_minutes": round(length.total_seconds() / 60)}


@SUN.get("/times")
def sun_times(latitude: Latitude, longitude: Longitude, day: SkyDay) -> Answer:
    """Returns dawn, sunrise, noon, sunset and dusk (UTC) and the length of the day at a place."""
    return _sun_of(Observer(latitude, longitude), day)


@SUN.get("/month/{year}/{month}")
def sun_table_of_a_month(
    year: Year,
    month: Annotated[int, about("Month from 1 to 12", 6, ge=1, le=12)],
    latitude: Latitude = 48.2,
    longitude: Longitude = 16.37,
) -> Answer:
    """Returns a table with dawn, sunrise, noon, sunset, dusk and day length for every day of a month."""
    observer = Observer(latitude, longitude)
    days = range(1, calendar.monthrange(year, month)[1] + 1)
    return {"year": year, "month": month, "days": [_sun_of(observer, date(year, month, day)) for day in days]}


@SUN.get("/position")
def sun_position(
    latitude: Latitude,
    longitude: Longitude,
    moment: Annotated[datetime, about("Moment as YYYY-MM-DDTHH:MM:SSZ")] = NOW,
) -> Answer:
    """Computes how high the Sun stands above the horizon and in which direction, in degrees."""
    observer, when = Observer(latitude, longitude), _utc(moment)
    return {
        "moment": clock(when),
        "elevation": rounded(sun.elevation(observer, when), 3),
        "azimuth": rounded(sun.azimuth(observer, when), 3),
        "zenith": rounded(sun.zenith(observer, when), 3),
    }


def _utc(moment: datetime) -> datetime:
    if not 1900 <= moment.year <= 2100:
        raise unprocessable("'moment' must lie between 1900 and 2100")
    return moment.replace(tzinfo=NOW.tzinfo) if moment.tzinfo is None else moment.astimezone(NOW.tzinfo)


@SUN.get("/golden-hour", fault=Fault.ERROR_OBJECT)
def golden_hour(
    latitude: Latitude,
    longitude: Longitude,
    day: SkyDay,
    part: Annotated[Literal["morning", "evening"], about("Which of the two")] = "evening",
) -> Answer:
    """Gives the start and the end of the golden hour, the soft light photographers wait for."""
    direction = SunDirection.RISING if part == "morning" else SunDirection.SETTING
    try:
        start, end = sun.golden_hour(Observer(latitude, longitude), day, direction)
    except ValueError as error:
        raise unprocessable(str(error)) from None
    return {
        "part": part,
        "start": clock(start),
        "end": clock(end),
        "minutes": round((end - start).seconds / 60, 1),
    }


@SUN.get("/shadow", fault=Fault.NEEDS_KEY, security=(Security(),))
def shadow_length(
    height: Annotated[float, about("Height of the object in metres", 12.5, gt=0, le=10_000)],
    latitude: Latitude,
    longitude: Longitude,
) -> Answer:
    """Length of the shadow of an object right now."""
    elevation = sun.elevation(Observer(latitude, longitude), NOW)
    length = rounded(height / math.tan(math.radians(elevation)), 2) if elevation > 0 else None
    return {"sun_elevation": rounded(elevation, 3), "shadow_metres": length}


def at_midnight(day: date) -> ephem.Date:
    """The beginning of a day, as ephem counts time."""
    return ephem.Date(datetime(day.year, day.month, day.day))


@MOON.get("/phase/{day}")
def moon_phase(day: SkyDay) -> Answer:
    """Returns the illuminated share of the Moon, its distance and the constellation it stands in."""
    body = ephem.Moon(at_midnight(day))
    return {
        "date": day.isoformat(),
        "illuminated_percent": rounded(body.phase, 2),
        "distance_km": round(body.earth_distance * 149_597_870.7),
        "constellation": ephem.constellation(body)[1],
        "age_days": rounded(at_midnight(day) - ephem.previous_new_moon(at_midnight(day)), 2),
    }


@MOON.get("/next-phases")
def next_moon_phases(after: SkyDay) -> Answer:
    """Gives date and time (UTC) of the next new Moon, first quarter, full Moon and last quarter."""
    searches = {
        "new_moon": ephem.next_new_moon,
        "first_quarter": ephem.next_first_quarter_moon,
        "full_moon": ephem.next_full_moon,
        "last_quarter": ephem.next_last_quarter_moon,
    }
    return {name: clock(search(at_midnight(after)).datetime()) for name, search in searches.items()}


@MOON.get("/full-moons/{year}")
def full_moons_of_a_year(year: Year) -> Answer:
    """Lists all full Moons of a year and tells which months have two (a blue Moon)."""
    moons, moment = [], ephem.next_full_moon(at_midnight(date(year, 1, 1)))
    while moment.datetime().year == year:
        moons.append(moment.datetime())
        moment = ephem.next_full_moon(moment)
    months = [m.month for m in moons]
    blue = sorted({calendar.month_name[month] for month in months if months.count(month) > 1})
    return {
        "year": year,
        "full_moons": [clock(m) for m in moons],
        "count": len(moons),
        "blue_moon_months": blue,
    }


def observer_at(latitude: float, longitude: float, day: date) -> Any:
    """Somebody who looks at the sky at the beginning of a day."""
    observer = ephem.Observer()
    observer.lat, observer.lon, observer.date = str(latitude), str(longitude), at_midnight(day)
    return observer


@MOON.get("/rise-and-set", fault=Fault.DROPPED_CONNECTION)
def moonrise_and_moonset(latitude: Latitude, longitude: Longitude, day: SkyDay) -> Answer:
    """Computes the next moonrise and moonset (UTC) at a place."""
    observer = observer_at(latitude, longitude, day)
    try:
        rise, down = observer.next_rising(ephem.Moon()), observer.next_setting(ephem.Moon())
    except (ephem.AlwaysUpError, ephem.NeverUpError) as error:
        raise unprocessable(f"the Moon does not rise or set there: {error}") from None
    return {"rise": clock(rise.datetime()), "set": clock(down.datetime())}


@MOON.get("/eclipse-season", fault=Fault.SERVER_ERROR)
def eclipse_season(year: Year) -> Answer:
    """full moons near a node of the orbit, where an eclipse may happen"""
    found = []
    for text in full_moons_of_a_year(year)["full_moons"]:
        moment = ephem.Date(text.rstrip("Z").replace("T", " ").replace("-", "/"))
        latitude = math.degrees(ephem.Ecliptic(ephem.Moon(moment)).lat)
        found += [{"moment": text, "ecliptic_latitude": rounded(latitude, 3)}] if abs(latitude) < 1.5 else []
    return {"year": year, "candidates": found}


PLANETS = Tool(
    slug="planet-finder",
    category="Astronomy",
    name="Planet Finder",
    description="Where the planets are: coordinates, constellation, distance, brightness.",
    provider="skylab",
    backed_by="ephem",
    licence="MIT",
)
STARS = Tool(
    slug="star-atlas",
    category="Astronomy",
    name="Star Atlas",
    description="Positions of bright stars, constellations of the sky, and the seasons.",
    provider="orrery",
    backed_by="ephem",
)
Planet = Literal["mercury", "venus", "mars", "jupiter", "saturn", "uranus", "neptune"]


def _planet(name: str, day: date) -> Any:
    return getattr(ephem, name.capitalize())(at_midnight(day))


def _position(body: Any) -> Answer:
    return {
        "right_ascension_hours": rounded(math.degrees(body.ra) / 15, 4),
        "declination_degrees": rounded(math.degrees(body.dec), 4),
        "constellation": ephem.constellation(body)[1],
        "magnitude": rounded(body.mag, 2),
    }


@PLANETS.get("/position/{planet}")
def planet_position(planet: Annotated[Planet, about("Name of the planet", "jupiter")], day: SkyDay) -> Answer:
    """Returns right ascension, declination, constellation, magnitude and distance of a planet on a day."""
    body = _planet(planet, day)
    distances = {
        "from_earth_au": rounded(body.earth_distance, 5),
        "from_sun_au": rounded(body.sun_distance, 5),
    }
    return {"planet": planet, "date": day.isoformat(), **_position(body), **distances}


@PLANETS.get("/visible", fault=Fault.HTML_PAGE)
def visible_planets(latitude: Latitude, longitude: Longitude, day: SkyDay) -> Answer:
    """Lists the planets that stand above the horizon at midnight UTC, with height and direction."""
    observer = observer_at(latitude, longitude, day)
    found = []
    for name in ("mercury", "venus", "mars", "jupiter", "saturn", "uranus", "neptune"):
        body = getattr(ephem, name.capitalize())(observer)
        if body.alt > 0:
            height, direction = math.degrees(body.alt), math.degrees(body.az)
            found.append({"planet": name, "altitude": rounded(height, 2), "azimuth": rounded(direction, 2)})
    return {"date": day.isoformat(), "visible": found}


@PLANETS.get("/separation/{first}/{second}")
def planet_separation(
    first: Annotated[Planet, about("A planet", "venus")],
    second: Annotated[Planet, about("Another planet", "jupiter")],
    day: SkyDay,
) -> Answer:
    """Measures the angle between two planets in the sky, in degrees."""
    angle = math.degrees(ephem.separation(_planet(first, day), _planet(second, day)))
    return {
        "first": first,
        "second": second,
        "date": day.isoformat(),
        "separation_degrees": rounded(angle, 4),
    }


@PLANETS.get("/ephemeris/{planet}")
def planet_ephemeris(
    planet: Annotated[Planet, about("Name of the planet", "mars")],
    start: SkyDay,
    days: Annotated[int, about("How many days to list", ge=1, le=120)] = 45,
) -> Answer:
    """Tabulates a planet day by day: right ascension, declination, constellation, magnitude, distances."""
    dates = [start + timedelta(days=number) for number in range(days)]
    return {"planet": planet, "table": [planet_position(planet, day) for day in dates]}


@PLANETS.get("/great-red-spot", fault=Fault.HTML_PAGE)
def jupiter_meridian() -> Answer:
    """Central meridian of Jupiter now"""
    body = ephem.Jupiter(ephem.Date(NOW.replace(tzinfo=None)))
    return {
        "system_i": rounded(math.degrees(body.cmlI), 2),
        "system_ii": rounded(math.degrees(body.cmlII), 2),
    }


def _star(name: str) -> Any:
    try:
        return ephem.star(name.title())
    except KeyError:
        raise Refusal(f"no star '{name}' in the atlas; GET /stars lists them", code="unknown_star") from None


@STARS.get("/stars")
def list_stars(
    brighter_than: Annotated[
        float, about("Largest magnitude to list; small numbers are bright", ge=-2, le=6)
    ] = 6,
) -> Answer:
    """Lists the named stars of the atlas with magnitude, position and constellation."""
    day = ephem.Date(NOW.replace(tzinfo=None))
    entries = []
    for name in sorted(ephem.stars.stars):
        body = ephem.star(name)
        body.compute(day)
        if body.mag <= brighter_than:
            entries.append({"name": name, **_position(body)})
    return {"count": len(entries), "stars": entries}


@STARS.get("/stars/{name}")
def get_star(
    name: Annotated[str, about("Name of a star", "Betelgeuse", max_length=30)], day: SkyDay
) -> Answer:
    """Returns the position, magnitude and constellation of one star."""
    body = _star(name)
    body.compute(at_midnight(day))
    return {"name": name.title(), **_position(body)}


@STARS.get("/seasons/{year}")
def seasons(year: Year) -> Answer:
    """Gives the moments (UTC) of the equinoxes and solstices of a year."""
    start = at_midnight(date(year, 1, 1))
    spring = ephem.next_vernal_equinox(start)
    summer = ephem.next_summer_solstice(start)
    autumn = ephem.next_autumnal_equinox(start)
    winter = ephem.next_winter_solstice(start)
    names = ("march_equinox", "june_solstice", "september_equinox", "december_solstice")
    moments = zip(names, (spring, summer, autumn, winter), strict=True)
    return {"year": year, **{name: clock(moment.datetime()) for name, moment in moments}}


@STARS.get("/constellation", fault=Fault.NOT_FOUND)
def constellation_at(
    right_ascension: Annotated[float, about("Right ascension in hours", 5.6, ge=0, lt=24)],
    declination: Annotated[float, about("Declination in degrees", -1.2, ge=-90, le=90)],
) -> Answer:
    """Finds the constellation that a point of the sky belongs to."""
    short, name = ephem.constellation((math.radians(right_ascension * 15), math.radians(declination)))
    return {"constellation": name, "abbreviation": short}


@STARS.get("/moon-today", backed_by="astral", fault=Fault.ERROR_OBJECT)
def moon_age() -> Answer:
    """Age of the moon, 0 to 28."""
    return {"age": rounded(moon.phase(NOW.date()), 3)}
