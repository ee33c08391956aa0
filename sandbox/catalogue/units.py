"""Units of measurement and constants of nature, computed by pint."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, LazyModule, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

pint = LazyModule("pint")

CONVERTER = Tool(
    slug="unit-converter",
    category="Science",
    name="Unit Converter",
    description="Converts between more than a thousand units of length, mass, energy, pressure and so on, "
    "and explains what a unit is made of.",
    provider="metrika",
    backed_by="pint",
    licence="BSD-3-Clause",
)
CONSTANTS = Tool(
    slug="physical-constants",
    category="Science",
    name="Physical Constants",
    description="Values of fundamental constants and small computations that need them.",
    provider="metrika",
    backed_by="pint",
    licence="BSD-3-Clause",
)

# One digit per exponent: towers of powers would keep pint busy for ever.
_FACTOR = r"[A-Za-zµ°_]+((\^|\*\*)-?\d)?"
UnitName = Annotated[
    str,
    about("Unit name or symbol", "mile", max_length=60, pattern=rf"^{_FACTOR}( ?[*/] ?{_FACTOR}){{0,4}}$"),
]
Digits = Annotated[int, about("Significant digits of the result", ge=1, le=15)]
Dimension = Literal["length", "mass", "time", "area", "volume", "energy", "power", "pressure", "force"]


@cache
def _registry() -> Any:
    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


def _unit(name: str) -> Any:
    try:
        return _registry().parse_units(name)
    except (AttributeError, ValueError, TypeError, KeyError):  # what pint raises for names it does not know
        raise Refusal(
            f"unknown unit '{name}'; see GET /units/{{dimension}} for the names", code="unknown_unit"
        ) from None


def _converted(value: float, source: str, target: str) -> Any:
    unit, wanted = _unit(source), _unit(target)
    if unit.dimensionality != wanted.dimensionality:
        raise unprocessable(
            f"cannot convert {source} ({unit.dimensionality}) to {target} ({wanted.dimensionality})"
        )
    return _registry().Quantity(value, unit).to(wanted)


def _significant(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


@CONVERTER.get("/convert")
def convert_quantity(
    value: Annotated[float, about("Number of units to convert", 26.2)],
    source: Annotated[UnitName, about("Unit to convert from", "mile", alias="from")],
    target: Annotated[UnitName, about("Unit to convert to", "kilometer", alias="to")],
    digits: Digits = 8,
) -> Answer:
    """Converts a quantity from one unit to another; returns the result as a number and as a text."""
    result = _converted(value, source, target)
    return {
        "value": value,
        "from": str(_unit(source)),
        "to": str(_unit(target)),
        "result": _significant(result.magnitude, digits),
        "symbol": f"{result.units:~}",
        "formatted": f"{_significant(result.magnitude, digits)} {result.units:~P}",
    }


@CONVERTER.get("/units/{dimension}")
def list_units_of_a_dimension(
    dimension: Annotated[Dimension, about("Physical dimension", "energy")],
) -> Answer:
    """Lists all units that measure the given dimension, with symbol and size in SI base units."""
    registry = _registry()
    names = {
        "area": "[length]**2", "volume": "[length]**3", "energy": "[energy]", "power": "[power]",
        "pressure": "[pressure]", "force": "[force]",
    }  # fmt: skip
    units = registry.get_compatible_units(names.get(dimension, f"[{dimension}]"))
    entries = [_unit_entry(unit) for unit in sorted(units, key=str)]
    return {"dimension": dimension, "count": len(entries), "units": entries}


def _unit_entry(unit: Any) -> Answer:
    base = _registry().Quantity(1, unit).to_base_units()
    return {
        "name": str(unit),
        "symbol": f"{unit:~}",
        "in_base_units": _significant(base.magnitude, 9),
        "base_unit": f"{base.units:~P}",
    }


@CONVERTER.get("/units/about/{unit}")
def describe_unit(unit: UnitName) -> Answer:
    """Tells what a unit is: full name, symbol, dimensions, and its value in SI base units."""
    found = _unit(unit)
    dimensions = {str(name): float(power) for name, power in sorted(found.dimensionality.items())}
    return {**_unit_entry(found), "dimensions": dimensions, "dimensionless": found.dimensionless}


class Amount(BaseModel):
    """A number of units."""

    value: float
    unit: UnitName


@CONVERTER.post("/convert/batch")
def convert_many(
    quantities: Annotated[
        list[Amount],
        about(
            "Quantities of one dimension",
            [{"value": 12, "unit": "foot"}, {"value": 3.5, "unit": "yard"}, {"value": 90, "unit": "inch"}],
            min_length=1,
            max_length=50,
        ),
    ],
    target: Annotated[UnitName, about("Unit to convert all of them to", "meter", alias="to")],
) -> Answer:
    """Converts a list of quantities to one common unit and adds them up."""
    results = [_converted(amount.value, amount.unit, target).magnitude for amount in quantities]
    return {
        "unit": str(_unit(target)),
        "results": [_significant(value, 10) for value in results],
        "sum": _significant(sum(results), 10),
    }


@CONVERTER.get("/compare", fault=Fault.NOT_SUBSCRIBED)
def compare_quantities(
    first_value: Annotated[float, about("First number", 5)],
    first_unit: Annotated[UnitName, about("Unit of the first", "mile")],
    second_value: Annotated[float, about("Second number", 8)],
    second_unit: Annotated[UnitName, about("Unit of the second", "kilometer")],
) -> Answer:
    """compares two quantities, which is bigger"""
    other = _converted(second_value, second_unit, first_unit).magnitude
    return {
        "larger": "equal" if first_value == other else ("first" if first_value > other else "second"),
        "difference": _significant(first_value - other, 10),
        "unit": first_unit,
    }


@CONVERTER.get("/temperature/{scale}")
def temperature_on_all_scales(
    scale: Annotated[
        Literal["celsius", "fahrenheit", "kelvin", "rankine", "reaumur"],
        about("Scale of the given temperature", "fahrenheit"),
    ],
    degrees: Annotated[float, about("Temperature on that scale", 98.6, ge=-1000, le=1_000_000)],
) -> Answer:
    """Expresses a temperature on the Celsius, Fahrenheit, Kelvin, Rankine and Réaumur scales."""
    registry = _registry()
    names = {
        "celsius": "degree_Celsius", "fahrenheit": "degree_Fahrenheit", "kelvin": "kelvin",
        "rankine": "degree_Rankine", "reaumur": "degree_Reaumur",
    }  # fmt: skip
    kelvin = registry.Quantity(degrees, names[scale]).to("kelvin").magnitude
    if kelvin < 0:
        raise unprocessable(f"{degrees} degrees {scale} is below absolute zero ({rounded(kelvin, 3)} K)")
    scales = {
        key: rounded(registry.Quantity(kelvin, "kelvin").to(name).magnitude, 4) for key, name in names.items()
    }
    return {"given": {"scale": scale, "degrees": degrees}, "scales": scales}


_CONSTANTS = (
    "atomic_mass_constant", "avogadro_constant", "bohr_radius" , "boltzmann_constant", "electron_mass",
    "elementary_charge", "faraday_constant", "fine_structure_constant", "molar_gas_constant",
    "newtonian_constant_of_gravitation", "planck_constant", "proton_mass", "neutron_mass", "rydberg_constant",
    "speed_of_light", "standard_gravity", "stefan_boltzmann_constant", "vacuum_permittivity",
    "vacuum_permeability", "wien_wavelength_displacement_law_constant",
)  # fmt: skip


def _constant(name: str) -> Any:
    return _registry().Quantity(1, name).to_base_units()


@CONSTANTS.get("/constants")
def list_constants() -> Answer:
    """Lists the known constants with value and SI unit."""
    return {"constants": [get_constant(name) for name in _CONSTANTS if name != "bohr_radius"]}


@CONSTANTS.get("/constants/{name}")
def get_constant(
    name: Annotated[
        str, about("Name of a constant in lower case with underscores", "planck_constant", max_length=60)
    ],
) -> Answer:
    """Returns the CODATA value and the SI unit of one physical constant."""
    if name not in _CONSTANTS:
        raise Refusal(f"no constant '{name}'; GET /constants lists the names", code="unknown_constant")
    value = _constant(name)
    return {"name": name, "value": float(value.magnitude), "unit": f"{value.units:~P}"}


@CONSTANTS.get("/photon")
def photon_properties(
    wavelength_nm: Annotated[float, about("Wavelength in nanometres", 532, ge=0.001, le=1e12)],
) -> Answer:
    """Computes energy, frequency and momentum of a photon from its wavelength."""
    registry = _registry()
    planck, light = _constant("planck_constant"), _constant("speed_of_light")
    wavelength = registry.Quantity(wavelength_nm, "nanometer")
    energy = planck * light / wavelength
    return {
        "energy_ev": _significant(energy.to("electron_volt").magnitude, 8),
        "energy_joule": _significant(energy.to("joule").magnitude, 8),
        "frequency_thz": _significant((light / wavelength).to("terahertz").magnitude, 8),
        "momentum_kg_m_per_s": _significant((planck / wavelength).to("kg*m/s").magnitude, 8),
    }


@CONSTANTS.get("/rest-energy", fault=Fault.SERVER_ERROR)
def rest_energy(
    mass: Annotated[float, about("Mass", 1.0, ge=0)],
    unit: Annotated[Literal["kilogram", "gram", "atomic_mass_constant"], about("Unit of the mass")] = "gram",
) -> Answer:
    """Energy equivalent of a mass (E = mc^2) in joule, kWh and tons of TNT."""
    energy = _registry().Quantity(mass, unit) * _constant("speed_of_light") ** 2
    names = ("joule", "kilowatt_hour", "ton_TNT")
    return {name: _significant(energy.to(name).magnitude, 8) for name in names}
