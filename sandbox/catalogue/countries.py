"""Countries, currencies, languages and local formats, from the locale data in babel."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal

from babel import Locale, UnknownLocaleError, dates, languages, lists, localedata, numbers

from sandbox.catalogue.vocabulary import CountryCode, Day
from sandbox.declare import NOW, Answer, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

COUNTRIES = Tool(
    slug="country-profile",
    category="Geography",
    name="Country Profile",
    description="Names, languages, currencies and customs of the world's countries.",
    provider="atlas",
    backed_by="babel",
    licence="BSD-3-Clause",
)
CURRENCIES = Tool(
    slug="currency-formats",
    category="Finance",
    name="Currency Formats",
    description="Symbols, names and correct notation of currencies in the languages of the world.",
    provider="atlas",
    backed_by="babel",
    licence="BSD-3-Clause",
)
FORMATS = Tool(
    slug="message-formats",
    category="Text",
    name="Message Formats",
    description="Writes dates, durations, numbers and lists as readers of a language expect them.",
    provider="polyglot",
    backed_by="babel",
)
Country = Annotated[CountryCode, about("Two-letter country code", "CH")]
Language = Annotated[
    str, about("Language or locale, e.g. de or pt_BR", "de", max_length=15, pattern="^[A-Za-z_-]+$")
]
Currency = Annotated[str, about("Three-letter currency code", "CHF", pattern="^[A-Z]{3}$")]


@cache
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise Refusal(
            f"no such language or locale: '{name}' (examples: en, de_AT, pt_BR)", code="unknown_locale"
        ) from None


def _english() -> Locale:
    return _locale("en")


def _known(country: str) -> str:
    if country not in _english().territories:
        raise Refusal(f"no country has the code '{country}'", code="unknown_country")
    return country


@COUNTRIES.get("/countries/{country}/languages")
def languages_of_a_country(country: Country) -> Answer:
    """Lists the languages spoken in a country with the share of the population and their official status."""
    spoken: dict[str, dict[str, Any]] = languages.get_territory_language_info(_known(country))
    entries = [
        {
            "code": code,
            "name": _english().languages.get(code.split("_")[0], code),
            "population_percent": info["population_percent"],
            "official_status": info["official_status"],
        }
        for code, info in sorted(spoken.items(), key=lambda item: (-item[1]["population_percent"], item[0]))
    ]
    return {"country": country, "name": _english().territories[country], "languages": entries}


@COUNTRIES.get("/countries/{country}/currencies")
def currencies_of_a_country(country: Country) -> Answer:
    """Lists all currencies that have been legal tender in a country, with the years of their use."""
    used = numbers.get_territory_currencies(
        _known(country), start_date=date(1800, 1, 1), end_date=NOW.date(), tender=True, include_details=True
    )
    entries = [
        {
            "code": item["currency"],
            "name": numbers.get_currency_name(item["currency"], locale="en"),
            "from": item["from"].isoformat() if item["from"] else None,
            "until": item["to"].isoformat() if item["to"] else None,
        }
        for item in used
    ]
    return {"country": country, "currencies": entries}


@COUNTRIES.get("/countries/{country}/name")
def country_name(
    country: Country, language: Annotated[Language, about("Language in which the name is wanted", "fi")]
) -> Answer:
    """Translates the name of a country into another language."""
    name = _locale(language).territories.get(_known(country))
    return {"country": country, "language": _locale(language).english_name, "name": name}


@COUNTRIES.get("/week/{country}", fault=Fault.EMPTY_BODY)
def week_customs(country: Country) -> Answer:
    """Tells on which day the week starts in a country and which days are the weekend."""
    code = next(iter(languages.get_official_languages(_known(country)) or ("en",)))
    locale = Locale.parse(f"{code.split('_')[0]}_{country}")
    names = _english().days["format"]["wide"]
    weekend = sorted({locale.weekend_start, locale.weekend_end})
    return {
        "country": country,
        "first_day": names[locale.first_week_day],
        "weekend": [names[day] for day in weekend],
        "minimum_days_of_first_week": locale.min_week_days,
        "measurement_system": "metric" if country not in ("US", "LR", "MM") else "US customary",
    }


@COUNTRIES.get("/speakers/{code}", fault=Fault.NOT_SUBSCRIBED)
def countries_speaking(code: Annotated[str, about("Language code", "sw", pattern="^[a-z]{2,3}$")]) -> Answer:
    """countries where a language is official"""
    found = [c for c in sorted(_english().territories) if code in languages.get_official_languages(c)]
    return {"language": code, "countries": found}


@CURRENCIES.get("/currencies/{currency}")
def currency_facts(
    currency: Currency, language: Annotated[Language, about("Language of the names")] = "en"
) -> Answer:
    """Returns name, plural name, symbol and number of decimals of a currency."""
    locale = _locale(language)
    if currency not in _english().currencies:
        raise Refusal(f"no currency has the code '{currency}'", code="unknown_currency")
    return {
        "code": currency,
        "name": numbers.get_currency_name(currency, locale=locale),
        "plural": numbers.get_currency_name(currency, count=2, locale=locale),
        "symbol": numbers.get_currency_symbol(currency, locale=locale),
        "decimals": numbers.get_currency_precision(currency),
    }


@CURRENCIES.get("/currencies")
def list_currencies(language: Annotated[Language, about("Language of the names")] = "en") -> Answer:
    """Lists the currencies of the world with their names and symbols."""
    names = _locale(language).currencies
    entries = [
        {"code": code, "name": name, "symbol": numbers.get_currency_symbol(code, locale=_locale(language))}
        for code, name in sorted(names.items())
    ]
    return {"count": len(entries), "currencies": entries}


@CURRENCIES.get("/format")
def format_amount(
    amount: Annotated[float, about("Amount of money", 1234567.891, ge=-1e15, le=1e15)],
    currency: Currency,
    locale: Annotated[Language, about("Locale of the reader", "de_CH")],
    style: Annotated[
        Literal["standard", "accounting"], about("Accounting puts negatives into brackets")
    ] = "standard",
) -> Answer:
    """Writes an amount of money the way readers of a locale expect it."""
    reader = _locale(locale)
    text = numbers.format_currency(Decimal(str(amount)), currency, locale=reader, format_type=style)
    compact = numbers.format_compact_currency(
        Decimal(str(amount)), currency, locale=reader, fraction_digits=1
    )
    name = numbers.format_currency(Decimal(str(amount)), currency, locale=reader, format_type="name")
    return {"formatted": text, "compact": compact, "in_words_of_currency": name}


@CURRENCIES.get("/parse", fault=Fault.NEEDS_KEY)
def parse_amount(
    text: Annotated[str, about("Number as written in the locale", "1.234,56", max_length=40)],
    locale: Language,
) -> Answer:
    """Reads a written number."""
    try:
        return {"value": float(numbers.parse_decimal(text, locale=_locale(locale)))}
    except numbers.NumberFormatError:
        raise unprocessable(f"'{text}' is not a number in that locale") from None


@FORMATS.get("/date")
def format_date(
    day: Annotated[Day, about("Day as YYYY-MM-DD", "2026-05-17")],
    locale: Annotated[Language, about("Locale of the reader", "fr")],
    length: Annotated[Literal["short", "medium", "long", "full"], about("How long the text may be")] = "full",
) -> Answer:
    """Writes a date in the language and order that a locale uses."""
    return {
        "formatted": dates.format_date(day, format=length, locale=_locale(locale)),
        "pattern": dates.get_date_format(length, locale=_locale(locale)).pattern,
        "quarter": dates.format_date(day, "QQQQ", locale=_locale(locale)),
    }


@FORMATS.get("/duration", fault=Fault.SLOW)
def format_duration(
    seconds: Annotated[float, about("Length in seconds", 272_000, ge=-1e9, le=1e9)],
    locale: Annotated[Language, about("Locale of the reader", "sv")],
) -> Answer:
    """Expresses a duration in words of a language, rounded to its largest unit."""
    span, reader = timedelta(seconds=seconds), _locale(locale)
    return {
        "words": dates.format_timedelta(span, locale=reader, threshold=1),
        "relative": dates.format_timedelta(span, locale=reader, add_direction=True),
        "hours": round(seconds / 3600, 3),
    }


@FORMATS.get("/list")
def format_list(
    items: Annotated[
        list[str], about("Things to list", ["bread", "milk", "eggs"], min_length=1, max_length=50)
    ],
    locale: Annotated[Language, about("Locale of the reader", "es")],
    style: Annotated[
        Literal["standard", "or", "standard-short"], about("How the list is joined")
    ] = "standard",
) -> Answer:
    """Joins the items of a list with the commas and conjunctions of a language."""
    return {"text": lists.format_list(items, style=style, locale=_locale(locale)), "count": len(items)}


@FORMATS.get("/number")
def format_number(
    value: Annotated[float, about("Number to write", 9876543.21, ge=-1e15, le=1e15)],
    locale: Annotated[
        str, about("Locale of the reader", header=True, alias="X-Reader-Locale", max_length=15)
    ] = "en_IN",
) -> Answer:
    """Writes a number with the digits and separators of a locale, also in compact and scientific form."""
    reader = _locale(locale)
    return {
        "decimal": numbers.format_decimal(Decimal(str(value)), locale=reader),
        "compact": numbers.format_compact_decimal(Decimal(str(value)), locale=reader, fraction_digits=1),
        "scientific": numbers.format_scientific(Decimal(str(value)), locale=reader),
        "percent": numbers.format_percent(Decimal(str(value)), locale=reader),
    }


@FORMATS.get("/locales", fault=Fault.HUGE)
def list_locales() -> Answer:
    """Every locale there is."""
    return {"locales": sorted(localedata.locale_identifiers())}
