"""Numbers (math, fractions), matrices and polynomials (numpy), samples (statistics)."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, LazyModule, Tool, about, unprocessable
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


np = LazyModule("numpy")

MATRICES = Tool(
    slug="linear-algebra",
    category="Mathematics",
    name="Linear Algebra",
    description="Solves systems of linear equations and takes matrices apart.",
    provider="euclid",
    backed_by="numpy",
    licence="BSD-3-Clause",
)
POLYNOMIALS = Tool(
    slug="polynomial-desk",
    category="Mathematics",
    name="Polynomial Desk",
    description="Roots, values, derivatives and fits of polynomials.",
    provider="euclid",
    backed_by="numpy",
    licence="BSD-3-Clause",
)
Entry = Annotated[float, Field(ge=-1e9, le=1e9)]
Row = Annotated[list[Entry], Field(min_length=1, max_length=12)]
Matrix = Annotated[
    list[Row], about("Rows of a matrix", [[4, 1, 2], [1, 3, 0], [2, 0, 5]], min_length=1, max_length=12)
]
Coefficients = Annotated[
    list[Entry], about("Coefficients, the constant first", [-6, 11, -6, 1], min_length=1, max_length=16)
]


def _array(rows: list[list[float]], *, square: bool = True) -> Any:
    if len({len(row) for row in rows}) != 1:
        raise unprocessable("all rows of the matrix must have the same length")
    array = np.array(rows, dtype=float)
    if square and array.shape[0] != array.shape[1]:
        raise unprocessable(f"the matrix must be square, not {array.shape[0]} by {array.shape[1]}")
    return array


def _numbers(values: Any) -> list[float]:
    return [rounded(value, 8) for value in values]


@MATRICES.post("/solve")
def solve_equations(
    matrix: Matrix,
    constants: Annotated[Row, about("Right-hand sides, one per row", [7, 8, 9])],
) -> Answer:
    """Solves a system of linear equations; returns the unknowns and the determinant of the matrix."""
    array = _array(matrix)
    if len(constants) != len(matrix):
        raise unprocessable(f"{len(matrix)} rows need {len(matrix)} constants, not {len(constants)}")
    try:
        solution = np.linalg.solve(array, np.array(constants))
    except np.linalg.LinAlgError:
        raise unprocessable("the equations have no unique solution (singular matrix)") from None
    return {"solution": _numbers(solution), "determinant": rounded(np.linalg.det(array))}


@MATRICES.post("/inverse")
def invert_matrix(matrix: Matrix) -> Answer:
    """Computes the inverse of a square matrix and its condition number."""
    array = _array(matrix)
    try:
        inverse = np.linalg.inv(array)
    except np.linalg.LinAlgError:
        raise unprocessable("the matrix has no inverse (singular matrix)") from None
    return {"inverse": [_numbers(row) for row in inverse], "condition": rounded(np.linalg.cond(array), 4)}


@MATRICES.post("/properties")
def matrix_properties(matrix: Matrix) -> Answer:
    """Returns rank, trace, determinant, Frobenius norm and symmetry of a square matrix."""
    array = _array(matrix)
    return {
        "rank": int(np.linalg.matrix_rank(array)),
        "trace": rounded(np.trace(array)),
        "determinant": rounded(np.linalg.det(array)),
        "norm": rounded(np.linalg.norm(array)),
        "symmetric": bool(np.array_equal(array, array.T)),
    }


@MATRICES.post("/eigenvalues", fault=Fault.SERVER_ERROR)
def eigenvalues(matrix: Matrix) -> Answer:
    """Eigenvalues of a symmetric matrix."""
    return {"eigenvalues": _numbers(np.linalg.eigvalsh(_array(matrix)))}


@MATRICES.delete("/matrices/{matrix_id}")
def delete_matrix(matrix_id: Annotated[int, about("Number of a stored matrix", 3, ge=1)]) -> Answer:
    """Removes a stored matrix."""
    return {"deleted": matrix_id}


@POLYNOMIALS.get("/roots")
def polynomial_roots(coefficients: Coefficients) -> Answer:
    """Finds all real and complex roots of a polynomial."""
    polynomial = np.polynomial.Polynomial(coefficients).trim()
    if polynomial.degree() < 1:
        raise unprocessable("a constant has no roots")
    roots = sorted(
        map(complex, polynomial.roots()), key=lambda root: (round(root.real, 8), round(root.imag, 8))
    )
    entries = [{"real": rounded(root.real), "imaginary": rounded(root.imag)} for root in roots]
    return {"degree": polynomial.degree(), "roots": entries}


@POLYNOMIALS.get("/evaluate")
def evaluate_polynomial(
    coefficients: Coefficients,
    x: Annotated[float, about("Place at which to evaluate", 2.5, ge=-1000, le=1000)],
) -> Answer:
    """Evaluates a polynomial at a place, with its first derivative and its integral from zero."""
    polynomial = np.polynomial.Polynomial(coefficients)
    return {
        "x": x,
        "value": rounded(polynomial(x)),
        "derivative": rounded(polynomial.deriv()(x)),
        "integral_from_zero": rounded(polynomial.integ()(x)),
    }


@POLYNOMIALS.get("/fit")
def fit_polynomial(
    x: Annotated[list[Entry], about("Places", [0, 1, 2, 3, 4], min_length=2, max_length=100)],
    y: Annotated[
        list[Entry], about("Values at the places", [1.1, 2.9, 9.2, 19.1, 32.8], min_length=2, max_length=100)
    ],
    degree: Annotated[int, about("Degree of the polynomial", ge=1, le=6)] = 2,
) -> Answer:
    """Fits a polynomial to points by least squares; returns the coefficients and the largest error."""
    if len(x) != len(y) or len(set(x)) <= degree:
        raise unprocessable("'x' and 'y' must be equally long, with more different places than the degree")
    fitted = np.polynomial.Polynomial.fit(x, y, degree)
    errors = np.abs(fitted(np.array(x)) - np.array(y))
    return {"coefficients": _numbers(fitted.convert().coef), "largest_error": rounded(errors.max())}


@POLYNOMIALS.get("/product", fault=Fault.ERROR_OBJECT)
def multiply_polynomials(
    first: Coefficients, second: Annotated[list[Entry], about("Second polynomial", [1, 2], min_length=1)]
) -> Answer:
    """multiplies 2 polynomials"""
    return {"coefficients": _numbers(np.polynomial.polynomial.polymul(first, second))}


STATISTICS = Tool(
    slug="statistics-box",
    category="Mathematics",
    name="Statistics Box",
    description="Describes samples: averages, spread, quantiles, correlation, regression.",
    provider="gauss",
    backed_by="statistics",
    licence="PSF-2.0",
)
Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Sample = Annotated[
    list[Number],
    about("The numbers of the sample", [12.4, 15.1, 9.8, 20.3, 14.7, 11.2], min_length=2, max_length=1000),
]


@STATISTICS.get("/summary")
def summarise_sample(values: Sample) -> Answer:
    """Returns mean, median, standard deviation, variance, range and sum of a sample."""
    return {
        "n": len(values),
        "sum": rounded(sum(values)),
        "mean": rounded(statistics.fmean(values)),
        "median": rounded(statistics.median(values)),
        "stdev": rounded(statistics.stdev(values)),
        "variance": rounded(statistics.variance(values)),
        "minimum": min(values),
        "maximum": max(values),
    }


@STATISTICS.get("/quantiles")
def quantiles_of_sample(
    values: Sample,
    parts: Annotated[int, about("Into how many equal parts to divide", ge=2, le=100)] = 4,
    method: Annotated[
        Literal["exclusive", "inclusive"], about("Whether the sample holds the extremes")
    ] = "exclusive",
) -> Answer:
    """Divides a sample into parts of equal size and returns the values at their borders."""
    cuts = statistics.quantiles(values, n=parts, method=method)
    return {"parts": parts, "cut_points": [rounded(cut) for cut in cuts]}


class Pair(BaseModel):
    """A measured point."""

    x: Number
    y: Number


@STATISTICS.post("/regression")
def linear_regression(
    points: Annotated[
        list[Pair],
        about(
            "Measured points",
            [{"x": 1, "y": 2.3}, {"x": 2, "y": 4.1}, {"x": 3, "y": 6.2}, {"x": 5, "y": 9.7}],
            min_length=2,
            max_length=1000,
        ),
    ],
) -> Answer:
    """Fits a straight line to points; returns slope, intercept and Pearson's correlation."""
    x, y = [point.x for point in points], [point.y for point in points]
    if len(set(x)) < 2 or len(set(y)) < 2:
        raise unprocessable("the points must differ in x and in y")
    slope, intercept = statistics.linear_regression(x, y)
    correlation = statistics.correlation(x, y)
    return {"slope": rounded(slope), "intercept": rounded(intercept), "correlation": rounded(correlation)}


@STATISTICS.get("/normal")
def normal_distribution(
    x: Annotated[float, about("Value whose probability is wanted", 130, ge=-1e9, le=1e9)],
    mean: Annotated[float, about("Mean of the distribution", ge=-1e9, le=1e9)] = 100,
    stdev: Annotated[float, about("Standard deviation", ge=1e-6, le=1e9)] = 15,
) -> Answer:
    """Gives the share of a normal distribution below a value, the density there and the z-score."""
    normal = statistics.NormalDist(mean, stdev)
    return {
        "z_score": rounded(normal.zscore(x)),
        "below": rounded(normal.cdf(x), 9),
        "above": rounded(1 - normal.cdf(x), 9),
        "density": rounded(normal.pdf(x), 9),
    }


@STATISTICS.get("/outliers", fault=Fault.HTML_PAGE)
def find_outliers(
    values: Sample,
    factor: Annotated[float, about("Interquartile ranges that are still usual", ge=0.1, le=10)] = 1.5,
) -> Answer:
    """Finds values that lie unusually far from the quartiles of a sample."""
    first, _, third = statistics.quantiles(values, n=4)
    reach = factor * (third - first)
    outliers = [value for value in values if not first - reach <= value <= third + reach]
    return {"low": rounded(first - reach), "high": rounded(third + reach), "outliers": outliers}


@STATISTICS.get("/means", fault=Fault.NOT_FOUND)
def three_means(values: Sample) -> Answer:
    """arithmetic, geometric and harmonic mean"""
    positive = [value for value in values if value > 0]
    return {
        "arithmetic": rounded(statistics.fmean(values)),
        "geometric": rounded(statistics.geometric_mean(positive)),
        "harmonic": rounded(statistics.harmonic_mean(positive)),
    }
