"""Check digits of cards, accounts, books and goods (arithmetic of the published standards)."""

from __future__ import annotations

from typing import Annotated, Literal

from sandbox.declare import Answer, Tool, about, unprocessable
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
