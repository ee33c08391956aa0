"""Distances and areas on the ellipsoid (geographiclib), and ways of writing down a position."""

from __future__ import annotations

import math
from typing import Annotated

from geographiclib.geodesic import Geodesic

from sandbox.catalogue.vocabulary import Latitude, Longitude, Point, rounded
from sandbox.declare import Answer, Tool, about, unprocessable
from sandbox.faults import Fault

GEODESIC = Tool(
    slug="geodesic-lab",
    category="Geography",
    name="Geodesic Lab",
    description="Exact distances, bearings, areas and waypoints on the WGS84 ellipsoid.",
    provider="terrain",
    backed_by="geographiclib",
    licence="MIT",
)
GRIDS = Tool(
    slug="grid-codes",
    category="Geography",
    name="Grid Codes",
    description="Turns coordinates into geohashes, Maidenhead locators, map tiles and degrees with minutes.",
    provider="terrain",
    backed_by="math",
    licence=None,
)
_EARTH = Geodesic.WGS84
_GEOHASH = "0123456789bcdefghjkmnpqrstuvwxyz"
_WINDS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"]
_TRIANGLE = [
    {"latitude": 25.76, "longitude": -80.19},
    {"latitude": 32.3, "longitude": -64.78},
    {"latitude": 18.47, "longitude": -66.11},
]


def _wind(azimuth: float) -> str:
    return _WINDS[round(azimuth % 360 / 22.5) % 16]


@GEODESIC.get("/distance")
def geodesic_distance(
    lat1: Latitude,
    lon1: Longitude,
    lat2: Annotated[Latitude, about("Latitude of the second place", -33.87)],
    lon2: Annotated[Longitude, about("Longitude of the second place", 151.21)],
) -> Answer:
    """Measures the shortest way between two places in metres, with the bearings at both ends."""
    line = _EARTH.Inverse(lat1, lon1, lat2, lon2)
    return {
        "metres": rounded(line["s12"], 3),
        "initial_bearing": rounded(line["azi1"] % 360, 4),
        "final_bearing": rounded(line["azi2"] % 360, 4),
        "wind": _wind(line["azi1"]),
    }


@GEODESIC.get("/destination")
def destination_point(
    latitude: Latitude,
    longitude: Longitude,
    bearing: Annotated[float, about("Direction in degrees clockwise from north", 292.5, ge=0, le=360)],
    metres: Annotated[float, about("Distance to travel in metres", 750_000, ge=0, le=40_000_000)],
) -> Answer:
    """Finds the place one reaches by travelling a distance in a direction."""
    end = _EARTH.Direct(latitude, longitude, bearing, metres)
    return {
        "latitude": rounded(end["lat2"]),
        "longitude": rounded(end["lon2"]),
        "arrival_bearing": rounded(end["azi2"] % 360, 4),
    }


@GEODESIC.get("/waypoints")
def waypoints(
    lat1: Latitude,
    lon1: Longitude,
    lat2: Annotated[Latitude, about("Latitude of the end", 35.68)],
    lon2: Annotated[Longitude, about("Longitude of the end", 139.77)],
    count: Annotated[int, about("Number of waypoints, the ends included", ge=2, le=200)] = 75,
) -> Answer:
    """Divides the shortest way between two places into equal steps; returns position and bearing of each."""
    line = _EARTH.InverseLine(lat1, lon1, lat2, lon2)
    points = [line.Position(line.s13 * number / (count - 1)) for number in range(count)]
    return {
        "total_metres": rounded(line.s13, 1),
        "waypoints": [
            {
                "step": number,
                "latitude": rounded(point["lat2"], 5),
                "longitude": rounded(point["lon2"], 5),
                "bearing": rounded(point["azi2"] % 360, 2),
            }
            for number, point in enumerate(points)
        ],
    }


@GEODESIC.post("/area")
def polygon_area(
    corners: Annotated[
        list[Point], about("Corners of the polygon in order", _TRIANGLE, min_length=3, max_length=500)
    ],
) -> Answer:
    """Computes area and perimeter of a polygon on the Earth's surface."""
    polygon = _EARTH.Polygon()
    for corner in corners:
        polygon.AddPoint(corner.latitude, corner.longitude)
    number, perimeter, area = polygon.Compute()
    return {
        "corners": number,
        "perimeter_km": rounded(perimeter / 1000, 3),
        "area_km2": rounded(abs(area) / 1e6, 3),
        "orientation": "counter-clockwise" if area > 0 else "clockwise",
    }


@GEODESIC.get("/midpoint", fault=Fault.HUGE)
def midpoint(
    lat1: Latitude,
    lon1: Longitude,
    lat2: Annotated[Latitude, about("Latitude of the second place", 48.86)],
    lon2: Annotated[Longitude, about("Longitude of the second place", 2.35)],
) -> Answer:
    """middle between two points"""
    line = _EARTH.InverseLine(lat1, lon1, lat2, lon2)
    middle = line.Position(line.s13 / 2)
    return {"latitude": rounded(middle["lat2"]), "longitude": rounded(middle["lon2"])}


@GRIDS.get("/geohash")
def encode_geohash(
    latitude: Latitude,
    longitude: Longitude,
    precision: Annotated[int, about("Number of characters", ge=1, le=12)] = 9,
) -> Answer:
    """Encodes a position as a geohash."""
    low, high = [-90.0, -180.0], [90.0, 180.0]
    code, bits = "", 0
    for step in range(5 * precision):
        axis = 1 - step % 2
        middle = (low[axis] + high[axis]) / 2
        above = (latitude, longitude)[axis] >= middle
        (low if above else high)[axis] = middle
        bits = 2 * bits + above
        if step % 5 == 4:
            code, bits = code + _GEOHASH[bits], 0
    return {"geohash": code, "cell": {"south": low[0], "west": low[1], "north": high[0], "east": high[1]}}


@GRIDS.get("/geohash/{code}")
def decode_geohash(
    code: Annotated[str, about("Geohash of up to 12 characters", "u33dc0cpk", min_length=1, max_length=12)],
) -> Answer:
    """Decodes a geohash to the middle of its cell and the size of the error in degrees."""
    low, high = [-90.0, -180.0], [90.0, 180.0]
    for place, letter in enumerate(code.lower()):
        if letter not in _GEOHASH:
            raise unprocessable(f"'{letter}' cannot occur in a geohash")
        for bit in range(5):
            axis = 1 - (5 * place + bit) % 2
            above = _GEOHASH.index(letter) >> (4 - bit) & 1
            (low if above else high)[axis] = (low[axis] + high[axis]) / 2
    middles = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    return {
        "latitude": rounded(middles[0], 7),
        "longitude": rounded(middles[1], 7),
        "error_degrees": {"latitude": high[0] - middles[0], "longitude": high[1] - middles[1]},
    }


@GRIDS.get("/maidenhead")
def maidenhead_locator(latitude: Latitude, longitude: Longitude) -> Answer:
    """Gives the six-character Maidenhead locator that radio amateurs use for a position."""
    east, north = min(longitude + 180, 359.999999), min(latitude + 90, 179.999999)
    field = chr(65 + int(east // 20)) + chr(65 + int(north // 10))
    square = f"{int(east % 20 // 2)}{int(north % 10)}"
    subsquare = chr(97 + int(east % 2 * 12)) + chr(97 + int(north % 1 * 24))
    return {"locator": field + square + subsquare, "field": field}


@GRIDS.get("/tile/{zoom}", fault=Fault.NOT_SUBSCRIBED)
def map_tile(
    zoom: Annotated[int, about("Zoom level of the map", 14, ge=0, le=22)],
    latitude: Latitude,
    longitude: Longitude,
) -> Answer:
    """Finds the web-map tile (x, y) that shows a position at a zoom level, and its ground resolution."""
    bounded = math.radians(max(-85.0511, min(85.0511, latitude)))
    tiles = 2**zoom
    x = min(tiles - 1, int((longitude + 180) / 360 * tiles))
    y = min(tiles - 1, int((1 - math.asinh(math.tan(bounded)) / math.pi) / 2 * tiles))
    return {
        "zoom": zoom,
        "x": x,
        "y": y,
        "metres_per_pixel": rounded(156543.03392 * math.cos(bounded) / tiles, 4),
    }


@GRIDS.get("/dms", fault=Fault.SLOW)
def degrees_minutes_seconds(latitude: Latitude, longitude: Longitude) -> Answer:
    """Coordinates in degrees, minutes and seconds"""

    def written(value: float, positive: str, negative: str) -> str:
        seconds = abs(value) * 3600
        letter = positive if value >= 0 else negative
        return f"{int(seconds // 3600)}°{int(seconds % 3600 // 60)}'{seconds % 60:.2f}\"{letter}"

    return {"latitude": written(latitude, "N", "S"), "longitude": written(longitude, "E", "W")}
