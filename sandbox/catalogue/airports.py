"""Airports and the flights between them: airportsdata and geographiclib."""

from __future__ import annotations

import math
from functools import cache
from heapq import nsmallest
from itertools import pairwise
from typing import Annotated, Any, Literal

import airportsdata
from geographiclib.geodesic import Geodesic
from pydantic import StringConstraints

from sandbox.catalogue.vocabulary import CountryCode, Latitude, Longitude, rounded
from sandbox.declare import Answer, Refusal, Security, Tool, about, unprocessable
from sandbox.faults import Fault

FINDER = Tool(
    slug="airport-finder",
    category="Travel",
    name="Airport Finder",
    description="Looks up the world's airports by code, name, city, country or position.",
    provider="jetstream",
    backed_by="airportsdata",
    licence="MIT",
)
FLIGHTS = Tool(
    slug="flight-distance",
    category="Travel",
    name="Flight Distance",
    description="Great-circle distances between airports, legs of a route, and rough flying times.",
    provider="jetstream",
    backed_by="geographiclib",
    licence="MIT",
)
_Upper = StringConstraints(to_upper=True, strip_whitespace=True, min_length=3, max_length=4)
Iata = Annotated[str, _Upper, about("Three-letter IATA code", "OSL")]
Airport = dict[str, Any]


@cache
def _by_iata() -> dict[str, Airport]:
    airports: Any = airportsdata.load("IATA")
    return dict(sorted(airports.items()))


@cache
def _by_icao() -> dict[str, Airport]:
    return {airport["icao"]: airport for airport in _by_iata().values()}


def _airport(code: str) -> Airport:
    if code not in _by_iata():
        raise Refusal(f"no airport has the IATA code '{code}'; try GET /search", code="unknown_airport")
    return _by_iata()[code]


def _entry(airport: Airport) -> Answer:
    return {
        "iata": airport["iata"],
        "icao": airport["icao"],
        "name": airport["name"],
        "city": airport["city"],
        "region": airport["subd"],
        "country": airport["country"],
        "elevation_ft": airport["elevation"],
        "latitude": rounded(airport["lat"], 5),
        "longitude": rounded(airport["lon"], 5),
        "timezone": airport["tz"],
    }


def _short(airport: Airport) -> Answer:
    return {key: airport[key] for key in ("iata", "name", "city", "country")}


def _kilometres(one: Airport, other: Airport) -> float:
    line = Geodesic.WGS84.Inverse(one["lat"], one["lon"], other["lat"], other["lon"])
    return float(line["s12"]) / 1000


def _chord(one: Airport, other: Airport) -> float:
    """Grows with the distance on a sphere; cheap enough to sort all airports by it."""
    turn = math.cos(math.radians(one["lon"] - other["lon"]))
    north, south = math.radians(one["lat"]), math.radians(other["lat"])
    return -(math.sin(north) * math.sin(south) + math.cos(north) * math.cos(south) * turn)


@FINDER.get("/airports/{iata}")
def airport_by_iata(iata: Iata) -> Answer:
    """Returns name, city, country, elevation, coordinates and time zone of the airport with an IATA code."""
    return _entry(_airport(iata))


@FINDER.get("/icao/{icao}", fault=Fault.ERROR_OBJECT)
def airport_by_icao(
    icao: Annotated[str, _Upper, about("Four-letter ICAO code", "LOWI")],
) -> Answer:
    """Finds the airport that belongs to a four-letter ICAO code."""
    if icao not in _by_icao():
        raise Refusal(f"no airport has the ICAO code '{icao}'", code="unknown_airport")
    return _entry(_by_icao()[icao])


@FINDER.get("/search", name="searchAirports")
def search_airports(
    query: Annotated[
        str, about("Part of the name or the city, at least three letters", "Reykjav", min_length=3)
    ],
    limit: Annotated[int, about("Most airports to return", ge=1, le=50)] = 10,
) -> Answer:
    """Searches airports whose name or city contains a text."""
    wanted = query.casefold()
    found = [a for a in _by_iata().values() if wanted in f"{a['name']} {a['city']}".casefold()]
    return {"query": query, "total": len(found), "airports": [_entry(a) for a in found[:limit]]}


@FINDER.get("/countries/{country}")
def airports_of_a_country(
    country: Annotated[CountryCode, about("Two-letter country code", "NO")],
    limit: Annotated[int, about("Most airports to return", ge=1, le=100)] = 40,
) -> Answer:
    """All airports of a country, the highest ones first."""
    found = [a for a in _by_iata().values() if a["country"] == country]
    if not found:
        raise Refusal(f"no airports known in '{country}'", code="unknown_country")
    highest = sorted(found, key=lambda a: (-a["elevation"], a["iata"]))
    return {"country": country, "total": len(found), "airports": [_entry(a) for a in highest[:limit]]}


@FINDER.get("/nearest", backed_by="geographiclib")
def nearest_airports(
    latitude: Latitude,
    longitude: Longitude,
    limit: Annotated[int, about("How many airports", ge=1, le=20)] = 3,
) -> Answer:
    """Finds the airports closest to a position and their distances in kilometres."""
    here: Airport = {"lat": latitude, "lon": longitude}
    candidates = nsmallest(3 * limit, _by_iata().values(), key=lambda airport: _chord(here, airport))
    found = sorted((_kilometres(here, a), a["iata"]) for a in candidates)[:limit]
    return {"airports": [_short(_by_iata()[iata]) | {"km": rounded(km, 2)} for km, iata in found]}


@FINDER.get(
    "/departures/{iata}", fault=Fault.NEEDS_KEY, security=(Security("bearer", "header", "Authorization"),)
)
def busiest_neighbours(iata: Iata) -> Answer:
    """Airports of the same country as the given one, alphabetically."""
    home = _airport(iata)
    return {"airports": [_short(a) for a in _by_iata().values() if a["country"] == home["country"]][:10]}


@FLIGHTS.get("/distance/{origin}/{destination}")
def distance_between_airports(
    origin: Annotated[Iata, about("IATA code of the first airport", "LIS")],
    destination: Annotated[Iata, about("IATA code of the second airport", "GRU")],
    unit: Annotated[Literal["km", "miles", "nautical_miles"], about("Unit of the distance")] = "km",
) -> Answer:
    """Computes the great-circle distance between two airports and the initial heading."""
    one, other = _airport(origin), _airport(destination)
    line = Geodesic.WGS84.Inverse(one["lat"], one["lon"], other["lat"], other["lon"])
    metres = {"km": 1000, "miles": 1609.344, "nautical_miles": 1852}[unit]
    return {
        "origin": _short(one),
        "destination": _short(other),
        "distance": rounded(line["s12"] / metres, 1),
        "unit": unit,
        "initial_heading": rounded(line["azi1"] % 360, 1),
    }


@FLIGHTS.get("/route")
def route_with_legs(
    stops: Annotated[
        list[Iata],
        about("IATA codes in the order of travel", ["HEL", "DXB", "SIN"], min_length=2, max_length=12),
    ],
) -> Answer:
    """Adds up the legs of a journey over several airports; returns each leg and the total in kilometres."""
    airports = [_airport(code) for code in stops]
    legs = [
        {"from": a["iata"], "to": b["iata"], "km": rounded(_kilometres(a, b), 1)}
        for a, b in pairwise(airports)
    ]
    direct = _kilometres(airports[0], airports[-1])
    total = sum(leg["km"] for leg in legs)
    return {"legs": legs, "total_km": rounded(total, 1), "detour_km": rounded(total - direct, 1)}


@FLIGHTS.get("/time")
def flying_time(
    origin: Iata,
    destination: Annotated[Iata, about("IATA code of the destination", "NRT")],
    cruise_kmh: Annotated[float, about("Cruising speed in km/h", ge=100, le=3000)] = 880,
) -> Answer:
    """Estimates the time in the air between two airports and the emissions of one passenger in kg of CO2."""
    distance = _kilometres(_airport(origin), _airport(destination))
    minutes = round(30 + 60 * distance / cruise_kmh)
    return {
        "km": rounded(distance, 1),
        "minutes": minutes,
        "duration": f"{minutes // 60} h {minutes % 60:02} min",
        "co2_kg": rounded(0.115 * distance + 13, 1),
    }


@FLIGHTS.get("/midway", fault=Fault.DROPPED_CONNECTION)
def midway_airport(origin: Iata, destination: Annotated[Iata, about("IATA code", "CPT")]) -> Answer:
    """airport nearest to the middle of a flight"""
    one, other = _airport(origin), _airport(destination)
    line = Geodesic.WGS84.InverseLine(one["lat"], one["lon"], other["lat"], other["lon"])
    middle = line.Position(line.s13 / 2)
    if one is other:
        raise unprocessable("origin and destination are the same airport")
    return {"airports": nearest_airports(middle["lat2"], middle["lon2"], 1)["airports"]}
