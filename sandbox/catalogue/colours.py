"""Colours and paper: webcolors, colorsys, and the arithmetic of the ISO formats."""

from __future__ import annotations

import colorsys
from typing import Annotated, Literal

import webcolors

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

NAMES = Tool(
    slug="colour-names",
    category="Design",
    name="Colour Names",
    description="The named colours of the web, and the nearest name of any colour.",
    provider="pigment",
    backed_by="webcolors",
    licence="BSD-3-Clause",
)
MATH = Tool(
    slug="colour-math",
    category="Design",
    name="Colour Math",
    description="Converts, mixes and contrasts colours; makes palettes.",
    provider="pigment",
    backed_by="colorsys",
    licence="PSF-2.0",
)
PAPER = Tool(
    slug="paper-sizes",
    category="Design",
    name="Paper Sizes",
    description="Sizes of ISO and US paper, in millimetres, points and pixels.",
    provider="pressroom",
    backed_by="int",
)
Hex = Annotated[str, about("Colour as #rrggbb", "#3f7cac", pattern="^#?[0-9a-fA-F]{6}$")]
Rgb = tuple[int, int, int]


def _rgb(text: str) -> Rgb:
    found = webcolors.hex_to_rgb(text if text.startswith("#") else f"#{text}")
    return found.red, found.green, found.blue


def _hex(rgb: Rgb) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in rgb)


@NAMES.get("/names/{name}")
def colour_by_name(name: Annotated[str, about("Name of a web colour", "Tomato", max_length=40)]) -> Answer:
    """Returns the hexadecimal code, RGB values and percentages of a named colour."""
    try:
        rgb = webcolors.name_to_rgb(name)
    except ValueError:
        raise Refusal(f"'{name}' is not a web colour; GET /names lists them", code="unknown_colour") from None
    shares = webcolors.rgb_to_rgb_percent(rgb)
    return {
        "name": name.lower(),
        "hex": _hex((rgb.red, rgb.green, rgb.blue)),
        "rgb": list(rgb),
        "percent": list(shares),
    }


@NAMES.get("/names")
def list_colour_names() -> Answer:
    """Lists all named colours of the web with their hexadecimal codes and RGB values."""
    names = sorted(webcolors.names("css3"))
    entries = [
        {"name": name, "hex": webcolors.name_to_hex(name), "rgb": list(webcolors.name_to_rgb(name))}
        for name in names
    ]
    return {"count": len(entries), "colours": entries}


@NAMES.get("/nearest")
def nearest_named_colour(
    colour: Hex, limit: Annotated[int, about("How many names to return", ge=1, le=10)] = 3
) -> Answer:
    """Finds the named colours closest to a colour, with their distance in RGB space."""
    rgb = _rgb(colour)
    distances = []
    for name in webcolors.names("css3"):
        other = webcolors.name_to_rgb(name)
        distances.append((sum((a - b) ** 2 for a, b in zip(rgb, other, strict=True)) ** 0.5, name))
    nearest = [{"name": name, "distance": rounded(d, 3)} for d, name in sorted(distances)[:limit]]
    return {"colour": _hex(rgb), "nearest": nearest}


@NAMES.get("/safe", fault=Fault.DROPPED_CONNECTION)
def web_safe_colour(colour: Hex) -> Answer:
    """web safe version"""
    red, green, blue = (51 * round(channel / 51) for channel in _rgb(colour))
    return {"colour": _hex((red, green, blue))}


@MATH.get("/convert")
def convert_colour(colour: Hex) -> Answer:
    """Converts a colour to RGB, HSL, HSV, YIQ and CMYK."""
    red, green, blue = (channel / 255 for channel in _rgb(colour))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    key = 1 - max(red, green, blue)
    cmy = [0.0 if key == 1 else (1 - channel - key) / (1 - key) for channel in (red, green, blue)]
    return {
        "rgb": list(_rgb(colour)),
        "hsl": [rounded(360 * hue, 1), rounded(100 * saturation, 1), rounded(100 * light, 1)],
        "hsv": [rounded(value, 4) for value in colorsys.rgb_to_hsv(red, green, blue)],
        "yiq": [rounded(value, 4) for value in colorsys.rgb_to_yiq(red, green, blue)],
        "cmyk": [rounded(100 * value, 1) for value in (*cmy, key)],
    }


@MATH.get("/palette")
def make_palette(
    colour: Hex,
    scheme: Annotated[
        Literal["complementary", "triadic", "tetradic", "analogous"],
        about("How the hues are spread", "triadic"),
    ],
) -> Answer:
    """Makes a palette of colours that go with a colour."""
    turns = {
        "complementary": (0, 180),
        "triadic": (0, 120, 240),
        "tetradic": (0, 90, 180, 270),
        "analogous": (0, 30, 330),
    }
    hue, light, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in _rgb(colour)))
    made = [colorsys.hls_to_rgb((hue + turn / 360) % 1, light, saturation) for turn in turns[scheme]]
    return {
        "scheme": scheme,
        "colours": [_hex((round(255 * r), round(255 * g), round(255 * b))) for r, g, b in made],
    }


def _luminance(rgb: Rgb) -> float:
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@MATH.get("/contrast", backed_by="math")
def contrast_ratio(
    text: Annotated[Hex, about("Colour of the text", "#5a6472")],
    background: Annotated[Hex, about("Colour behind it", "#f4f1ea")],
) -> Answer:
    """Computes the contrast ratio of two colours and whether it satisfies WCAG AA and AAA."""
    high, low = sorted((_luminance(_rgb(text)), _luminance(_rgb(background))), reverse=True)
    ratio = (high + 0.05) / (low + 0.05)
    levels = {"aa_normal": 4.5, "aa_large": 3.0, "aaa_normal": 7.0, "aaa_large": 4.5}
    return {"ratio": rounded(ratio, 3), **{name: ratio >= least for name, least in levels.items()}}


@MATH.get("/gradient", fault=Fault.NOT_FOUND)
def colour_gradient(
    start: Annotated[Hex, about("First colour", "#102542")],
    end: Annotated[Hex, about("Last colour", "#f87060")],
    steps: Annotated[int, about("Number of colours, the ends included", ge=2, le=256)] = 5,
) -> Answer:
    """Blends one colour into another in equal steps; returns the colour and the lightness of each step."""
    one, other = _rgb(start), _rgb(end)
    rows = []
    for number in range(steps):
        share = number / (steps - 1)
        red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
        lightness = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)[1]
        rows.append({"hex": _hex((red, green, blue)), "lightness": rounded(lightness, 4)})
    return {"gradient": rows}


@MATH.post("/mix", fault=Fault.NOT_SUBSCRIBED)
def mix_colours(
    colours: Annotated[
        list[Hex], about("Colours to mix", ["#ff0000", "#00ff00", "#0000ff"], min_length=1, max_length=20)
    ],
) -> Answer:
    """mixes colours"""
    channels = zip(*(_rgb(colour) for colour in colours), strict=True)
    red, green, blue = (round(sum(values) / len(values)) for values in channels)
    return {"colour": _hex((red, green, blue))}


Series = Literal["A", "B", "C"]
_FIRST: dict[Series, tuple[int, int]] = {"A": (841, 1189), "B": (1000, 1414), "C": (917, 1297)}


def _millimetres(series: Series, number: int) -> tuple[int, int]:
    width, height = _FIRST[series]
    for _ in range(number):
        width, height = height // 2, width
    return width, height


@PAPER.get("/iso/{series}/{number}")
def iso_paper_size(
    series: Annotated[Series, about("Series of the format", "A")],
    number: Annotated[int, about("Number of the format", 4, ge=0, le=10)],
    dpi: Annotated[int, about("Dots per inch, for the size in pixels", ge=30, le=4800)] = 300,
) -> Answer:
    """Returns the size of an ISO paper format in millimetres, inches, points and pixels."""
    size = _millimetres(series, number)
    return {
        "format": f"{series}{number}",
        "millimetres": list(size),
        "inches": [rounded(side / 25.4, 3) for side in size],
        "points": [round(side / 25.4 * 72) for side in size],
        "pixels": [round(side / 25.4 * dpi) for side in size],
    }


@PAPER.get("/fit")
def smallest_paper(
    width: Annotated[float, about("Width of the print in millimetres", 190, ge=1, le=1500)],
    height: Annotated[float, about("Height of the print in millimetres", 260, ge=1, le=1500)],
    margin: Annotated[float, about("Margin on every side in millimetres", ge=0, le=100)] = 10,
) -> Answer:
    """Finds the smallest ISO format that holds a print with its margins, and how much of it stays empty."""
    wanted = sorted((width + 2 * margin, height + 2 * margin))
    fitting = []
    for series in _FIRST:
        for number in range(11):
            size = _millimetres(series, number)
            if size[0] >= wanted[0] and size[1] >= wanted[1]:
                fitting.append((size[0] * size[1], f"{series}{number}", size))
    if not fitting:
        raise unprocessable("no ISO format is that large")
    area, name, size = min(fitting)
    return {
        "format": name,
        "millimetres": list(size),
        "empty_percent": rounded(100 - 100 * width * height / area, 2),
    }


@PAPER.get("/weight")
def weight_of_sheets(
    sheets: Annotated[int, about("Number of sheets", 350, ge=1, le=10**6)],
    grammage: Annotated[float, about("Grams per square metre", ge=20, le=500)] = 80,
    number: Annotated[int, about("Number of the A format", ge=0, le=10)] = 4,
) -> Answer:
    """Computes the weight in grams and the height in millimetres of a stack of paper."""
    width, height = _millimetres("A", number)
    grams = sheets * grammage * width * height / 1e6
    return {"grams": rounded(grams, 1), "stack_millimetres": rounded(sheets * grammage * 1.25 / 1000, 1)}


@PAPER.get("/us", fault=Fault.HTML_PAGE)
def us_paper_size(
    name: Annotated[Literal["letter", "legal", "ledger"], about("Name of the format", "letter")],
) -> Answer:
    """us paper"""
    sizes = {"letter": (8.5, 11), "legal": (8.5, 14), "ledger": (11, 17)}
    return {"inches": list(sizes[name]), "millimetres": [rounded(25.4 * side, 1) for side in sizes[name]]}
