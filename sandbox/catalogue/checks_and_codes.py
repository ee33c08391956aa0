"""Check digits (arithmetic of the published standards) and QR codes (segno)."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import segno
from segno import helpers

from sandbox.declare import Answer, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

CHECKS = Tool(
    slug="payment-checks",
    category="Finance",
    name="Payment Checks",
    description="Verifies the check digits of card numbers, bank accounts and article codes.",
    provider="clearing",
    backed_by="int",
)
Digits = Annotated[str, about("Digits only", pattern=r"^[0-9 -]{2,40}$")]


def _digits(text: str) -> list[int]:
    return [int(letter) for letter in text if letter.isdigit()]


def _luhn_sum(digits: list[int]) -> int:
    doubled = [2 * d - 9 * (d > 4) if place % 2 else d for place, d in enumerate(reversed(digits))]
    return sum(doubled)


@CHECKS.get("/card/{number}")
def check_card_number(number: Annotated[Digits, about("Card number", "4539 1488 0343 6467")]) -> Answer:
    """Verifies a card number by the Luhn formula, names the network, and gives the expected check digit."""
    digits = _digits(number)
    expected = -_luhn_sum([*digits[:-1], 0]) % 10
    networks = {"4": "Visa", "34": "American Express", "37": "American Express", "6011": "Discover"}
    networks |= {str(prefix): "Mastercard" for prefix in range(51, 56)}
    joined = "".join(map(str, digits))
    network = next((name for prefix, name in networks.items() if joined.startswith(prefix)), "unknown")
    return {
        "valid": digits[-1:] == [expected],
        "expected_check_digit": expected,
        "network": network,
        "length": len(digits),
    }


@CHECKS.get("/iban/{iban}")
def check_iban(
    iban: Annotated[
        str,
        about("International bank account number", "GB82WEST12345698765432", pattern="^[A-Za-z0-9 ]{5,42}$"),
    ],
) -> Answer:
    """Verifies an IBAN by its remainder modulo 97 and computes the check digits it should have."""
    compact = iban.replace(" ", "").upper()
    if not (compact[:2].isalpha() and compact[2:4].isdigit()):
        raise unprocessable("an IBAN begins with two letters and two digits")
    expected = 98 - _remainder(f"{compact[4:]}{compact[:2]}00")
    remainder = _remainder(compact[4:] + compact[:4])
    return {
        "valid": remainder == 1,
        "country": compact[:2],
        "check_digits": compact[2:4],
        "expected_check_digits": f"{expected:02}",
        "bban": compact[4:],
    }


def _remainder(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text)) % 97


@CHECKS.get("/article", fault=Fault.HUGE)
def article_check_digit(
    digits: Annotated[Digits, about("Number without its check digit", "978030640615")],
    standard: Annotated[Literal["ean13", "upc", "isbn10"], about("Kind of number")] = "ean13",
) -> Answer:
    """Computes the check digit of an EAN-13, UPC or ISBN-10 and returns the complete number."""
    numbers, lengths = _digits(digits), {"ean13": 12, "upc": 11, "isbn10": 9}
    if len(numbers) != lengths[standard]:
        raise unprocessable(
            f"{standard} needs {lengths[standard]} digits before the check digit, not {len(numbers)}"
        )
    if standard == "isbn10":
        check = -sum((10 - place) * digit for place, digit in enumerate(numbers)) % 11
        letter = "X" if check == 10 else str(check)
    else:
        weights = (1, 3) if standard == "ean13" else (3, 1)
        letter = str(-sum(weights[place % 2] * digit for place, digit in enumerate(numbers)) % 10)
    return {"standard": standard, "check_digit": letter, "complete": "".join(map(str, numbers)) + letter}


@CHECKS.get("/reference", fault=Fault.HTML_PAGE)
def creditor_reference(
    reference: Annotated[str, about("Own reference", "INV2026X17", pattern="^[A-Za-z0-9]{1,21}$")],
) -> Answer:
    """structured creditor reference (RF)"""
    check = 98 - _remainder(f"{reference.upper()}RF00")
    return {"reference": f"RF{check:02}{reference.upper()}"}


@CHECKS.post("/payments", read_only=False)
def submit_payment(
    iban: Annotated[
        str, about("Account of the receiver", "GB82WEST12345698765432", pattern="^[A-Za-z0-9 ]{5,42}$")
    ],
    amount: Annotated[float, about("Amount in euro", 120.5, ge=0.01, le=1e6)],
) -> Answer:
    """Submits a payment to the clearing house."""
    return {"accepted": check_iban(iban)["valid"], "amount": amount}


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
