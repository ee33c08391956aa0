"""QR codes (segno)."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import segno
from segno import helpers

from sandbox.declare import Answer, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

QR = Tool(
    slug="qr-studio",
    category="Communication",
    name="QR Studio",
    description="Makes QR codes of texts, wireless networks and business cards, as matrices or SVG.",
    provider="blackwhite",
    backed_by="segno",
    licence="BSD-3-Clause",
)
Content = Annotated[
    str, about("Text to encode", "https://example.org/tickets/4711", min_length=1, max_length=1500)
]
Level = Annotated[Literal["L", "M", "Q", "H"], about("Error correction: L 7 %, M 15 %, Q 25 %, H 30 %")]


def _code(content: str, level: str) -> segno.QRCode:
    try:
        return segno.make_qr(content, error=level, boost_error=False)
    except segno.DataOverflowError:
        raise unprocessable("the text is too long for one QR code") from None


def _facts(code: segno.QRCode) -> Answer:
    width, height = code.symbol_size(border=0)
    return {"version": code.version, "mask": code.mask, "mode": code.mode, "modules": [width, height]}


@QR.get("/matrix")
def qr_matrix(content: Content, level: Level = "M") -> Answer:
    """Makes a QR code; returns its rows as strings of 0 (light) and 1 (dark), with version and mask."""
    code = _code(content, level)
    rows = ["".join(str(int(module > 0)) for module in row) for row in code.matrix]
    return {**_facts(code), "dark_modules": sum(row.count("1") for row in rows), "rows": rows}


@QR.get("/svg", fault=Fault.SLOW)
def qr_svg(
    content: Content,
    level: Level = "M",
    scale: Annotated[int, about("Size of a module in pixels", ge=1, le=40)] = 4,
    dark: Annotated[str, about("Colour of the dark modules", pattern="^#[0-9a-fA-F]{6}$")] = "#000000",
) -> Answer:
    """Makes a QR code as an SVG picture; returns the picture's text, its size and its SHA-256."""
    code = _code(content, level)
    svg = code.svg_inline(scale=scale, dark=dark)
    digest = hashlib.sha256(svg.encode()).hexdigest()
    return {**_facts(code), "pixels": list(code.symbol_size(scale=scale)), "sha256": digest, "svg": svg}


@QR.get("/capacity")
def qr_capacity(content: Content) -> Answer:
    """Tells which version (size) of QR code a text needs at each level of error correction."""
    versions = {level: _code(content, level).designator for level in ("L", "M", "Q", "H")}
    return {"characters": len(content), "bytes": len(content.encode()), "designators": versions}


@QR.get("/wifi")
def wifi_code(
    ssid: Annotated[str, about("Name of the network", "Guest;Hall 4", min_length=1, max_length=32)],
    password: Annotated[str, about("Its password", "c0rrect:horse", max_length=63)],
    security: Annotated[Literal["WPA", "WEP"], about("Kind of encryption")] = "WPA",
) -> Answer:
    """Makes the QR code that lets a telephone join a wireless network; returns the encoded text."""
    content = helpers.make_wifi_data(ssid=ssid, password=password, security=security)
    return {"content": content, **_facts(_code(content, "M"))}


@QR.post("/business-card")
def business_card_code(
    name: Annotated[str, about("Full name", "Ada Lovelace", min_length=1, max_length=80)],
    email: Annotated[str, about("E-mail address", "ada@example.org", max_length=80)],
    phone: Annotated[str, about("Telephone number", "+442071838750", max_length=30)],
) -> Answer:
    """Makes the QR code of a business card (MeCard); returns the encoded text, size and version."""
    try:
        content = helpers.make_mecard_data(name=name, email=email, phone=phone)
    except ValueError as error:
        raise unprocessable(str(error)) from None
    return {"content": content, **_facts(_code(content, "Q"))}


@QR.get("/micro", fault=Fault.HUGE)
def micro_code(number: Annotated[str, about("Digits", "20260115", pattern="^[0-9]{1,30}$")]) -> Answer:
    """micro qr"""
    try:
        return {"designator": segno.make_micro(number).designator}
    except segno.DataOverflowError:
        raise Refusal("too many digits for a Micro QR code", status=422, code="unprocessable") from None
