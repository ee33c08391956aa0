"""Matrices and polynomials, computed by numpy."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, Tool, about, unprocessable
from sandbox.faults import Fault
from sandbox.lazy import LazyModule

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
