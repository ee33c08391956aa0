"""Elements, isotopes and molecules, computed by periodictable."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, LazyModule, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

periodictable = LazyModule("periodictable")
pyparsing = LazyModule("pyparsing")  # reads the formulas for periodictable

ELEMENTS = Tool(
    slug="periodic-table",
    category="Science",
    name="Periodic Table",
    description="Facts about the chemical elements and their isotopes: masses, densities, abundances.",
    provider="chemdesk",
    backed_by="periodictable",
    licence="Public domain",
)
MOLECULES = Tool(
    slug="molecule-lab",
    category="Science",
    name="Molecule Lab",
    description="Molar masses, compositions and simple laboratory arithmetic for chemical formulas.",
    provider="chemdesk",
    backed_by="periodictable",
    licence="Public domain",
)
Formula = Annotated[
    str, about("Chemical formula such as C6H12O6", "C8H10N4O2", max_length=60, pattern=r"^[A-Za-z0-9()]+$")
]


def _element(symbol: str) -> Any:
    try:
        return periodictable.elements.symbol(symbol.capitalize())
    except ValueError:
        raise Refusal(f"no element has the symbol '{symbol}'", code="unknown_element") from None


def _entry(element: Any) -> Answer:
    return {
        "symbol": element.symbol,
        "name": element.name,
        "atomic_number": element.number,
        "atomic_mass": rounded(element.mass, 5),
        "density_g_cm3": element.density,
    }


@ELEMENTS.get("/elements/{symbol}")
def get_element(symbol: Annotated[str, about("Symbol of the element", "Fe", max_length=3)]) -> Answer:
    """Returns name, atomic number, atomic mass, density and covalent radius of one element."""
    element = _element(symbol)
    radius = element.covalent_radius
    return {**_entry(element), "covalent_radius_angstrom": radius, "n_isotopes": len(list(element))}


@ELEMENTS.get("/elements")
def list_elements(
    lightest: Annotated[int, about("Smallest atomic number", ge=1, le=118)] = 1,
    heaviest: Annotated[int, about("Largest atomic number", ge=1, le=118)] = 118,
) -> Answer:
    """Lists elements in the order of their atomic numbers, with masses and densities."""
    found = [e for e in periodictable.elements if e.number and lightest <= e.number <= heaviest]
    return {"count": len(found), "elements": [_entry(element) for element in found]}


@ELEMENTS.get("/elements/{symbol}/isotopes")
def list_isotopes(
    symbol: Annotated[str, about("Symbol of the element", "Sn", max_length=3)],
    natural_only: Annotated[bool, about("Leave out isotopes that do not occur in nature")] = True,
) -> Answer:
    """Lists the isotopes of an element with mass number, atomic mass and natural abundance in percent."""
    isotopes = [
        {"mass_number": i.isotope, "atomic_mass": rounded(i.mass, 6), "abundance_percent": i.abundance}
        for i in _element(symbol)
        if i.abundance or not natural_only
    ]
    return {"symbol": symbol.capitalize(), "count": len(isotopes), "isotopes": isotopes}


@ELEMENTS.get("/by-mass", fault=Fault.HTML_PAGE)
def element_by_mass(
    mass: Annotated[float, about("Atomic mass in u", 63.5, gt=0, le=300)],
) -> Answer:
    """finds element closest to a mass"""
    return _entry(min((e for e in periodictable.elements if e.number), key=lambda e: abs(e.mass - mass)))


@ELEMENTS.get("/compare/{first}/{second}", fault=Fault.FLAKY)
def compare_elements(
    first: Annotated[str, about("Symbol of an element", "Au", max_length=3)],
    second: Annotated[str, about("Symbol of another", "Ag", max_length=3)],
) -> Answer:
    """Compares two elements: the ratio of their masses and of their densities."""
    one, other = _element(first), _element(second)
    dense = one.density and other.density
    return {
        "first": _entry(one),
        "second": _entry(other),
        "mass_ratio": rounded(one.mass / other.mass),
        "density_ratio": rounded(one.density / other.density) if dense else None,
    }


def _molecule(formula: str) -> Any:
    try:
        molecule = periodictable.formula(formula)
    except (ValueError, pyparsing.ParseException):
        molecule = None
    if molecule is None or molecule.mass <= 0:
        raise unprocessable(f"'{formula}' is not a chemical formula (example: C6H12O6)")
    return molecule


@MOLECULES.get("/molar-mass/{formula}")
def molar_mass(formula: Formula) -> Answer:
    """Computes the molar mass of a compound in g/mol and counts its atoms."""
    molecule = _molecule(formula)
    atoms = {str(element): count for element, count in molecule.atoms.items()}
    return {
        "formula": formula,
        "molar_mass_g_mol": rounded(molecule.mass, 4),
        "hill": str(molecule.hill),
        "atoms": atoms,
        "n_atoms": sum(atoms.values()),
    }


@MOLECULES.get("/composition/{formula}")
def composition_by_mass(
    formula: Formula, digits: Annotated[int, about("Digits after the point", ge=0, le=8)] = 3
) -> Answer:
    """Breaks a compound down into the percentage of its mass that each element contributes."""
    fractions = _molecule(formula).mass_fraction.items()
    shares = {str(element): rounded(100 * fraction, digits) for element, fraction in fractions}
    return {
        "formula": formula,
        "mass_percent": shares,
        "heaviest_share": max(shares, key=lambda s: shares[s]),
    }


@MOLECULES.get("/moles")
def grams_to_moles(
    formula: Formula, grams: Annotated[float, about("Mass of the sample in grams", 250, gt=0, le=1e12)]
) -> Answer:
    """Tells how many moles and molecules a sample of a compound holds."""
    moles = grams / _molecule(formula).mass
    return {
        "formula": formula,
        "grams": grams,
        "moles": rounded(moles, 8),
        "molecules": f"{moles * 6.02214076e23:.6e}",
    }


class Ingredient(BaseModel):
    """A compound of a mixture."""

    formula: Formula
    parts: Annotated[float, about("Relative amount", 1, gt=0, le=1e6)]


@MOLECULES.post("/mixture", fault=Fault.SERVER_ERROR)
def analyse_mixture(
    ingredients: Annotated[
        list[Ingredient],
        about(
            "Compounds with their amounts",
            [{"formula": "H2O", "parts": 9}, {"formula": "NaCl", "parts": 1}],
            min_length=1,
            max_length=20,
        ),
    ],
    by: Annotated[Literal["mass", "moles"], about("What the parts count")] = "mass",
) -> Answer:
    """Computes the mass share of every element in a mixture of compounds."""
    totals: dict[str, float] = {}
    for part in ingredients:
        molecule = _molecule(part.formula)
        weight = part.parts * (1 if by == "mass" else molecule.mass)
        for element, fraction in molecule.mass_fraction.items():
            totals[str(element)] = totals.get(str(element), 0) + weight * fraction
    whole = sum(totals.values())
    return {
        "by": by,
        "mass_percent": {name: rounded(100 * totals[name] / whole, 4) for name in sorted(totals)},
    }


@MOLECULES.get("/neutron-sld", fault=Fault.EMPTY_BODY)
def neutron_scattering(
    formula: Formula, density: Annotated[float, about("Density in g/cm3", 1.23, gt=0, le=30)]
) -> Answer:
    """Neutron scattering length density of a compound."""
    real, imaginary, incoherent = periodictable.neutron_sld(_molecule(formula), density=density)
    return {"sld": rounded(real), "absorption": rounded(imaginary), "incoherent": rounded(incoherent)}
