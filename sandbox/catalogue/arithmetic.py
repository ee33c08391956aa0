"""Whole numbers and fractions, from math and fractions of the standard library."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Annotated

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, Tool, about, unprocessable
from sandbox.faults import Fault

NUMBERS = Tool(
    slug="number-theory",
    category="Mathematics",
    name="Number Theory",
    description="Primes, factors, divisors and continued fractions of whole numbers.",
    provider="euclid",
    backed_by="math",
    licence="PSF-2.0",
)
Natural = Annotated[int, about("Whole number up to 10^12", 360360, ge=1, le=10**12)]


def _factors(number: int) -> dict[int, int]:
    found: dict[int, int] = {}
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found[divisor] = found.get(divisor, 0) + 1
            number //= divisor
        divisor += 1 if divisor == 2 else 2
    return found | ({number: 1} if number > 1 else {})


@NUMBERS.get("/factors/{number}")
def prime_factors(number: Natural) -> Answer:
    """Factorises a whole number and counts its divisors; also gives their sum and Euler's phi."""
    factors = _factors(number)
    n_divisors = math.prod(power + 1 for power in factors.values())
    total = math.prod((prime ** (power + 1) - 1) // (prime - 1) for prime, power in factors.items())
    phi = math.prod(prime ** (power - 1) * (prime - 1) for prime, power in factors.items())
    return {
        "number": number,
        "prime": factors == {number: 1},
        "factors": [{"prime": prime, "power": power} for prime, power in factors.items()],
        "n_divisors": n_divisors,
        "sum_of_divisors": total,
        "phi": phi,
    }


@NUMBERS.get("/primes")
def primes_in_a_range(
    start: Annotated[int, about("First number looked at", ge=0, le=10**9)] = 10_000,
    length: Annotated[int, about("How many numbers to look at", ge=1, le=5_000)] = 3_000,
) -> Answer:
    """Lists the prime numbers of a range with the gap that follows each."""
    numbers = range(max(2, start), start + length)
    composite: set[int] = set()
    for divisor in range(2, math.isqrt(start + length) + 1):
        first = max(divisor * divisor, -(-numbers.start // divisor) * divisor)
        composite.update(range(first, numbers.stop, divisor))
    primes = [number for number in numbers if number not in composite]
    rows = [{"prime": one, "gap": other - one} for one, other in pairwise(primes)]
    return {"start": start, "count": len(primes), "largest": max(primes, default=None), "primes": rows}


@NUMBERS.get("/common")
def common_divisor_and_multiple(
    numbers: Annotated[
        list[Natural], about("Two to ten whole numbers", [84, 126, 210], min_length=2, max_length=10)
    ],
) -> Answer:
    """Computes the greatest common divisor and the least common multiple of several numbers."""
    return {"numbers": numbers, "gcd": math.gcd(*numbers), "lcm": math.lcm(*numbers)}


@NUMBERS.get("/fraction", backed_by="fractions", fault=Fault.NEEDS_KEY)
def best_fraction(
    value: Annotated[float, about("Decimal number to approximate", 3.14159265, ge=-1e6, le=1e6)],
    largest_denominator: Annotated[int, about("Largest denominator allowed", ge=1, le=10**6)] = 1000,
) -> Answer:
    """Finds the fraction with a bounded denominator that comes closest to a decimal number."""
    best = Fraction(str(value)).limit_denominator(largest_denominator)
    return {"fraction": str(best), "value": float(best), "error": rounded(float(best) - value, 12)}


@NUMBERS.get("/continued-fraction", backed_by="fractions", fault=Fault.FLAKY)
def continued_fraction(
    numerator: Annotated[int, about("Numerator", 415, ge=-(10**12), le=10**12)],
    denominator: Annotated[int, about("Denominator", 93, ge=1, le=10**12)],
) -> Answer:
    """Expands a fraction into its continued fraction and lists the convergents."""
    terms, a, b = [], numerator, denominator
    while b:
        terms.append(a // b)
        a, b = b, a % b
    before, last, convergents = (0, 1), (1, 0), []
    for term in terms:
        before, last = last, (term * last[0] + before[0], term * last[1] + before[1])
        convergents.append(f"{last[0]}/{last[1]}")
    return {"terms": terms, "convergents": convergents}


@NUMBERS.get("/collatz/{number}", fault=Fault.DROPPED_CONNECTION)
def collatz_path(number: Annotated[int, about("Number to start from", 27, ge=1, le=10**6)]) -> Answer:
    """collatz sequence"""
    path = [number]
    while path[-1] != 1:
        path.append(path[-1] // 2 if path[-1] % 2 == 0 else 3 * path[-1] + 1)
    return {"steps": len(path) - 1, "peak": max(path)}


@NUMBERS.get("/base")
def change_of_base(
    number: Annotated[
        str, about("Number in its present base", "ff7a", max_length=40, pattern="^[0-9a-zA-Z]+$")
    ],
    source: Annotated[int, about("Present base", 16, ge=2, le=36, alias="from")],
    target: Annotated[int, about("Wanted base", 7, ge=2, le=36, alias="to")],
) -> Answer:
    """Rewrites a number from one base in another; returns the decimal value too."""
    try:
        value = int(number, source)
    except ValueError:
        raise unprocessable(f"'{number}' is not a number in base {source}") from None
    digits, rest = "", value
    while rest:
        rest, digit = divmod(rest, target)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return {"decimal": value, "digits": digits or "0", "base": target}
