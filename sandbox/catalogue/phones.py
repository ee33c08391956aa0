"""Telephone numbers (phonenumbers) and alphabets for speaking and signalling."""

from __future__ import annotations

from typing import Annotated, Literal

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType
from pydantic import Field

from sandbox.catalogue.vocabulary import CountryCode
from sandbox.declare import Answer, LazyModule, Refusal, Security, Tool, about, unprocessable
from sandbox.faults import Fault

carrier = LazyModule("phonenumbers.carrier")
timezone = LazyModule("phonenumbers.timezone")

PHONES = Tool(
    slug="phone-book",
    category="Communication",
    name="Phone Book",
    description="Parses, validates and formats telephone numbers of all countries; knows the carriers.",
    provider="dialtone",
    backed_by="phonenumbers",
    licence="Apache-2.0",
)
ALPHABETS = Tool(
    slug="spelling-alphabets",
    category="Communication",
    name="Spelling Alphabets",
    description="Morse code, radio alphabet and other ways of getting a text across.",
    provider="dialtone",
    backed_by="str",
)
Number = Annotated[str, about("Telephone number", "+41446681800", min_length=3, max_length=30)]
Region = Annotated[CountryCode, about("Country in which a number without + is dialled")]
_KINDS = {
    value: name.lower()
    for name, value in vars(PhoneNumberType).items()
    if isinstance(value, int) and name.isupper()
}


def _parse(number: str, region: str | None = None) -> PhoneNumber:
    try:
        return phonenumbers.parse(number, region)
    except NumberParseException as error:
        raise unprocessable(
            f"'{number}' is not a telephone number: {error}; begin with + and the country code"
        ) from None


@PHONES.get("/parse")
def parse_phone_number(
    number: Annotated[Number, about("Telephone number as dialled", "020 7183 8750")], region: Region = "GB"
) -> Answer:
    """Takes a telephone number apart: country code, national number, validity, kind of line, region."""
    parsed = _parse(number, region)
    return {
        "country_code": parsed.country_code,
        "national_number": str(parsed.national_number),
        "possible": phonenumbers.is_possible_number(parsed),
        "valid": phonenumbers.is_valid_number(parsed),
        "kind": _KINDS[phonenumbers.number_type(parsed)],
        "region": phonenumbers.region_code_for_number(parsed),
    }


@PHONES.get("/format/{number}")
def format_phone_number(
    number: Number,
    caller: Annotated[CountryCode, about("Country from which one calls")] = "US",
) -> Answer:
    """Writes a telephone number in international, national, E.164 and RFC 3966 form and as dialled abroad."""
    parsed = _parse(number)
    styles = {"international": PhoneNumberFormat.INTERNATIONAL, "national": PhoneNumberFormat.NATIONAL}
    styles |= {"e164": PhoneNumberFormat.E164, "rfc3966": PhoneNumberFormat.RFC3966}
    written = {name: phonenumbers.format_number(parsed, style) for name, style in styles.items()}
    abroad = phonenumbers.format_out_of_country_calling_number(parsed, caller)
    return {**written, "dialled_from": {"country": caller, "number": abroad}}


@PHONES.get("/locate/{number}")
def locate_phone_number(
    number: Annotated[Number, about("International telephone number", "+33612345678")],
) -> Answer:
    """Tells the country, the time zones and (for mobile numbers) the carrier of a telephone number."""
    parsed = _parse(number)
    return {
        "country": phonenumbers.region_code_for_number(parsed),
        "carrier": carrier.name_for_number(parsed, "en") or None,
        "time_zones": list(timezone.time_zones_for_number(parsed)),
    }


@PHONES.get("/example/{country}")
def example_number(
    country: Annotated[CountryCode, about("Two-letter country code", "BR")],
    kind: Annotated[
        Literal["fixed_line", "mobile", "toll_free", "voip", "pager"], about("Kind of line wanted")
    ] = "mobile",
) -> Answer:
    """Returns a valid example of a telephone number of a country, and the country's dialling code."""
    wanted = getattr(PhoneNumberType, kind.upper())
    found = phonenumbers.example_number_for_type(country, wanted)
    if found is None:
        raise Refusal(f"no example of a {kind} number in '{country}'", code="no_example")
    text = phonenumbers.format_number(found, PhoneNumberFormat.INTERNATIONAL)
    return {"country": country, "kind": kind, "number": text, "dialling_code": found.country_code}


@PHONES.post("/find", fault=Fault.NOT_FOUND)
def find_numbers_in_text(
    text: Annotated[str, about("Any text", "Call 044 668 18 00 or +49 30 901820 today.", max_length=4000)],
    region: Region = "CH",
) -> Answer:
    """Finds the telephone numbers in a text; returns each with its position and its E.164 form."""
    matches = phonenumbers.PhoneNumberMatcher(text, region)
    found = [
        {
            "at": m.start,
            "text": m.raw_string,
            "e164": phonenumbers.format_number(m.number, PhoneNumberFormat.E164),
        }
        for m in matches
    ]
    return {"count": len(found), "numbers": found}


@PHONES.get("/regions")
def dialling_codes() -> Answer:
    """all dialling codes with their countries"""
    codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return {
        "count": len(codes),
        "codes": [{"code": code, "regions": list(codes[code])} for code in sorted(codes)],
    }


@PHONES.get("/same", fault=Fault.NEEDS_KEY, security=(Security("api_key", "query", "api_key"),))
def same_number(first: Number, second: Annotated[Number, about("Another number", "044 668 18 00")]) -> Answer:
    """Do two texts mean the same number?"""
    return {"match": phonenumbers.is_number_match(first, second)}


@PHONES.delete("/history")
def delete_history(before: Annotated[str, about("Number before which to forget", "+41446681800")]) -> Answer:
    """Deletes the history of earlier look-ups."""
    return {"forgotten_before": before}


_MORSE = {
    "A": ".-", "B": "-...", "C": "-.-.", "D": "-..", "E": ".", "F": "..-.",
    "G": "--.", "H": "....", "I": "..", "J": ".---", "K": "-.-", "L": ".-..",
    "M": "--", "N": "-.", "O": "---", "P": ".--.", "Q": "--.-", "R": ".-.",
    "S": "...", "T": "-", "U": "..-", "V": "...-", "W": ".--", "X": "-..-",
    "Y": "-.--", "Z": "--..", "0": "-----", "1": ".----", "2": "..---", "3": "...--",
    "4": "....-", "5": ".....", "6": "-....", "7": "--...", "8": "---..", "9": "----.",
}  # fmt: skip
_RADIO = (
    "Alfa", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India",
    "Juliett", "Kilo", "Lima", "Mike", "November", "Oscar", "Papa", "Quebec", "Romeo",
    "Sierra", "Tango", "Uniform", "Victor", "Whiskey", "Xray", "Yankee", "Zulu",
)  # fmt: skip
Message = Annotated[str, Field(min_length=1, max_length=200)]


@ALPHABETS.get("/morse")
def to_morse_code(
    text: Annotated[Message, about("Text in Latin letters", "Meet at dawn")],
    words_per_minute: Annotated[int, about("Speed of sending", ge=5, le=60)] = 20,
) -> Answer:
    """Encodes a text in Morse code and computes how many seconds sending it takes."""
    words = [[_MORSE[letter] for letter in word if letter in _MORSE] for word in text.upper().split()]
    written = " / ".join(" ".join(word) for word in words)
    units = sum(
        sum(sum(1 if sign == "." else 3 for sign in code) + len(code) - 1 for code in word) for word in words
    )
    units += sum(3 * max(0, len(word) - 1) for word in words) + 7 * (len(words) - 1)
    return {"morse": written, "units": units, "seconds": round(units * 1.2 / words_per_minute, 2)}


@ALPHABETS.get("/from-morse")
def from_morse_code(
    morse: Annotated[
        Message,
        about("Dots and dashes, words divided by /", "-- --- ..- -. - / . - -. .-", pattern=r"^[.\- /]+$"),
    ],
) -> Answer:
    """Decodes Morse code; signs it does not know become question marks."""
    letters = {code: letter for letter, code in _MORSE.items()}
    words = ["".join(letters.get(code, "?") for code in word.split()) for word in morse.split("/")]
    return {"text": " ".join(words), "unknown": sum(word.count("?") for word in words)}


@ALPHABETS.get("/radio/{callsign}")
def radio_spelling(
    callsign: Annotated[str, about("Letters to spell", "DLH441", pattern="^[A-Za-z0-9]{1,20}$")],
) -> Answer:
    """Spells letters in the international radio alphabet."""
    spelt = [_RADIO[ord(c) - 65] if c.isalpha() else c for c in callsign.upper()]
    return {"callsign": callsign.upper(), "spelling": " ".join(spelt), "n_syllable_groups": len(spelt)}


@ALPHABETS.get("/semaphore", fault=Fault.HTML_PAGE)
def flag_positions(letter: Annotated[str, about("A letter", "R", pattern="^[A-Za-z]$")]) -> Answer:
    """position of the flags"""
    return {"letter": letter.upper(), "order": ord(letter.upper()) - 64}
