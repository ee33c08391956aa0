"""Planets and stars, computed by ephem."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Annotated, Any, Literal

import ephem
import ephem.stars
from astral import moon

from sandbox.catalogue.sun_and_moon import SkyDay, at_midnight, clock, observer_at
from sandbox.catalogue.vocabulary import Latitude, Longitude, Year, rounded
from sandbox.declare import NOW, Answer, Refusal, Tool, about
from sandbox.faults import Fault

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
